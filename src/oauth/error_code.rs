//! Error codes of OAuth2 endpoints (RFC 6749 §5.2).

use serde::{Deserialize, Serialize};

/// Why an OAuth2 endpoint refuses (RFC 6749 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A parameter is missing, repeated or malformed, or there are two ways of authentication.
    InvalidRequest,
    /// The client could not be authenticated.
    InvalidClient,
    /// The user's name or password is wrong.
    InvalidGrant,
    /// The client may not use this grant type.
    UnauthorizedClient,
    /// The grant type is not supported.
    UnsupportedGrantType,
    /// The scope is malformed or exceeds what the client has.
    InvalidScope,
    /// The audience is malformed, or the client may not ask for it (RFC 8707 §2).
    InvalidTarget,
    /// An internal error or an overload (RFC 6749 §4.1.2.1).
    ServerError,
    /// Something that it needs is out of reach for now (RFC 6749 §4.1.2.1).
    TemporarilyUnavailable,
}

impl ErrorCode {
    /// Every error code.
    pub const ALL: [Self; 9] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
        Self::InvalidTarget,
        Self::ServerError,
        Self::TemporarilyUnavailable,
    ];
}
