//! `hallpass explain`: the policy as a table, or the requirement of one request.

use std::{io::Write, process::ExitCode};

use clap::Args;

use crate::{
    cli::{
        settings_flags::BindFlag,
        terminal::{is_styled, with_bold_head},
    },
    config::{document_settings::DocumentSettings, raw_settings::RawSettings, settings::Settings},
    diagnostics::Diagnostics,
    policy::{compiled::Lookup, explanation},
    server::site::own_document,
};

const EXAMPLES: &str = "\
Examples:
  hallpass explain                  all operations and what they require
  hallpass explain GET /clients     one request: its credentials, and a curl line
  hallpass explain POST /token";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// The method of one request, as in: explain GET /clients
    #[arg(requires = "path")]
    method: Option<String>,
    /// The path of that request
    path: Option<String>,
    #[command(flatten)]
    bind: BindFlag,
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let raw = self.bind.apply(RawSettings::gather());
        let mut diagnostics = Diagnostics::default();
        let base_url = diagnostics.keep(Settings::expected_base_url(&raw));
        let settings = diagnostics.keep(DocumentSettings::resolve(&raw));
        let (Some(base_url), Some(settings)) = (base_url, settings) else { Err(diagnostics)? };
        let (_, policy) = own_document(&settings, &[])?;
        let mut out = std::io::stdout().lock();
        let (Some(method), Some(path)) = (self.method, self.path) else {
            let table = with_bold_head(explanation::table(&policy), is_styled(&out));
            write!(out, "{table}")?;
            return Ok(ExitCode::SUCCESS);
        };
        let method = method.to_ascii_uppercase();
        let refusal = match policy.look_up(&method, &path) {
            Lookup::Operation(operation) => {
                write!(out, "{}", explanation::details(operation, &base_url))?;
                return Ok(ExitCode::SUCCESS);
            }
            Lookup::MethodNotAllowed { allow } => {
                format!("405 to everybody: this path takes {allow}.")
            }
            Lookup::NotFound => {
                "404 to everybody: the document has no such path; `hallpass explain` shows all."
                    .to_owned()
            }
        };
        // If stdout is closed, the exit code still tells.
        let _ = writeln!(out, "{method} {path} is refused with {refusal}");
        Ok(ExitCode::FAILURE)
    }
}
