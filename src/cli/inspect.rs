//! `hallpass token`: takes a token apart, and says whether it would be accepted.
//!
//! Must not know how a token is proven.

mod reason;
mod unproven;
mod verdict;

use std::{
    fmt::Write as _,
    io::{self, BufRead, ErrorKind, IsTerminal, Read, Write},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use self::unproven::Unproven;
use self::unproven::moments;
use self::unproven::since;
use self::verdict::Standing;
use self::verdict::Verdict;
use self::verdict::judge;
use super::BindFlag;
use super::RosterFlag;

use crate::{config::raw_settings::RawSettings, diagnostics::printable};

/// Ours are a tenth of that, and a file that was piped in by mistake should not be read whole.
const LONGEST_INPUT: u64 = 256 * 1024;

const EXAMPLES: &str = "\
Examples:
  echo \"$TOKEN\" | hallpass token inspect
  curl -s -X POST -H \"X-API-Key: $API_KEY\" http://127.0.0.1:8080/login | hallpass token inspect
  echo \"$TOKEN\" | hallpass token inspect --json";

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Show what a token from stdin says, and whether it would be accepted now
    ///
    /// It is judged by the settings, the roster and the revocations of this folder; nothing is fetched and
    /// nothing is changed. `Bearer TOKEN` and the answer of /login are taken too. Exit code 0: accepted, 1: not.
    #[command(after_help = EXAMPLES)]
    Inspect(Inspect),
}

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// Print JSON: header, claims, times, accepted (null where it cannot be judged), reason, notes
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    roster: RosterFlag,
    #[command(flatten)]
    bind: BindFlag,
}

impl TokenCommand {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Inspect(inspect) = self;
        let raw = inspect.bind.apply(inspect.roster.apply(RawSettings::gather()));
        let (token, now) = (unproven::bare(&presented()?), Timestamp::now());
        let unproven = Unproven::read(&token);
        let verdict = match &unproven.fault {
            Some(fault) => Verdict::refused(fault.clone()),
            None => judge(&token, &unproven, &raw, now),
        };
        let text = match inspect.json {
            true => for_programs(&unproven, &verdict)?,
            false => for_people(&unproven, &verdict, now)?,
        };
        match io::stdout().lock().write_all(text.as_bytes()) {
            // The exit code says it too, to those who have stopped reading.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error)?,
            _ => {}
        }
        let is_accepted = verdict.standing == Standing::Accepted;
        Ok(if is_accepted { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// What stdin holds; on a terminal one line of it.
fn presented() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let mut stdin = io::stdin().lock().take(LONGEST_INPUT);
    let read = if io::stdin().is_terminal() {
        // Nobody there to read it is no reason to fail.
        let _ = writeln!(io::stderr(), "Paste the token, and press Enter:");
        stdin.read_until(b'\n', &mut bytes)
    } else {
        stdin.read_to_end(&mut bytes)
    };
    read.context("cannot read the token from stdin")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn for_people(unproven: &Unproven, verdict: &Verdict, now: Timestamp) -> anyhow::Result<String> {
    let mut text = String::new();
    for (title, part) in [("header", &unproven.header), ("claims", &unproven.claims)] {
        if let Some(part) = part {
            writeln!(text, "{title} {}", printable_lines(&serde_json::to_string_pretty(part)?))?;
        }
    }
    for (name, moment) in moments(unproven) {
        writeln!(text, "{name:>4}  {moment}, {}", since(moment, now))?;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let standing = match verdict.standing {
        Standing::Accepted => "accepted",
        Standing::Refused => "refused",
        Standing::Unknown => "cannot be judged",
    };
    writeln!(text, "{standing}: {}", verdict.reason)?;
    for note in &verdict.notes {
        writeln!(text, "note: {note}")?;
    }
    Ok(text)
}

fn for_programs(unproven: &Unproven, verdict: &Verdict) -> anyhow::Result<String> {
    let times =
        moments(unproven).map(|(name, moment)| (name.to_owned(), moment.to_string().into()));
    let accepted = match verdict.standing {
        Standing::Accepted => Value::Bool(true),
        Standing::Refused => Value::Bool(false),
        Standing::Unknown => Value::Null,
    };
    let described = json!({
        "header": unproven.header,
        "claims": unproven.claims,
        "times": times.collect::<serde_json::Map<String, Value>>(),
        "accepted": accepted,
        "reason": verdict.reason,
        "notes": verdict.notes,
    });
    Ok(format!("{}\n", printable_lines(&serde_json::to_string_pretty(&described)?)))
}

/// Indented JSON of a token that may come from anyone.
fn printable_lines(json: &str) -> String {
    json.lines().map(printable).collect::<Vec<_>>().join("\n")
}
