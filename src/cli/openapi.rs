//! `hallpass openapi`: prints the document that is served and enforced.

use std::{io::Write, process::ExitCode};

use clap::{Args, ValueEnum};

use crate::{
    config::{document_settings::DocumentSettings, raw_settings::RawSettings},
    server::{document::yaml::to_yaml, own_document::own_document},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

#[derive(Debug, Args)]
pub(super) struct Openapi {
    /// Output format
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
}

impl Openapi {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (document, _) =
            own_document(&DocumentSettings::resolve(&RawSettings::from_env()?)?, &[])?;
        let mut out = std::io::stdout().lock();
        match self.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?,
            Format::Yaml => write!(out, "{}", to_yaml(&document)?)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
