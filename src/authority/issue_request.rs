//! What may be asked for when a token is issued, and why it or a revocation is refused.

use std::time::Duration;

use crate::{
    oauth::Scopes,
    store::state_error::{StateError, StateErrorKind},
    tokens::signing_error::SigningError,
};

/// What may be asked for when a token is issued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct IssueRequest {
    /// Only these scopes; none means all that were granted.
    pub scopes: Option<Scopes>,
    /// A shorter lifetime; whole seconds.
    pub lifetime: Option<Duration>,
    /// The service that the token is for; none means the default.
    pub audience: Option<String>,
}

/// Why no token is issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IssueError {
    /// A scope was asked for that was not granted (RFC 6749 §5.2, `invalid_scope`).
    #[error("these scopes were not granted: {0}")]
    Scope(Scopes),
    /// A longer lifetime than the configured one was asked for.
    #[error("a token lives {0} seconds at most")]
    Lifetime(u64),
    /// An audience was asked for that the client or user may not have (RFC 8707 §2, `invalid_target`).
    #[error("no token for the audience {0:?}: it is not among those of this client or user")]
    Audience(String),
    /// The principal is that of an external issuer, which issues its tokens.
    #[error("another issuer issues the tokens for this subject")]
    Foreign,
    /// The token would hold more than fits into a header.
    #[error("{0}")]
    TooLong(String),
    /// The cryptographic library failed.
    #[error("{0}")]
    Signing(String),
}

impl From<StateError> for RevokeError {
    fn from(error: StateError) -> Self {
        match error.kind {
            StateErrorKind::OutOfStep(_) => Self::NotShared(error),
            _ => Self::State(error),
        }
    }
}

impl From<SigningError> for IssueError {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::TooLong => Self::TooLong(error.to_string()),
            SigningError::Signing(_) | SigningError::Writing(_) => Self::Signing(error.to_string()),
        }
    }
}

/// Why a token could not be revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RevokeError {
    /// The principal was not authenticated by a token of ours.
    #[error("no token that was issued here was presented, so there is none to revoke")]
    NoToken,
    /// It was issued to another client.
    #[error("the token was issued to another client")]
    NotYours,
    /// The token is revoked, but a restart may forget it.
    #[error("the token is revoked here, but a restart would forget it: {0}")]
    State(StateError),
    /// The token is revoked here, but other replicas may not know.
    #[error("the token may not be revoked on other replicas: {0}")]
    NotShared(StateError),
}
