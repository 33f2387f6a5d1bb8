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
                    writeln!(out, "{} (a warning)", warning)?;
                }
                let clients = plural(prepared.loaded.roster.clients().count(), "client");
                writeln!(out, "All is well: {} holds {clients}.", raw.roster().display())?;
                Ok(ExitCode::SUCCESS)
            }
            Err(diagnostics) => {
                // Diagnostics that nobody reads to the end are problems all the same.
                let _ = writeln!(out, "{diagnostics}");
                Ok(ExitCode::FAILURE)
            }
        }
    }
}
