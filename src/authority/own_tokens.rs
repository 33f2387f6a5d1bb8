//! The authority's part for verifying tokens of our own: first the token itself, then whether its subject may still have
//! one.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    authority::{authority::Authority, token_cache::CachedToken, token_holder::TokenHolder},
    oauth::custom_claims::CustomClaims,
    principal::Principal,
    roster::{client_record::SourcedClient, roster::Roster},
    tokens::{
        claims::{OwnToken, VerifiedToken},
        token_error::TokenError,
    },
};

impl Authority {
    /// Authenticates an access token of a client or user: first the token itself, then that its subject may still have
    /// one.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn authenticate_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Principal>, TokenError> {
        match self.token_holder(token, now)? {
            TokenHolder::Known(principal) => Ok(principal),
            TokenHolder::Sourced(_) => Err(TokenError::Withdrawn),
            TokenHolder::Account(_) => Err(TokenError::Account),
        }
    }

    /// The same for every access token of ours; for some the application must be asked what the subject may do now.
    ///
    /// # Errors
    /// Why it is refused, whatever the application says.
    pub(crate) fn token_holder(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<TokenHolder, TokenError> {
        let verified = self.verify_token(token, now)?;
        match verified.is_for(&self.tokens.audience) {
            true => Ok(verified.holder.clone()),
            false => Err(TokenError::Audience),
        }
    }

    /// The same of a token for any service, with the audiences that its subject may still ask for.
    ///
    /// # Errors
    /// Why it is refused, whatever the application says.
    pub(crate) fn introspect(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(TokenHolder, Vec<String>), TokenError> {
        let verified = self.verify_token(token, now)?;
        match verified.audiences.is_empty() {
            true => Err(TokenError::Audience),
            false => Ok((verified.holder.clone(), verified.audiences.clone())),
        }
    }

    /// Verifies a token for any audience, or finds it among those that the same keys verified before. Whatever else may
    /// have changed since is checked every time: the time, the revocations, the roster.
    fn verify_token(&self, token: &str, now: Timestamp) -> Result<Arc<CachedToken>, TokenError> {
        let (roster, keyring) = (self.roster.load(), self.tokens.keyring.load());
        let own = &self.tokens.audience;
        let known = self.token_cache.find(token).filter(|known| known.is_verified_by(&keyring));
        let cached = match known {
            Some(cached) => {
                self.tokens.check(&cached.token, now)?;
                match cached.is_limited_by(&roster) {
                    true => cached,
                    false => {
                        let verified = cached.token.clone();
                        self.token_cache.add(token, verified, own, &roster, &keyring)
                    }
                }
            }
            None => {
                let verified = self.tokens.verify_with(&keyring, token, now)?;
                self.token_cache.add(token, verified, own, &roster, &keyring)
            }
        };
        if cached.expires_at.is_some_and(|end| self.tokens.is_over(end, now)) {
            return Err(TokenError::Expired);
        }
        if cached.token.ids().any(|id| self.is_revoked(id)) {
            return Err(TokenError::Revoked);
        }
        match (&cached.holder, &cached.token) {
            (TokenHolder::Known(_), OwnToken::Subject(token))
                if !Self::is_still_granted(&roster, token, now) =>
            {
                Err(TokenError::Withdrawn)
            }
            _ => Ok(cached),
        }
    }

    /// The principal of a token for a client that is not in the roster, with the roles and scopes that it still has;
    /// `sourced` is what the application knows of its key.
    ///
    /// # Errors
    /// The key is gone or has expired, the client is disabled, has another name, or one that the roster has.
    pub(crate) fn admit_sourced(
        &self,
        token: &VerifiedToken,
        sourced: &SourcedClient,
        now: Timestamp,
    ) -> Result<Principal, TokenError> {
        let roster = self.roster.load();
        let id = token.key_id().ok_or(TokenError::Withdrawn)?;
        let client = roster.check_sourced_key(sourced, id, now).ok();
        let client = client.filter(|client| client.name == *token.subject());
        let client = client.ok_or(TokenError::Withdrawn)?;
        let limited = token.clone().limited_to(&client.roles, &client.scopes);
        Ok(limited.keeping(&CustomClaims::default()).into())
    }

    /// Whether the roster still has what the token was issued for.
    fn is_still_granted(roster: &Roster, token: &VerifiedToken, now: Timestamp) -> bool {
        match token.key_id() {
            Some(id) => {
                roster.check_key(id, now).is_ok_and(|client| client.name == *token.subject())
            }
            None => {
                let issued_at = token.issued_at();
                roster.check_user(token.subject(), token.client_id(), issued_at).is_ok()
            }
        }
    }
}
