//! The external issuers that tokens came from.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    oauth::Subject,
    tokens::external::{
        external_issuer::ExternalIssuer, external_issuer_settings::ExternalIssuerSettings,
    },
};

/// The issuers that were asked for so far, each with its keys.
#[derive(Debug, Default)]
pub(crate) struct ExternalIssuers(RwLock<HashMap<Subject, Arc<ExternalIssuer>>>);

impl ExternalIssuers {
    /// The issuer with these settings. Other settings under a known name are a new issuer, without keys.
    pub(crate) fn get_or_add(&self, settings: &ExternalIssuerSettings) -> Arc<ExternalIssuer> {
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
