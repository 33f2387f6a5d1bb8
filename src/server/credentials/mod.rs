//! Reads the credentials of a request where its operation looks for them, and authenticates them.
//!
//! Must not know what an operation demands, or how a decision is answered.

pub(crate) mod authenticator;
pub(crate) mod hash_pool;
mod key_verification;
mod keyed_semaphore;
pub(crate) mod locations;
pub(crate) mod lookups;
pub(crate) mod presented;
pub(crate) mod request_credentials;
pub(crate) mod scheme_issuers;
pub(crate) mod secret_verifier;
pub(crate) mod token_verifier;
