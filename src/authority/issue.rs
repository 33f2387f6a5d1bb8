//! What may be asked for when a token is issued, what is granted, and why it or a revocation is refused.
//!
//! Must not know who asks.

use std::time::Duration;

use crate::{
    oauth::Scopes,
    tokens::{SigningError, StateError},
};

/// What a caller may ask for beyond "a token, please".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct IssueRequest {
    /// Only these scopes; all that were granted, where nothing is said.
    pub scopes: Option<Scopes>,
    /// A shorter life; whole seconds.
    pub lifetime: Option<Duration>,
}

/// Why no token is issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IssueError {
    /// A scope was asked for that was not granted (RFC 6749 §5.2, `invalid_scope`).
    #[error("these scopes were not granted: {0}")]
    Scope(Scopes),
    /// A longer life than tokens have here was asked for.
    #[error("a token lives {0} seconds at most")]
    Lifetime(u64),
    /// Another issuer speaks for this principal: it issues its tokens.
    #[error("another issuer issues the tokens for this subject")]
    Foreign,
    /// The token would hold more than fits into a header.
    #[error("{0}")]
    TooLong(String),
    /// The cryptographic library failed.
    #[error("{0}")]
    Signing(String),
}

impl From<SigningError> for IssueError {
    fn from(fault: SigningError) -> Self {
        match fault {
            SigningError::TooLong => Self::TooLong(fault.to_string()),
            SigningError::Signing(_) | SigningError::Writing(_) => Self::Signing(fault.to_string()),
        }
    }
}

/// Why a token could not be revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RevokeError {
    /// Only a token of ours can be revoked this way, and another proof was presented.
    #[error("no token that was issued here was presented, so there is none to revoke")]
    NoToken,
    /// It was issued to another client.
    #[error("the token was issued to another client")]
    NotYours,
    /// It is revoked until a restart, which may forget it.
    #[error("the revocation could not be kept: {0}")]
    State(#[from] StateError),
}
