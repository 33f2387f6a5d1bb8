//! `hallpass check`: everything that `serve` checks, without a socket.

use std::{io::Write, process::ExitCode, time::Duration};

use clap::Args;
use jiff::Timestamp;

use crate::{
    cli::{
        settings_flags::{BindFlag, RosterFlag},
        terminal::plural,
    },
    config::raw_settings::RawSettings,
    diagnostics::Diagnostics,
    notation::duration::parse_duration,
    roster::roster::Roster,
    server::{
        expiry::expiring,
        prepare::{CheckedState, Prepared, prepare},
    },
};

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    roster: RosterFlag,
    #[command(flatten)]
    bind: BindFlag,
    /// Also fail for API keys and TLS certificates that expire within this duration, as in 30d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expiring: Option<Duration>,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let raw = self.bind.apply(self.roster.apply(RawSettings::gather()));
        let found = check(&raw, self.expiring);
        let mut out = std::io::stdout().lock();
        match found {
            Ok(prepared) => {
                let mut warnings = Diagnostics::default();
                warnings.warn(prepared.role_warnings());
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

/// What `serve` would serve with; what expires within the duration is wrong too, and a state that `serve` would wait for.
fn check(raw: &RawSettings, within: Option<Duration>) -> Result<Prepared, Diagnostics> {
    let prepared = prepare(raw);
    let mut diagnostics = Diagnostics::default();
    if let Some(within) = within {
        diagnostics.extend(expiring(raw, Timestamp::now(), within));
    }
    if let Ok(Prepared { state: CheckedState { unreachable: Some(fault), .. }, .. }) = &prepared {
        diagnostics.push(fault.clone());
    }
    match prepared {
        Ok(prepared) if diagnostics.is_empty() => Ok(prepared),
        Ok(prepared) => {
            diagnostics.warn(prepared.role_warnings());
            diagnostics.warn(prepared.loaded.warnings);
            Err(diagnostics)
        }
        Err(mut found) => {
            found.extend(diagnostics);
            Err(found)
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
