//! What makes revocations outlive the process.

use std::fmt;

use crate::store::state_error::StateError;

/// A token id that is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// The `jti`.
    pub(crate) id: String,
    /// The second from which the token would not be accepted anyway, so that the revocation can be forgotten.
    pub(crate) until: i64,
}

/// Keeps revocations durably. They are looked up elsewhere, in memory.
pub(crate) trait RevocationLog: fmt::Debug + Send + Sync {
    /// All revocations that are still needed at the second `now`.
    ///
    /// # Errors
    /// They cannot be read.
    fn load(&self, now: i64) -> Result<Vec<Revocation>, StateError>;

    /// Adds a revocation. When this returns, it is durable. It may wait for a disk or a network, so call it where
    /// blocking is fine.
    ///
    /// # Errors
    /// It may not be durable. It is added together with the next one.
    fn append(&self, revocation: Revocation, now: i64) -> Result<(), StateError>;
}
