//! What makes revocations, and when keys were last used, outlive the process.

use std::fmt;

use jiff::Timestamp;

use crate::store::state_error::StateError;

/// A token id that is revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revocation {
    /// The `jti`.
    pub(crate) id: String,
    /// The second from which the token would not be accepted anyway.
    pub(crate) until: i64,
}

/// When an API key was last used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyUse {
    pub(crate) key_id: String,
    /// In seconds since 1970.
    pub(crate) second: i64,
}

/// A use is recorded if the last one that is recorded is so much older. What is recorded is never older than a minute, and
/// some seconds pass between two looks.
pub(crate) const KEY_USE_SECONDS: i64 = 50;

/// Keeps revocations durably, until it is told to forget them. They are looked up elsewhere, in memory.
///
/// Every method may wait for a disk or a network, so call them where blocking is fine.
pub(crate) trait StateLog: fmt::Debug + Send + Sync {
    /// Adds a revocation. When this returns, it is durable.
    ///
    /// # Errors
    /// It may not be durable. It is added again by itself, later.
    fn append(&self, revocation: Revocation, now: Timestamp) -> Result<(), StateError>;

    /// Removes revocations.
    ///
    /// # Errors
    /// Some of them may still be there.
    fn remove(&self, revocations: &[Revocation]) -> Result<(), StateError>;

    /// Whether a restart would find all of them; adds what could not be added before, if that does not happen by itself.
    ///
    /// # Errors
    /// A restart would not.
    fn check(&self) -> Result<(), StateError>;

    /// Records when keys were last used, and returns what is recorded, or nothing where all of that was returned before.
    ///
    /// # Errors
    /// Some may not be recorded.
    fn exchange_key_uses(&self, uses: &[KeyUse]) -> Result<Vec<KeyUse>, StateError>;

    /// Whether other processes find them too.
    fn is_shared(&self) -> bool;
}
