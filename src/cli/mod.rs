//! The command line: commands, printing, exit codes.
//!
//! Must not know how anything is done: it calls the rooms that do.

mod banner;
mod check;
mod entry_flags;
mod explain;
mod health_check;
mod init;
mod inspect;
mod key;
mod key_list;
mod logging;
pub mod manual;
mod openapi;
mod reference;
mod rotate_signing_key;
mod serve;
mod settings_flags;
mod terminal;
mod user;
mod value_parsers;

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};
use jiff::Timestamp;

use crate::{
    cli::settings_flags::RosterFlag,
    config::{document_settings::DocumentSettings, raw_settings::RawSettings, settings::Settings},
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
    /// Create a first .env and an empty roster, where they are missing; overwrites nothing
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
    /// Make and replace the keys that sign tokens
    SigningKey {
        #[command(subcommand)]
        command: rotate_signing_key::SigningKeyCommand,
    },
    /// Show what a token claims, and whether it would be accepted
    Token {
        #[command(subcommand)]
        command: inspect::TokenCommand,
    },
    /// Check settings and roster as `serve` does, without serving
    Check(check::Check),
    /// Ask the running service whether it is ready, as for a container's health check
    Health(health_check::HealthCheck),
    /// Print the OpenAPI document
    Openapi(openapi::Openapi),
    /// Show who may do what: all operations, or one request
    Explain(explain::Explain),
    /// Print the reference of commands, settings, operations and metrics as Markdown
    Reference,
}

/// Runs the command that the arguments name. Exit codes: 0 done, 1 found problems or refused, 2 wrong usage.
pub fn main() -> ExitCode {
    let outcome = run(Arguments::parse().command);
    logging::flush();
    match outcome {
        Ok(code) => code,
        // The reader of the output has stopped reading: `hallpass openapi | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(command) => command.run(),
        Command::Init(command) => command.run(),
        Command::Key { command, roster } => {
            logging::start_for_command();
            let context = key_context(&roster.apply(RawSettings::from_env()?).complete()?);
            let (mut out, mut err) = (terminal::stdout(), std::io::stderr().lock());
            key::run(command, &context, Timestamp::now(), &mut out, &mut err)
        }
        Command::User { command, roster } => {
            logging::start_for_command();
            let raw = roster.apply(RawSettings::from_env()?).complete()?;
            let (path, longest) = (raw.roster(), Settings::token_lifetime(&raw).ok());
            let mut err = std::io::stderr().lock();
            user::run(command, &path, longest, Timestamp::now(), user::ask, &mut err)
        }
        Command::SigningKey { command } => {
            logging::start_for_command();
            command.run()
        }
        Command::Token { command } => command.run(),
        Command::Check(command) => command.run(),
        Command::Health(command) => command.run(),
        Command::Openapi(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Reference => reference::run(),
    }
}

/// Keys can be made even if address or header are wrong; `serve` and `check` report it.
fn key_context(raw: &RawSettings) -> key::KeyContext {
    let base_url = Settings::expected_base_url(raw);
    key::KeyContext {
        roster: raw.roster(),
        api_key_header: DocumentSettings::api_key_header(raw),
        base_url: base_url.unwrap_or_else(|_| "http://127.0.0.1:8080".to_owned()),
        is_styled: terminal::is_styled(&std::io::stdout()),
        longest_token_lifetime: Settings::token_lifetime(raw).ok(),
        state: Settings::state_location(raw).ok(),
    }
}

/// Whether the error is nothing but a broken pipe. One with more context, as of a key that was not shown, is printed.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let outermost = error.chain().next();
    let io = outermost.and_then(|error| error.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Diagnostics are complete lines; other errors get the name of the program.
fn print_error(error: &anyhow::Error) {
    let mut err = std::io::stderr().lock();
    // A closed stderr leaves the exit code.
    let _ = match error.downcast_ref::<Diagnostics>() {
        Some(diagnostics) => writeln!(err, "{diagnostics}"),
        None => writeln!(err, "hallpass: {error:#}"),
    };
}
