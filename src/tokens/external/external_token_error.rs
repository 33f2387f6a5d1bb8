//! Why the token of an external issuer is refused, or cannot be verified yet.

use crate::tokens::token_error::TokenError;

/// Why the token of an external issuer is refused, or cannot be verified yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExternalTokenError {
    /// The roster has no such issuer, or has it no longer.
    #[error("is of an issuer that the roster does not name")]
    Untrusted,
    /// Fetch the keys of the issuer, which is allowed now, and verify again.
    #[error("needs keys that must be fetched first")]
    KeysNeeded,
    /// It is invalid.
    #[error("{0}")]
    Token(#[from] TokenError),
}
