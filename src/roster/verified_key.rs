//! Proving an API key by bcrypt, which makes a [`VerifiedKey`].
//!
//! Must not know where the key came from.

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

/// The proof that somebody holds a good API key of an enabled client. Only [`Roster::verify`] makes one, and
/// [`ApiKeyCache`](super::ApiKeyCache) makes it again.
#[derive(Debug, Clone)]
pub struct VerifiedKey {
    client: Subject,
    roles: Roles,
    scopes: Scopes,
    key_id: KeyId,
    expires: Option<Timestamp>,
}

impl VerifiedKey {
    /// The proof, for those who have just compared the secret: unless the key is good no more.
    pub(super) fn new(
        client: &Client,
        key: &KeyRecord,
        now: Timestamp,
    ) -> Result<Self, ApiKeyError> {
        still_good(client, key, now)?;
        Ok(Self {
            client: client.name.clone(),
            roles: client.roles.clone(),
            scopes: client.scopes.clone(),
            key_id: key.id.clone(),
            expires: key.expires,
        })
    }

    /// The client that the key belongs to.
    pub fn client(&self) -> &Subject {
        &self.client
    }

    /// The client's roles.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The client's scopes.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// The public name of the key.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// When the key stops being good; nothing made from the proof should live longer.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }
}

/// Why an API key is refused: for the log, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiKeyError {
    /// The roster has no key of this id; it never had, or the key was revoked.
    #[error("no such key id in the roster")]
    UnknownKey,
    /// The key id is known, the secret is another.
    #[error("wrong secret")]
    WrongSecret,
    /// The key is right and too old.
    #[error("the key has expired")]
    Expired,
    /// The key is right and its client is disabled.
    #[error("the client is disabled")]
    Disabled,
}

impl Roster {
    /// Checks an API key. It takes exactly one bcrypt whatever the answer, and nobody learns that a key
    /// has expired or that its client is disabled who does not hold the key.
    ///
    /// # Errors
    /// [`ApiKeyError`], which says why.
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

    /// Whether what was once made from this key may live on: the key is still there and not expired, its
    /// client is enabled. Returns the client. Costs no bcrypt.
    ///
    /// # Errors
    /// [`ApiKeyError`], which says why; never [`ApiKeyError::WrongSecret`].
    pub(crate) fn check_key(&self, id: &KeyId, now: Timestamp) -> Result<&Client, ApiKeyError> {
        let (client, key) = self.key(id).ok_or(ApiKeyError::UnknownKey)?;
        still_good(client, key, now)?;
        Ok(client)
    }
}

fn still_good(client: &Client, key: &KeyRecord, now: Timestamp) -> Result<(), ApiKeyError> {
    if client.disabled {
        Err(ApiKeyError::Disabled)
    } else if key.has_expired(now) {
        Err(ApiKeyError::Expired)
    } else {
        Ok(())
    }
}
