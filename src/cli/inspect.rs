//! `hallpass token inspect`: decodes a token, and says whether it would be accepted.

mod decoded_token;
mod verdict;

use std::{
    fmt::Write as _,
    io::{self, BufRead, ErrorKind, IsTerminal, Read, Write},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    cli::{
        inspect::{
            decoded_token::{DecodedToken, extract},
            verdict::{Verdict, distance},
        },
        settings_flags::{BindFlag, RosterFlag},
    },
    config::raw_settings::RawSettings,
    diagnostics::printable,
};

/// Longer input is not read to its end: it may be a file that was piped in by mistake.
const LONGEST_INPUT: u64 = 256 * 1024;

const EXAMPLES: &str = "\
Examples:
  echo \"$TOKEN\" | hallpass token inspect
  curl -s -X POST -H \"X-API-Key: $API_KEY\" http://127.0.0.1:8080/login | hallpass token inspect
  echo \"$TOKEN\" | hallpass token inspect --json";

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Show what a token from stdin claims, and whether it would be accepted now
    ///
    /// It is judged by the settings, the roster and the revocations of this directory; nothing is fetched and
    /// nothing is changed. `Bearer TOKEN` and the answer of /login are accepted too. Exit code 0: accepted, 1: not.
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
        let (token, now) =
            (extract(read_stdin()?.trim_start_matches('\u{feff}')), Timestamp::now());
        let mut decoded = DecodedToken::default();
        let verdict = match decoded.decode(&token) {
            Ok(()) => Verdict::new(&token, &decoded, &raw, now),
            Err(reason) => Verdict::refused(reason),
        };
        let text = match inspect.json {
            true => to_json(&decoded, &verdict)?,
            false => to_text(&decoded, &verdict, now)?,
        };
        match io::stdout().lock().write_all(text.as_bytes()) {
            // The exit code tells a reader that has stopped reading.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error)?,
            _ => {}
        }
        Ok(if verdict.is_accepted == Some(true) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// All of stdin; on a terminal one line.
fn read_stdin() -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let mut stdin = io::stdin().lock().take(LONGEST_INPUT);
    let read = if io::stdin().is_terminal() {
        // A closed stderr is no reason to fail.
        let _ = writeln!(io::stderr(), "Paste the token, and press Enter:");
        stdin.read_until(b'\n', &mut bytes)
    } else {
        stdin.read_to_end(&mut bytes)
    };
    read.context("cannot read the token from stdin")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn to_text(token: &DecodedToken, verdict: &Verdict, now: Timestamp) -> anyhow::Result<String> {
    let mut text = String::new();
    for (title, part) in [("header", &token.header), ("claims", &token.claims)] {
        if let Some(part) = part {
            writeln!(text, "{title} {}", printable_json(&json!(part))?)?;
        }
    }
    for (name, time) in token.times() {
        writeln!(text, "{name:>4}  {time}, {}", distance(time, now))?;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let result = match verdict.is_accepted {
        Some(true) => "accepted",
        Some(false) => "refused",
        None => "cannot be judged",
    };
    writeln!(text, "{result}: {}", verdict.reason)?;
    for note in &verdict.notes {
        writeln!(text, "note: {note}")?;
    }
    Ok(text)
}

fn to_json(token: &DecodedToken, verdict: &Verdict) -> anyhow::Result<String> {
    let times = token.times().map(|(name, time)| (name.to_owned(), time.to_string().into()));
    let described = json!({
        "header": token.header,
        "claims": token.claims,
        "times": times.collect::<Map<String, Value>>(),
        "accepted": verdict.is_accepted,
        "reason": verdict.reason,
        "notes": verdict.notes,
    });
    Ok(printable_json(&described)? + "\n")
}

/// Indented JSON of a token that anyone may have written.
fn printable_json(json: &Value) -> anyhow::Result<String> {
    let json = serde_json::to_string_pretty(json)?;
    Ok(json.lines().map(printable).collect::<Vec<_>>().join("\n"))
}
