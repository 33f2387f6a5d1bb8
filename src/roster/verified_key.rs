//! Verification of API keys.

use jiff::Timestamp;

use crate::{
    oauth::{key_id::KeyId, role::Roles, scope::Scopes, subject::Subject},
    roster::{
        api_key::ApiKey,
        roster::Roster,
        roster_entries::{Client, KeyRecord},
        secret_hash::SecretHash,
    },
};

/// Proof that the caller holds a valid API key of an enabled client. Only [`Roster::verify`] makes one, and
/// [`ApiKeyCache`](super::api_key_cache::ApiKeyCache) recalls it.
#[derive(Debug, Clone)]
pub struct VerifiedKey {
    client: Subject,
    roles: Roles,
    scopes: Scopes,
    key_id: KeyId,
    expires: Option<Timestamp>,
}

impl VerifiedKey {
    /// Called only after the secret was compared. Fails if the key has expired or its client is disabled.
    pub(super) fn new(
        client: &Client,
        key: &KeyRecord,
        now: Timestamp,
    ) -> Result<Self, ApiKeyError> {
        check_usable(client, key, now)?;
        Ok(Self {
            client: client.name.clone(),
            roles: client.roles.clone(),
            scopes: client.scopes.clone(),
            key_id: key.id.clone(),
            expires: key.expires,
        })
    }

    pub fn client(&self) -> &Subject {
        &self.client
    }

    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// When the key expires; tokens issued for it must not live longer.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }
}

/// Why an API key is refused: logged, never sent to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiKeyError {
    #[error("no such key id in the roster")]
    UnknownKey,
    #[error("wrong secret")]
    WrongSecret,
    #[error("the key has expired")]
    Expired,
    #[error("the client is disabled")]
    Disabled,
}

impl Roster {
    /// Verifies an API key. Runs exactly one bcrypt whatever the result. Only a caller with the right secret learns
    /// that the key has expired or that its client is disabled.
    pub(crate) fn verify(
        &self,
        presented: &ApiKey,
        now: Timestamp,
    ) -> Result<VerifiedKey, ApiKeyError> {
        let Some((client, key)) = self.key(presented.id()) else {
            let _never = SecretHash::unmatchable(self.highest_cost).matches(presented.secret());
            return Err(ApiKeyError::UnknownKey);
        };
        if !key.hash.matches(presented.secret()) {
            return Err(ApiKeyError::WrongSecret);
        }
        VerifiedKey::new(client, key, now)
    }

    /// Checks without bcrypt that a key still exists and has not expired, and that its client is enabled. Tokens
    /// issued for the key depend on this. Returns the client.
    ///
    /// # Errors
    /// [`ApiKeyError`], never [`ApiKeyError::WrongSecret`].
    pub(crate) fn check_key(&self, id: &KeyId, now: Timestamp) -> Result<&Client, ApiKeyError> {
        let (client, key) = self.key(id).ok_or(ApiKeyError::UnknownKey)?;
        check_usable(client, key, now)?;
        Ok(client)
    }
}

fn check_usable(client: &Client, key: &KeyRecord, now: Timestamp) -> Result<(), ApiKeyError> {
    if client.disabled {
        Err(ApiKeyError::Disabled)
    } else if key.has_expired(now) {
        Err(ApiKeyError::Expired)
    } else {
        Ok(())
    }
}
