//! Programs that are not Rust's: run, and installed where they are missing.
//!
//! Must not know what they are for.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Runs a command to its end; returns what it wrote to stdout.
pub(crate) fn run(command: &mut Command) -> String {
    attempt(command).unwrap_or_else(|why| panic!("{why}"))
}

/// Runs a command to its end; returns what it wrote to stdout, or how it failed.
pub(crate) fn attempt(command: &mut Command) -> Result<String, String> {
    let done =
        command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
    } else {
        Err(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr).trim()))
    }
}

/// Makes sure that a program is there, from Debian's package where it is missing.
pub(crate) fn need(program: &str, package: &str) -> Result<(), String> {
    let there =
        |program: &str| attempt(Command::new("sh").args(["-c", &format!("command -v {program}")]));
    if there(program).is_ok() {
        return Ok(());
    }
    install(package)?;
    there(program).map(drop)
}

/// Installs a Debian package.
pub(crate) fn install(package: &str) -> Result<(), String> {
    eprintln!("installing {package}");
    let mut apt = Command::new("apt-get");
    attempt(apt.args(["update", "-qq"]))?;
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    attempt(apt.args(["install", "-y", "-qq", "--no-install-recommends", package])).map(drop)
}

/// Where what was installed stays from run to run.
pub(crate) fn kept(name: &str) -> PathBuf {
    repository().join("target/bench-tools").join(name)
}

/// The root of this repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
