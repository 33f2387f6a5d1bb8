//! A new API key for an application that keeps its clients itself.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::{
    oauth::key_id::KeyId,
    roster::{
        api_key::ApiKey,
        secret_hash::{DEFAULT_COST, HashError, SecretHash},
    },
};

/// An API key that was made just now. The application keeps its id and its hash, and tells the client the key.
pub struct NewApiKey {
    id: KeyId,
    hash: SecretHash,
    text: SecretString,
}

impl NewApiKey {
    /// Makes a key with 256 random bits. Its hash takes some 60 ms of a core: call it in `web::block`.
    ///
    /// # Errors
    /// The system provides no randomness.
    pub fn generate() -> Result<Self, NewApiKeyError> {
        Self::with_cost(DEFAULT_COST)
    }

    pub(super) fn with_cost(cost: u32) -> Result<Self, NewApiKeyError> {
        let key = ApiKey::generate();
        let hash = SecretHash::new(key.secret(), cost)?;
        Ok(Self { id: key.id().clone(), hash, text: key.expose() })
    }

    /// The public name of the key, by which [`Clients`](crate::Clients) is asked for it.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Its bcrypt hash.
    pub fn hash(&self) -> &str {
        self.hash.as_str()
    }

    /// The key itself: a secret that only its client keeps.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey").field("id", &self.id.as_str()).finish_non_exhaustive()
    }
}

/// No API key could be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NewApiKeyError(#[from] HashError);
