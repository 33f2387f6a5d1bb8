//! The terms of OAuth2 and OpenID Connect as types: subject, role, scope, grant type, error code.
//!
//! Must not know anything else of hallpass.

mod error_code;
mod grant_type;
mod names;
mod provider;
mod scopes;

pub use self::{
    error_code::ErrorCode,
    grant_type::GrantType,
    names::{KeyId, Role, Roles, Scope, Subject, SyntaxError},
    provider::{ExternalName, ProviderUrl},
    scopes::Scopes,
};
