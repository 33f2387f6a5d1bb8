//! Tokens of other OpenID providers: whom to trust, and the state of each one's keys.
//!
//! Must not know the roster's file, or the OpenAPI document that names an issuer.

mod external_claims;
mod fetch;
mod issuer;
mod json;
mod jwk_set;
#[cfg(test)]
mod tests;
mod verify;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::oauth::{ProviderUrl, Subject};

use super::TokenError;

pub(crate) use external_claims::VerifiedExternalToken;
pub(crate) use fetch::FetchError;
pub(crate) use issuer::{ExternalIssuer, IssuerStatus, Refresh};

/// An issuer to trust, and how to read its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalIssuerSettings {
    /// What it is called here.
    pub name: Subject,
    /// Its `iss`, to be compared exactly.
    pub url: ProviderUrl,
    /// The `aud` that its tokens must carry.
    pub audience: String,
    /// The claim that lists roles, or a dotted path to it; without one its tokens carry none.
    pub roles_claim: Option<String>,
}

/// Why another issuer's token is refused, or cannot be judged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExternalTokenError {
    /// Nobody of this name is trusted, perhaps no longer.
    #[error("is of an issuer that the roster does not name")]
    Untrusted,
    /// It may be good: fetch the issuer's keys, which is allowed now, and ask again.
    #[error("needs keys that must be fetched first")]
    KeysNeeded,
    /// It is bad.
    #[error("{0}")]
    Token(#[from] TokenError),
}

/// The issuers that were ever asked for, each with its keys.
#[derive(Debug, Default)]
pub(crate) struct ExternalIssuers(RwLock<HashMap<Subject, Arc<ExternalIssuer>>>);

impl ExternalIssuers {
    /// The issuer with these settings. Other settings under a known name are another issuer, without keys yet.
    pub(crate) fn of(&self, settings: &ExternalIssuerSettings) -> Arc<ExternalIssuer> {
        let fits = |known: &&Arc<ExternalIssuer>| known.settings() == settings;
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&settings.name).filter(fits) {
            return Arc::clone(known);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&settings.name).filter(fits) {
            return Arc::clone(known);
        }
        let issuer = Arc::new(ExternalIssuer::new(settings.clone()));
        known.insert(settings.name.clone(), Arc::clone(&issuer));
        issuer
    }
}
