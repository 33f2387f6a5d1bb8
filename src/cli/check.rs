//! `hallpass check`: everything that `serve` checks, without a socket.

use std::{io::Write, process::ExitCode};

use clap::Args;

use crate::{
    cli::{
        settings_flags::{BindFlag, RosterFlag},
        terminal::plural,
    },
    config::raw_settings::RawSettings,
    diagnostics::Diagnostics,
    roster::roster::Roster,
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
                let mut warnings = Diagnostics::default();
                warnings.warn(prepared.loaded.warnings);
                if !warnings.warnings().is_empty() {
                    writeln!(out, "{warnings}")?;
                }
                let counts = counts(&prepared.loaded.roster);
                let policy = prepared.policy.map(|(_, file, policy)| {
                    let count = plural(policy.operations().count(), "operation");
                    format!("; {} holds {count}", file.path.display())
                });
                let policy = policy.unwrap_or_default();
                let roster = raw.roster();
                writeln!(out, "No problems found: {} holds {counts}{policy}.", roster.display())?;
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

/// `2 clients and 1 user`; of what is not there, only clients are named.
fn counts(roster: &Roster) -> String {
    let others = [(roster.users().count(), "user"), (roster.issuers().count(), "external issuer")];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let mut counts = vec![plural(roster.clients().count(), "client")];
    counts.extend(others.map(|(count, word)| plural(count, word)));
    match counts.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => counts.concat(),
    }
}
