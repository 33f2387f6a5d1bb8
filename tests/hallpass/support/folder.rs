//! A working directory in which commands are run, and their output.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// A temporary working directory; commands in it do not inherit the environment of the tests.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A folder with a roster of this text.
    pub(crate) fn with_roster(text: &str) -> Self {
        let folder = Self::new();
        folder.write("roster.toml", text);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file with mode 0600; one that exists keeps its mode.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The permissions of the file, such as 0o600.
    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    /// The names of all files, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program with the words of `line` as arguments, ready to be started.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass"));
        command.args(line.split_whitespace()).env_clear().current_dir(self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, line: &str) -> CommandOutput {
        self.run_with(&[], line)
    }

    pub(crate) fn run_with(&self, environment: &[(&str, &str)], line: &str) -> CommandOutput {
        let mut command = self.command(line);
        CommandOutput::new(line, command.envs(environment.iter().copied()).output().unwrap())
    }
}

/// Exit code and output of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    line: String,
    code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl CommandOutput {
    pub(crate) fn new(line: &str, output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(!err.contains("panicked"), "{line}: {err}");
        Self { line: line.to_owned(), code: output.status.code(), out, err }
    }

    pub(crate) fn exit_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}: {self:#?}", self.line);
        self
    }

    pub(crate) fn success(self) -> Self {
        self.exit_code(0)
    }

    /// Exit code 1, with a message on stderr only.
    pub(crate) fn failure(self) -> Self {
        assert!(self.out.is_empty() && !self.err.is_empty(), "{self:#?}");
        self.exit_code(1)
    }

    pub(crate) fn usage_error(self) -> Self {
        assert!(self.out.is_empty() && !self.err.is_empty(), "{self:#?}");
        self.exit_code(2)
    }

    pub(crate) fn stdout_contains(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.out.contains(part), "no {part:?} on stdout: {self:#?}");
        }
        self
    }

    pub(crate) fn stderr_contains(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "no {part:?} on stderr: {self:#?}");
        }
        self
    }
}
