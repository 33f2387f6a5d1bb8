//! The grant types of the token endpoint.

use serde::{Deserialize, Serialize};

/// How a token may be asked for (RFC 6749 §4.3, §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A client, for itself.
    ClientCredentials,
    /// A user's name and password.
    Password,
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ClientCredentials, Self::Password];
}
