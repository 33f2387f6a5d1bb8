//! Another service's OpenAPI file: which one `/verify` enforces, and how such files are read.

use std::path::PathBuf;

use crate::{
    config::{raw_settings::RawSettings, settings_reader::SettingsReader},
    diagnostics::Diagnostics,
};

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
        let reading = Self::read(&mut reader);
        if reader.diagnostics.is_empty() { Ok(reading) } else { Err(reader.diagnostics) }
    }

    fn read(reader: &mut SettingsReader<'_>) -> Self {
        let undeclared_is_public = reader.value("HALLPASS_POLICY_UNDECLARED", false, undeclared);
        let base = reader.raw.text("HALLPASS_POLICY_BASE").map(str::to_owned);
        Self { base, undeclared_is_public }
    }
}

/// The settings of `HALLPASS_POLICY`.
#[derive(Debug, Clone)]
pub(crate) struct PolicySettings {
    pub path: PathBuf,
    pub reading: DocumentReading,
}

impl PolicySettings {
    /// `None` where no file is named.
    pub(super) fn read(reader: &mut SettingsReader<'_>) -> Option<Self> {
        let reading = DocumentReading::read(reader);
        let path = reader.raw.text("HALLPASS_POLICY")?.into();
        Some(Self { path, reading })
    }
}

fn undeclared(text: &str) -> Result<bool, String> {
    match text {
        "deny" => Ok(false),
        "public" => Ok(true),
        _ => Err(format!("is {text:?}: write deny or public")),
    }
}
