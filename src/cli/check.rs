//! `hallpass check`: everything that `serve` checks, without a socket.

use std::{io::Write, process::ExitCode};

use clap::Args;

use crate::{
    cli::{
        settings_flags::{BindFlag, RosterFlag},
        terminal::plural,
    },
    config::raw_settings::RawSettings,
    server::prepare::prepare,
};

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    roster: RosterFlag,
    #[command(flatten)]
    bind: BindFlag,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let raw = self.bind.apply(self.roster.apply(RawSettings::gather()));
        let mut out = std::io::stdout().lock();
        match prepare(&raw) {
            Ok(prepared) => {
                for warning in prepared.loaded.warnings.iter() {
                    writeln!(out, "{warning} (a warning)")?;
                }
                let clients = plural(prepared.loaded.roster.clients().count(), "client");
                writeln!(out, "No problems found: {} holds {clients}.", raw.roster().display())?;
                Ok(ExitCode::SUCCESS)
            }
            Err(diagnostics) => {
                // If stdout is closed, the exit code still tells.
                let _ = writeln!(out, "{diagnostics}");
                Ok(ExitCode::FAILURE)
            }
        }
    }
}
