//! The command line: every test runs the real program in its own directory.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod check;
mod closed_pipes;
mod explain;
mod hints;
mod init;
mod key_list;
mod keys;
mod killed_key_add;
mod logging;
mod precedence;
mod roster_edits;
mod secrets_in_output;
mod serve;
mod service;
mod token_inspect;
mod usage;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// The setting that `serve` and `check` need besides a roster.
const SECRET: (&str, &str) = ("HALLPASS_SECRET_KEY", "0123456789abcdefghijABCDEFGHIJ-_.~!");

/// The part of a bcrypt hash after the cost; from the test suite of jBCrypt.
const TAIL: &str = "DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";

/// A temporary working directory; commands in it do not inherit the environment of the tests.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with a roster of this text.
    fn with_roster(text: &str) -> Self {
        let folder = Self::new();
        folder.write("roster.toml", text);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The permissions of the file, such as 0o600.
    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    /// The names of all files, in order.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program with the words of `line` as arguments, ready to be started.
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass"));
        command.args(line.split_whitespace()).env_clear().current_dir(self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, line: &str) -> CommandOutput {
        self.run_with(&[], line)
    }

    fn run_with(&self, environment: &[(&str, &str)], line: &str) -> CommandOutput {
        let mut command = self.command(line);
        CommandOutput::new(line, command.envs(environment.iter().copied()).output().unwrap())
    }
}

/// Exit code and output of a command.
#[derive(Debug)]
struct CommandOutput {
    line: String,
    code: Option<i32>,
    out: String,
    err: String,
}

impl CommandOutput {
    fn new(line: &str, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(!err.contains("panicked"), "{line}: {err}");
        Self { line: line.to_owned(), code: output.status.code(), out, err }
    }

    fn exit_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}: {self:#?}", self.line);
        self
    }

    fn success(self) -> Self {
        self.exit_code(0)
    }

    /// Exit code 1, with a message on stderr only.
    fn failure(self) -> Self {
        assert!(self.out.is_empty() && !self.err.is_empty(), "{self:#?}");
        self.exit_code(1)
    }

    fn usage_error(self) -> Self {
        assert!(self.out.is_empty() && !self.err.is_empty(), "{self:#?}");
        self.exit_code(2)
    }

    fn stdout_contains(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.out.contains(part), "no {part:?} on stdout: {self:#?}");
        }
        self
    }

    fn stderr_contains(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "no {part:?} on stderr: {self:#?}");
        }
        self
    }
}
