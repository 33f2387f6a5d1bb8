//! Files that are mounted by themselves, as `docker -v FILE:FILE` and Kubernetes' `subPath` do.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::{
    support::{
        server::{Server, eventually},
        skip,
    },
    tls::Pair,
};

const ADVICE: &str = "mount the directory that holds it instead";

/// A command line of hallpass in a directory `inside`, into which these files of `dir` are mounted one by one. None
/// where this machine lets nobody mount.
fn with_mounted(dir: &Path, files: &[&str], arguments: &str) -> Option<Command> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-ec"]).env_clear();
        command.current_dir(dir).stdin(Stdio::null());
        command
    };
    let try_out = "touch from to; mount --bind from to; rm from";
    if !unshare().arg(try_out).status().is_ok_and(|status| status.success()) {
        skip("files cannot be mounted in a user namespace of this machine");
        return None;
    }
    let mount = |file: &&str| format!("touch inside/{file}; mount --bind {file} inside/{file};");
    let script = files.iter().map(mount).collect::<String>();
    let mut command = unshare();
    command.arg(format!("mkdir -p inside; {script} cd inside; exec \"$0\" {arguments}"));
    command.arg(env!("CARGO_BIN_EXE_hallpass"));
    Some(command)
}

fn ready(server: &Server) -> serde_json::Value {
    server.anonymous().get("/health/ready").expect(200).json()["status"].clone()
}

/// Replaces a file as editors and `hallpass key` do.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn a_roster_that_is_replaced_where_it_is_mounted_from_degrades_readiness() {
    let dir = tempfile::tempdir().unwrap();
    let serve = with_mounted(dir.path(), &["roster.toml"], "serve --bind 127.0.0.1:0");
    let Some(serve) = serve else { return };
    let server = Server::spawn(serve, dir, &[]);
    let roster = server.dir.path().join("roster.toml");
    server.log_until("a warning at the start", |log| {
        log.contains("roster.toml: it is mounted by itself") && log.contains(ADVICE)
    });
    assert_eq!(ready(&server), "ok");
    // Written in place, it is followed.
    let text = fs::read_to_string(&roster).unwrap();
    fs::write(&roster, format!("{text}\n[clients.new]\n")).unwrap();
    server.log_until("followed", |log| log.contains("reloaded the roster"));
    replace(&roster, &text);
    eventually("degraded", || (ready(&server) == "degraded").then_some(()));
    let log = server.log_until("told", |log| log.contains("the roster was not reloaded"));
    assert!(log.contains("it was replaced or removed where it is mounted from"), "{log}");
    assert_eq!(log.matches(ADVICE).count(), 3, "{log}");
}

#[test]
fn a_tls_certificate_that_is_replaced_where_it_is_mounted_from_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    pair.write(dir.path());
    let files = ["roster.toml", "cert.pem", "key.pem"];
    let Some(serve) = with_mounted(dir.path(), &files, "serve --bind 127.0.0.1:0") else { return };
    let settings = [("HALLPASS_TLS_CERT", "cert.pem"), ("HALLPASS_TLS_KEY", "key.pem")];
    let server = Server::spawn(serve, dir, &settings);
    replace(&server.dir.path().join("cert.pem"), &pair.certificate);
    server.log_until("a report", |log| {
        log.contains(
            "cert.pem: cannot be read: it was replaced or removed where it is mounted from",
        ) && log.contains("the TLS certificate was not reloaded")
    });
}

#[test]
fn commands_say_what_to_mount_and_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[clients.billing]\n";
    fs::write(dir.path().join("roster.toml"), text).unwrap();
    let run = |line: &str| -> Option<Output> {
        let mut command = with_mounted(dir.path(), &["roster.toml"], line)?;
        command.env("HALLPASS_SECRET_KEY", "tests-only-0123456789abcdef-0123456789");
        Some(command.output().unwrap())
    };
    for line in ["key add billing", "user remove alice"] {
        let Some(refused) = run(line) else { return };
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("it is mounted by itself") && said.contains(ADVICE), "{said}");
        assert_eq!(refused.stdout, b"");
        assert_eq!(fs::read_to_string(dir.path().join("roster.toml")).unwrap(), text);
        let inside = fs::read_dir(dir.path().join("inside")).unwrap().count();
        assert_eq!(inside, 1, "nothing is left beside the roster");
    }
    let checked = String::from_utf8(run("check").unwrap().stdout).unwrap();
    assert!(checked.contains("roster.toml: it is mounted by itself"), "{checked}");
}
