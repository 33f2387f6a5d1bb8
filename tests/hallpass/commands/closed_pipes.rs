//! Standard streams that the reader closes early, as `head` does.

use std::process::{Command, Stdio};

use super::SECRET;
use crate::support::folder::{CommandOutput, Folder};

/// Runs the command with a closed stdout.
fn unread(mut command: Command, line: &str) -> CommandOutput {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    CommandOutput::new(line, command.stdout(Stdio::from(writer)).output().unwrap())
}

#[test]
fn a_closed_stdout_is_not_an_error() {
    let folder = Folder::with_roster("[clients.billing]\n");
    for line in [
        "openapi",
        "openapi --format yaml",
        "explain",
        "explain GET /clients",
        "key list",
        "key list --json",
        "init --example",
        "check",
        "--help",
    ] {
        let mut command = folder.command(line);
        command.env(SECRET.0, SECRET.1);
        let outcome = unread(command, line).success();
        assert!(outcome.err.is_empty(), "{outcome:#?}");
    }
}

#[test]
fn errors_keep_their_exit_code_when_stdout_is_closed() {
    let folder = Folder::new();
    for line in ["check", "explain GET /nope"] {
        unread(folder.command(line), line).exit_code(1);
    }
}

#[test]
fn a_key_that_could_not_be_printed_is_named_on_stderr() {
    let folder = Folder::new();
    let outcome = unread(folder.command("key add billing"), "key add").exit_code(1);
    let id = outcome.err.split("key revoke ").nth(1).expect("how to remove it");
    let id = id.split('`').next().unwrap();
    folder.run(&format!("key revoke {id}")).success();
}

#[test]
fn a_closed_stderr_is_not_a_panic() {
    let folder = Folder::new();
    for (line, code) in [("key list", 1), ("serve --bind nowhere", 1), ("nope", 2)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = folder.command(line);
        CommandOutput::new(line, command.stderr(Stdio::from(writer)).output().unwrap())
            .exit_code(code);
    }
}
