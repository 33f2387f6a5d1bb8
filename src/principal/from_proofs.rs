//! From each proof to its principal: there is no other way to one.

use crate::{
    oauth::{Scope, custom_claims::CustomClaims},
    principal::principal::{Names, Principal, Proof},
    roster::{verified_key::VerifiedKey, verified_password::VerifiedPassword},
    tokens::{
        claims::{VerifiedAccountToken, VerifiedToken},
        external::external_claims::VerifiedExternalToken,
    },
};

impl From<VerifiedKey> for Principal {
    fn from(key: VerifiedKey) -> Self {
        Self {
            names: Names::Ours { subject: key.client().clone(), client_id: key.client().clone() },
            roles: key.roles().clone(),
            scopes: key.scopes().clone(),
            custom: key.claims().clone(),
            proof: Proof::ApiKey { key_id: key.key_id().clone(), expires_at: key.expires() },
        }
    }
}

impl From<VerifiedPassword> for Principal {
    fn from(password: VerifiedPassword) -> Self {
        Self {
            names: Names::Ours {
                subject: password.user().clone(),
                client_id: password.user().clone(),
            },
            roles: password.roles().clone(),
            scopes: password.scopes().clone(),
            custom: password.claims().clone(),
            proof: Proof::Password,
        }
    }
}

impl From<VerifiedToken> for Principal {
    fn from(token: VerifiedToken) -> Self {
        Self {
            names: Names::Ours {
                subject: token.subject().clone(),
                client_id: token.client_id().clone(),
            },
            roles: token.roles().clone(),
            scopes: token.scopes().clone(),
            custom: token.custom().clone(),
            proof: Proof::Token {
                id: token.id().to_owned(),
                key_id: token.key_id().cloned(),
                issued_at: token.issued_at(),
                expires_at: token.expires_at(),
            },
        }
    }
}

impl From<VerifiedAccountToken> for Principal {
    fn from(token: VerifiedAccountToken) -> Self {
        Self {
            names: Names::Account(token.subject().clone()),
            roles: token.roles().clone(),
            scopes: token.scopes().clone(),
            custom: token.custom().clone(),
            proof: Proof::Token {
                id: token.id().to_owned(),
                key_id: None,
                issued_at: token.issued_at(),
                expires_at: token.expires_at(),
            },
        }
    }
}

/// OpenAPI lists scopes under `openIdConnect` and has no other place for what a provider calls roles. So the
/// roles of these tokens count as scopes as well.
impl From<VerifiedExternalToken> for Principal {
    fn from(token: VerifiedExternalToken) -> Self {
        let roles = token.roles().clone();
        let as_scopes = roles.iter().filter_map(|role| Scope::parse(role.as_str()).ok());
        Self {
            names: Names::Foreign {
                issuer: token.issuer().clone(),
                subject: token.subject().clone(),
                client_id: token.client_id().cloned(),
            },
            scopes: token.scopes().iter().cloned().chain(as_scopes).collect(),
            roles,
            custom: CustomClaims::default(),
            proof: Proof::ExternalToken {
                issued_at: token.issued_at(),
                expires_at: token.expires_at(),
            },
        }
    }
}
