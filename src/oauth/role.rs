//! Roles (OpenAPI 3.1, Security Requirement Object).

use std::collections::BTreeSet;

use crate::oauth::{
    checked_string::checked_string,
    scope::{Scope, is_scope_token},
};

checked_string! {
    /// What an operation demands under a scheme that has no scopes (OpenAPI 3.1, Security Requirement Object).
    Role, is_scope_token, "a role: 1 to 128 printable ASCII characters without space, \" and \\"
}

impl Role {
    /// How many characters a role may have.
    pub const MAX_LENGTH: usize = Scope::MAX_LENGTH;
}

/// The roles of a principal.
pub type Roles = BTreeSet<Role>;
