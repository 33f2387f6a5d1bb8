//! Reads the credentials of a request where its operation looks for them, and authenticates them.
//!
//! Must not know what an operation demands, or how an answer is written.

pub(crate) mod attempts;
pub(crate) mod authenticator;
pub(crate) mod external_issuers;
pub(crate) mod hash_pool;
pub(crate) mod locations;
pub(crate) mod read;
pub(crate) mod secrets;
