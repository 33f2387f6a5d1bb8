//! A document as it is published and enforced: one value, so that nobody meets the one without the other.

use actix_web::web::Bytes;
use serde_json::Value;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    server::{
        document::yaml::to_yaml,
        enforce::{caller::CallerSource, guard::Guard},
    },
};

/// A document that is published, and what enforces it.
#[derive(Debug)]
pub(crate) struct EnforcedDocument {
    pub(crate) guard: Guard,
    /// Makes the application's own type for who is calling, where it has one.
    pub(crate) caller: Option<CallerSource>,
    /// The document as JSON and as YAML.
    pub(crate) json: Bytes,
    pub(crate) yaml: Bytes,
}

impl EnforcedDocument {
    /// # Errors
    /// The document cannot be serialised.
    pub(crate) fn new(
        document: &Value,
        guard: Guard,
        caller: Option<CallerSource>,
    ) -> Result<Self, Diagnostics> {
        let unserializable = |error: String| {
            Diagnostic::new("the OpenAPI document", format!("cannot be serialised: {error}"))
        };
        let json =
            serde_json::to_vec(document).map_err(|error| unserializable(error.to_string()))?;
        let yaml = to_yaml(document).map_err(|error| unserializable(error.to_string()))?;
        Ok(Self { guard, caller, json: json.into(), yaml: yaml.into() })
    }
}
