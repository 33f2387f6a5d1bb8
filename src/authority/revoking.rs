//! The authority's part for revoking tokens, and for the revocations that are remembered.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    authority::{authority::Authority, issue_request::RevokeError},
    principal::{Principal, Proof},
    store::{revocations::Durability, state_error::StateError},
    tokens::claims::OwnToken,
};

impl Authority {
    /// Revokes the token that authenticated this principal. It waits for the disk or the network, so call it where
    /// blocking is fine.
    ///
    /// # Errors
    /// It was authenticated by something else, or the revocation is not durable.
    pub(crate) fn revoke(&self, principal: &Principal, now: Timestamp) -> Result<(), RevokeError> {
        match principal.proof() {
            Proof::Token { id, expires_at, .. } => self.add_revocation(id, *expires_at, now),
            Proof::ApiKey { .. } | Proof::Password | Proof::ExternalToken { .. } => {
                Err(RevokeError::NoToken)
            }
        }
    }

    /// Whether the token of this `jti` itself was revoked.
    pub(super) fn is_revoked(&self, id: &str) -> bool {
        self.revocations.contains(id)
    }

    /// Revokes a token that was issued to `client` (RFC 7009). One that is invalid or expired is no error. Returns the
    /// `jti` of the token that was revoked. It waits for the disk or the network, so call it where blocking is fine.
    ///
    /// # Errors
    /// The token was issued to another client, or the revocation is not durable.
    pub(crate) fn revoke_token(
        &self,
        client: &Principal,
        token: &SecretString,
        now: Timestamp,
    ) -> Result<Option<String>, RevokeError> {
        // Also one that is revoked already: it may not have reached the disk.
        let (token, keyring) = (token.expose_secret(), self.tokens.keyring.load());
        let Ok(token) = self.tokens.verify_with(&keyring, token, now) else { return Ok(None) };
        let OwnToken::Subject(token) = token else { return Err(RevokeError::NotYours) };
        if client.ours().is_none_or(|(_, client_id)| token.client_id() != client_id) {
            return Err(RevokeError::NotYours);
        }
        self.add_revocation(token.id(), token.expires_at(), now)?;
        Ok(Some(token.id().to_owned()))
    }

    fn add_revocation(
        &self,
        id: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), RevokeError> {
        let until = match self.revocations.are_shared() {
            true => self.tokens.refused_from(expires_at),
            false => self.tokens.revoked_until(expires_at),
        };
        Ok(self.revocations.add(id, until, now)?)
    }

    /// Whether the revocations are known that were made before the start: until then no token of ours can be judged.
    pub(crate) fn knows_revocations(&self) -> bool {
        self.revocations.are_known()
    }

    /// Forgets revocations that are not needed at `now`, and checks that a restart would find the rest; to be called
    /// regularly, where blocking is fine. `uptime` is the time since the start by a monotonic clock.
    ///
    /// # Errors
    /// Why a restart would forget revocations.
    pub(crate) fn tend_revocations(
        &self,
        now: Timestamp,
        uptime: Duration,
    ) -> Result<(), StateError> {
        self.revocations.tend(now, uptime)
    }

    /// Whether a restart would find the revocations, and other replicas.
    pub(crate) fn durability(&self) -> Durability {
        self.revocations.durability()
    }
}
