//! Other programs: started directly or under an instrument, run to their end, installed where they are missing.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Makes the command that starts a program. `dir` is where the program keeps its files.
pub(crate) type Wrapper = fn(program: &Path, dir: &Path) -> Command;

/// The program itself, without an instrument around it.
pub(crate) fn unwrapped(program: &Path, _dir: &Path) -> Command {
    Command::new(program)
}

/// Runs a command and returns what it wrote to stdout.
///
/// # Panics
///
/// If the command fails.
pub(crate) fn run(command: &mut Command) -> String {
    try_run(command).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a command and returns what it wrote to stdout, or the reason why it failed.
pub(crate) fn try_run(command: &mut Command) -> Result<String, String> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

/// Installs a program from its Debian package if it is missing.
pub(crate) fn require(program: &str, package: &str) -> Result<(), String> {
    let find = || try_run(Command::new("sh").args(["-c", &format!("command -v {program}")]));
    if find().is_ok() {
        return Ok(());
    }
    install(package)?;
    find().map(drop)
}

/// Installs a Debian package.
pub(crate) fn install(package: &str) -> Result<(), String> {
    eprintln!("installing {package}");
    let mut apt = Command::new("apt-get");
    try_run(apt.args(["update", "-qq"]))?;
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    try_run(apt.args(["install", "-y", "-qq", "--no-install-recommends", package])).map(drop)
}

/// The directory of an installed tool, which is kept from run to run.
pub(crate) fn tool_dir(name: &str) -> PathBuf {
    repository().join("target/bench-tools").join(name)
}

/// The root of this repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
