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

/// Runs the command in a shell that redirects its stdout.
fn redirected(folder: &Folder, line: &str, to: &str) -> CommandOutput {
    let program = env!("CARGO_BIN_EXE_hallpass");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec '{program}' {line} {to}")]);
    let shell = shell.env_clear().current_dir(folder.path("."));
    CommandOutput::new(&format!("{line} {to}"), shell.output().unwrap())
}

#[test]
fn a_key_that_cannot_be_written_to_stdout_changes_nothing() {
    let folder = Folder::new();
    for line in ["key add billing --role reader", "key rotate billing --overlap 0s", "key add new"]
    {
        let before = folder.path("roster.toml").exists().then(|| folder.read("roster.toml"));
        let unread = unread(folder.command(line), line);
        let no_space = redirected(&folder, line, "> /dev/full");
        let closed = redirected(&folder, line, ">&-");
        for outcome in [unread, no_space, closed] {
            let outcome = outcome.failure();
            let outcome = outcome.stderr_contains(&["could not be written", "nothing was changed"]);
            assert!(!outcome.err.contains("revoke"), "{}", outcome.err);
            let after = folder.path("roster.toml").exists().then(|| folder.read("roster.toml"));
            assert_eq!(after, before, "{line}");
            assert!(!folder.path(".roster.toml.new").exists());
        }
        folder.run(line).success();
    }
}

#[test]
fn a_key_may_be_discarded_on_purpose_and_its_explanation_may_be_unread() {
    let folder = Folder::new();
    for to in ["> /dev/null", "2> /dev/full", "2>&-"] {
        redirected(&folder, "key add billing", to).success();
    }
    for to in ["2> /dev/full", "2>&-"] {
        redirected(&folder, "key rotate billing", to).success();
    }
    let listed = folder.run("key list --json").success().out;
    assert_eq!(listed.matches("\"key_id\"").count(), 5, "{listed}");
    redirected(&folder, "key list", ">&-").success();
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
