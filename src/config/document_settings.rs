//! The settings that show in the OpenAPI document.

use std::time::Duration;

use crate::{
    config::{
        api_key_names::{self, ApiKeyNames},
        raw_settings::RawSettings,
        settings_reader::SettingsReader,
        values::{base_path, cookie_name, lifetime, on_or_off},
    },
    diagnostics::Diagnostics,
};

const DEFAULT_COOKIE_NAME: &str = "access_token";
const DEFAULT_TOKEN_LIFETIME: Duration = Duration::from_secs(30 * 60);

pub(super) fn token_lifetime(reader: &mut SettingsReader<'_>) -> Duration {
    reader.value("HALLPASS_TOKEN_LIFETIME", DEFAULT_TOKEN_LIFETIME, lifetime)
}

fn api_key_header(reader: &mut SettingsReader<'_>) -> String {
    let default = api_key_names::DEFAULT_HEADER.to_owned();
    reader.set_value("HALLPASS_API_KEY_HEADER", default, api_key_names::header)
}

/// The settings that show in the OpenAPI document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentSettings {
    /// Whether Swagger UI is served.
    pub docs: bool,
    /// Where API keys are looked for.
    pub api_keys: ApiKeyNames,
    /// Name of the session cookie (RFC 6265 §4.1.1).
    pub cookie_name: String,
    /// The lifetime of a token, in whole seconds.
    pub token_lifetime: Duration,
    /// The path of the issuer, under which a reverse proxy serves the operations: empty, or `/auth`.
    pub base_path: String,
}

impl DocumentSettings {
    /// Reads only these settings.
    ///
    /// # Errors
    /// Every invalid value.
    pub(crate) fn resolve(raw: &RawSettings) -> Result<Self, Diagnostics> {
        let mut reader = SettingsReader::new(raw);
        let settings = Self::read(&mut reader);
        reader.diagnostics.or(settings)
    }

    /// The name of the session cookie alone, where no other setting matters.
    pub(crate) fn cookie_name(raw: &RawSettings) -> &str {
        raw.text("HALLPASS_COOKIE_NAME").unwrap_or(DEFAULT_COOKIE_NAME)
    }

    /// The header of API keys alone, where no other setting matters; the default where it is wrong.
    pub(crate) fn api_key_header(raw: &RawSettings) -> String {
        api_key_header(&mut SettingsReader::values_only(raw))
    }

    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Self {
        Self {
            docs: reader.value("HALLPASS_DOCS", true, on_or_off),
            api_keys: ApiKeyNames {
                header: api_key_header(reader),
                query: reader.set_value(
                    "HALLPASS_API_KEY_QUERY",
                    Some(api_key_names::DEFAULT_QUERY.into()),
                    api_key_names::query,
                ),
            },
            cookie_name: reader.value(
                "HALLPASS_COOKIE_NAME",
                DEFAULT_COOKIE_NAME.into(),
                cookie_name,
            ),
            token_lifetime: token_lifetime(reader),
            // An issuer that is wrong is reported with all other settings.
            base_path: reader.raw.text("HALLPASS_ISSUER").map(base_path).unwrap_or_default(),
        }
    }
}
