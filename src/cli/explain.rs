//! `hallpass explain`: the policy as a table, or the requirement of one request.
//!
//! Must not know how requirements are read: `policy` does.

use std::{io::Write, process::ExitCode};

use clap::Args;

use crate::{
    config::{Raw, Surface},
    policy::{Found, Policy, Reading, explain},
    server::own_document,
};

use super::BindFlag;

#[derive(Debug, Args)]
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
        let raw = self.bind.apply(Raw::from_env()?);
        let policy = Policy::compile(&own_document(&Surface::resolve(&raw)?), &Reading::own())?;
        let mut out = std::io::stdout().lock();
        let (Some(method), Some(path)) = (self.method, self.path) else {
            write!(out, "{}", explain::table(&policy))?;
            return Ok(ExitCode::SUCCESS);
        };
        let base_url = format!("http://{}", raw.text("HALLPASS_BIND").unwrap_or("127.0.0.1:8080"));
        let method = method.to_ascii_uppercase();
        let refusal = match policy.look_up(&method, &path) {
            Found::Operation(operation) => {
                write!(out, "{}", explain::rule(operation, &base_url))?;
                return Ok(ExitCode::SUCCESS);
            }
            Found::MethodNotAllowed { allow } => {
                format!("405 to everybody: this path takes {allow}.")
            }
            Found::NotFound => "404 to everybody: the document has no such path.".to_owned(),
        };
        // The exit code says it too, to those who have stopped reading.
        let _ = writeln!(out, "{method} {path} is refused with {refusal}");
        Ok(ExitCode::FAILURE)
    }
}
