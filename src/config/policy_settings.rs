//! Another service's OpenAPI file: which one `/verify` enforces, and how such files are read.

use std::path::PathBuf;

use crate::{
    config::{raw_settings::RawSettings, settings_reader::SettingsReader},
    diagnostics::{Diagnostic, Diagnostics},
};

/// What whoever runs such a service must not forget.
pub(crate) const REPORTS_ONLY: &str = "HALLPASS_POLICY_MODE is report: /verify refuses nothing that a trusted proxy asks \
    about, and only logs what it would refuse; set it to enforce to protect what is behind the proxy";

/// How the OpenAPI files of other services are read.
#[derive(Debug, Clone)]
pub(crate) struct DocumentReading {
    /// The path before every path of the file; `None` takes it from `servers`.
    pub base: Option<String>,
    /// Whether operations without `security` are public; else they are denied.
    pub undeclared_is_public: bool,
}

impl DocumentReading {
    /// Other settings may be missing or wrong.
    ///
    /// # Errors
    /// Values that are wrong.
    pub(crate) fn resolve(raw: &RawSettings) -> Result<Self, Diagnostics> {
        let mut reader = SettingsReader::values_only(raw);
        let undeclared_is_public = reader.value("HALLPASS_POLICY_UNDECLARED", false, undeclared);
        let base = reader.raw.text("HALLPASS_POLICY_BASE").map(str::to_owned);
        reader.diagnostics.or(Self { base, undeclared_is_public })
    }
}

/// The settings of `HALLPASS_POLICY`.
#[derive(Debug, Clone)]
pub(crate) struct PolicySettings {
    pub path: PathBuf,
    pub reading: DocumentReading,
}

impl PolicySettings {
    /// `None` where no file is named. Other settings may be missing or wrong.
    ///
    /// # Errors
    /// Values that are wrong.
    pub(crate) fn resolve(raw: &RawSettings) -> Result<Option<Self>, Diagnostics> {
        let reading = DocumentReading::resolve(raw)?;
        Ok(raw.text("HALLPASS_POLICY").map(|path| Self { path: path.into(), reading }))
    }
}

/// Whether `/verify` lets everything pass, and only logs what it would refuse.
pub(super) fn reports_only(reader: &mut SettingsReader<'_>) -> bool {
    const NAME: &str = "HALLPASS_POLICY_MODE";
    let reports_only = reader.value(NAME, false, mode);
    if reports_only {
        let location = reader.raw.location(NAME);
        reader.warnings.push(Diagnostic::new(location, REPORTS_ONLY));
    }
    reports_only
}

fn mode(text: &str) -> Result<bool, String> {
    match text {
        "enforce" => Ok(false),
        "report" => Ok(true),
        _ => Err(format!("is {text:?}: write enforce or report")),
    }
}

fn undeclared(text: &str) -> Result<bool, String> {
    match text {
        "deny" => Ok(false),
        "public" => Ok(true),
        _ => Err(format!("is {text:?}: write deny or public")),
    }
}
