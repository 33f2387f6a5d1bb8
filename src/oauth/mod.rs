//! The vocabulary of OAuth2 and OpenID Connect as types.
//!
//! Must not know any other part of hallpass.

pub(crate) mod account_id;
pub(crate) mod audience;
pub(crate) mod checked_string;
pub(crate) mod custom_claims;
pub(crate) mod error_code;
pub(crate) mod external_name;
pub(crate) mod grant_type;
pub(crate) mod http_token;
pub(crate) mod key_id;
pub(crate) mod provider_url;
pub(crate) mod role;
pub(crate) mod scope;
pub(crate) mod subject;

// For users of the crate; hallpass itself names the module that defines an item.
pub use account_id::AccountId;
pub use audience::Audience;
pub use checked_string::SyntaxError;
pub use custom_claims::CustomClaimError;
pub use error_code::ErrorCode;
pub use external_name::ExternalName;
pub use grant_type::GrantType;
pub use key_id::KeyId;
pub use provider_url::ProviderUrl;
pub use role::{Role, Roles};
pub use scope::{Scope, Scopes};
pub use subject::Subject;
