//! Grant types (RFC 6749 §4.3, §4.4).

use serde::{Deserialize, Serialize};

/// How a client asks for a token (RFC 6749 §4.3, §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// The client asks for itself.
    ClientCredentials,
    /// The client presents a user's name and password.
    Password,
}

impl GrantType {
    /// Every supported grant type.
    pub const ALL: [Self; 2] = [Self::ClientCredentials, Self::Password];
}
