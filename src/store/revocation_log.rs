//! What makes revocations outlive the process.

use std::fmt;

use crate::store::state_error::StateError;

/// A token id that is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// The `jti`.
    pub(crate) id: String,
    /// The second from which the token would not be accepted anyway.
    pub(crate) until: i64,
}

/// Keeps revocations durably, until it is told to forget them. They are looked up elsewhere, in memory.
///
/// Every method may wait for a disk or a network, so call them where blocking is fine.
pub(crate) trait RevocationLog: fmt::Debug + Send + Sync {
    /// All revocations.
    ///
    /// # Errors
    /// They cannot be read.
    fn load(&self) -> Result<Vec<Revocation>, StateError>;

    /// Adds a revocation. When this returns, it is durable.
    ///
    /// # Errors
    /// It may not be durable. It is added together with the next one.
    fn append(&self, revocation: Revocation) -> Result<(), StateError>;

    /// Removes revocations.
    ///
    /// # Errors
    /// Some of them may still be there.
    fn remove(&self, revocations: &[Revocation]) -> Result<(), StateError>;

    /// Adds what could not be added before, and checks that a restart would find all of it.
    ///
    /// # Errors
    /// A restart would not.
    fn check(&self) -> Result<(), StateError>;
}
