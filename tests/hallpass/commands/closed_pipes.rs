//! Readers that go away early, as `head` does: nobody is bothered, and nothing is called well that is not.

use std::process::{Command, Stdio};

use super::{Folder, Outcome, SECRET};

/// Runs the command with a stdout that nobody reads any more.
fn unread(mut command: Command, line: &str) -> Outcome {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    Outcome::of(line, command.stdout(Stdio::from(writer)).output().unwrap())
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
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
        let outcome = unread(command, line).done();
        assert!(outcome.err.is_empty(), "{outcome:#?}");
    }
}

#[test]
fn what_was_found_wrong_stays_wrong_when_nobody_reads_it() {
    let folder = Folder::new();
    for line in ["check", "explain GET /nope"] {
        unread(folder.command(line), line).ended_with(1);
    }
}

#[test]
fn a_key_that_was_made_and_could_not_be_shown_is_named() {
    let folder = Folder::new();
    let outcome = unread(folder.command("key add billing"), "key add").ended_with(1);
    let id = outcome.err.split("key revoke ").nth(1).expect("how to remove it");
    let id = id.split('`').next().unwrap();
    folder.run(&format!("key revoke {id}")).done();
}

#[test]
fn nobody_listening_to_complaints_is_no_panic() {
    let folder = Folder::new();
    for (line, code) in [("key list", 1), ("serve --bind nowhere", 1), ("nope", 2)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = folder.command(line);
        Outcome::of(line, command.stderr(Stdio::from(writer)).output().unwrap()).ended_with(code);
    }
}
