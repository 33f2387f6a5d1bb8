//! What may be asked for when a token is issued, what is granted, and why it is refused.
//!
//! Must not know who asks.

use std::time::Duration;

use crate::{oauth::Scopes, tokens::Issued};

/// What a caller may ask for beyond "a token, please".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Only these scopes; all that were granted, where nothing is said.
    pub scopes: Option<Scopes>,
    /// A shorter life; whole seconds.
    pub lifetime: Option<Duration>,
}

/// Why no token is issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueRefusal {
    /// A scope was asked for that was not granted (RFC 6749 §5.2, `invalid_scope`).
    #[error("these scopes were not granted: {0}")]
    Scope(Scopes),
    /// A longer life than tokens have here was asked for.
    #[error("a token lives {0} seconds at most")]
    Lifetime(u64),
    /// Another issuer speaks for this principal: it issues its tokens.
    #[error("another issuer issues the tokens for this subject")]
    Foreign,
    /// The cryptographic library failed.
    #[error("the token could not be signed: {0}")]
    Signing(String),
}

/// An issued token with the scopes that it really allows.
#[derive(Debug)]
pub struct Granted {
    /// The token and when it ends.
    pub issued: Issued,
    /// What it allows.
    pub scopes: Scopes,
}
