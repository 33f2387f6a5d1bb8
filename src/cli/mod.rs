//! The hand: commands, printing, exit codes. `hallpass` is this room and a match.
//!
//! Must not know how anything is done: everything is called from here.

mod banner;
mod check;
mod explain;
mod hand_over;
mod init;
mod inspect;
pub(crate) mod key;
mod key_list;
mod key_values;
mod logging;
mod openapi;
mod reference;
mod serve;
mod terminal;
pub(crate) mod user;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;

use crate::{
    config::{raw_settings::RawSettings, settings::Settings},
    diagnostics::Diagnostics,
};

/// API keys in, short-lived tokens out, no database. The published OpenAPI document is the enforced policy.
#[derive(Debug, Parser)]
#[command(name = "hallpass", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve; with --dev nothing needs to be set up
    Serve(serve::Serve),
    /// Make a first .env and an empty roster; overwrites nothing
    Init(init::Init),
    /// Make, list, rotate and revoke API keys
    Key {
        #[command(subcommand)]
        command: key::KeyCommand,
        #[command(flatten)]
        roster: RosterFlag,
    },
    /// Add and remove users, who log in with a password
    User {
        #[command(subcommand)]
        command: user::UserCommand,
        #[command(flatten)]
        roster: RosterFlag,
    },
    /// Show what a token says, and whether it would be accepted
    Token {
        #[command(subcommand)]
        command: inspect::TokenCommand,
    },
    /// Check settings and roster as `serve` does, without serving
    Check(check::Check),
    /// Print the OpenAPI document
    Openapi(openapi::Openapi),
    /// Show who may do what: all operations, or one request
    Explain(explain::Explain),
    /// Print docs/reference.md
    #[command(hide = true)]
    Reference,
}

#[derive(Debug, Args)]
struct RosterFlag {
    /// The roster file; beats HALLPASS_ROSTER
    #[arg(long, global = true, value_name = "FILE")]
    roster: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct BindFlag {
    /// Address and port; beats HALLPASS_BIND
    #[arg(long, value_name = "ADDRESS:PORT")]
    bind: Option<String>,
}

/// Runs the command that the arguments name: 0 done, 1 found problems or refused, 2 wrong usage.
pub fn main() -> ExitCode {
    let outcome = run(Arguments::parse().command);
    logging::flush();
    match outcome {
        Ok(code) => code,
        // Whoever read our output has seen enough: `hallpass openapi | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Key { command, roster } => {
            let at = place(&roster.apply(RawSettings::from_env()?).complete()?);
            let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
            key::run(command, &at, Timestamp::now(), &mut out, &mut err)
        }
        Command::User { command, roster } => {
            let path = roster.apply(RawSettings::from_env()?).complete()?.roster();
            user::run(command, &path, Timestamp::now(), user::ask, &mut std::io::stderr().lock())
        }
        Command::Token { command } => command.run(),
        Command::Check(command) => command.run(),
        Command::Openapi(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Reference => reference::run(),
    }
}

/// Keys can be made whatever the address is; `serve` and `check` report a wrong one.
fn place(raw: &RawSettings) -> key::KeyContext {
    let base_url = Settings::expected_base_url(raw);
    key::KeyContext {
        roster: raw.roster(),
        base_url: base_url.unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned()),
        is_styled: terminal::is_styled(&std::io::stdout()),
    }
}

/// Whether that is all. An error that says more, as of a key that nobody has seen, must be told.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let outermost = error.chain().next();
    let io = outermost.and_then(|error| error.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Diagnostics are lines of their own; other errors say whose they are.
fn complain(error: &anyhow::Error) {
    let mut err = std::io::stderr().lock();
    // If nobody listens, the exit code must do.
    let _ = match error.downcast_ref::<Diagnostics>() {
        Some(diagnostics) => writeln!(err, "{diagnostics}"),
        None => writeln!(err, "hallpass: {error:#}"),
    };
}

impl RosterFlag {
    fn apply(&self, mut raw: RawSettings) -> RawSettings {
        match self.roster.as_deref().map(Path::to_str) {
            Some(Some(roster)) => raw.set("HALLPASS_ROSTER", roster, "--roster"),
            Some(None) => raw.report("--roster", "is not UTF-8: give the file another name"),
            None => {}
        }
        raw
    }
}

impl BindFlag {
    fn apply(&self, mut raw: RawSettings) -> RawSettings {
        if let Some(bind) = &self.bind {
            raw.set("HALLPASS_BIND", bind, "--bind");
        }
        raw
    }
}
