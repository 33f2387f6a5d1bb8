//! What cannot be a finished edit of the roster leaves the last good one in force, and readiness says so.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use super::service::{SIGNING_SECRET, Service, program};
use crate::support::api_key::ApiKey;

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Readiness says `degraded` and the log says why; whoever could log in still can.
fn assert_last_good_stays(service: &Service, say: &str) {
    service.eventually(say, |service| service.ready() == "degraded");
    service.eventually(say, |service| service.log().contains(say));
    assert_eq!(service.with_token(), 200, "{say}");
    assert!(service.logged_in().is_some(), "{say}");
}

#[test]
fn a_roster_that_is_emptied_before_it_is_written_locks_nobody_out() {
    let service = Service::start();
    let good = service.text();
    // As `(sleep 2; cat good) > roster.toml` does.
    let mut file = fs::File::create(service.roster()).unwrap();
    assert_last_good_stays(&service, "roster.toml: the file is empty");
    let (half, rest) = good.split_at(good.find("created").unwrap());
    file.write_all(half.as_bytes()).unwrap();
    service.eventually("half", |service| service.log().contains("`created` and what follows"));
    assert_last_good_stays(&service, "this may be half an edit");
    file.write_all(rest.as_bytes()).unwrap();
    service.eventually("whole", |service| service.ready() == "ok");
    assert_eq!(service.with_token(), 200);
}

#[test]
fn a_roster_cut_before_the_end_of_a_key_revives_no_key() {
    let service = Service::start();
    let old = ApiKey::generate();
    let entry = old.entry("old");
    let cut = format!("{}[clients.old]\n{entry}", service.text());
    service.rename(&format!("{cut}expires = 2026-01-01T00:00:00Z\n"));
    service.eventually("added", |service| service.log().contains("clients=2"));
    let is_refused =
        |service: &Service| service.send("POST", "/login", ("X-API-Key", old.as_str())).0 == 401;
    assert!(is_refused(&service));
    fs::write(service.roster(), &cut).unwrap();
    assert_last_good_stays(&service, "`expires` and what follows it were before");
    assert!(is_refused(&service));
    // A signal does not make half an edit a whole one.
    service.hang_up();
    service.eventually("told", |service| service.log().matches("was not reloaded").count() == 2);
    assert!(is_refused(&service));
    // But whoever means it can say so.
    fs::write(service.roster(), cut + "# this key does not expire any more\n").unwrap();
    service.eventually("finished", |service| service.ready() == "ok");
    assert!(!is_refused(&service));
}

#[test]
fn a_roster_without_a_client_is_not_taken_over_and_one_without_keys_is_warned_about() {
    let service = Service::start();
    let good = service.text();
    for none in ["", "# nobody\n", "[users]\n"] {
        fs::write(service.roster(), none).unwrap();
        service.hang_up();
        let say = if none.is_empty() { "the file is empty" } else { "no client is left of 1" };
        assert_last_good_stays(&service, say);
        fs::write(service.roster(), &good).unwrap();
        service.hang_up();
        service.eventually("restored", |service| service.ready() == "ok");
    }
    let revoked =
        program(&service.directory, &["key", "revoke", &service.key[3..15]]).output().unwrap();
    assert!(revoked.status.success());
    service.eventually("revoked", |service| service.with_token() == 401);
    assert_eq!(service.ready(), "ok");
    service.eventually("warned", |service| service.log().contains("no usable API key"));
}

#[test]
fn a_fifo_in_the_place_of_the_roster_does_not_stop_its_watcher() {
    let service = Service::start();
    let good = service.text();
    fs::remove_file(service.roster()).unwrap();
    make_fifo(&service.roster());
    assert_last_good_stays(&service, "it is a pipe");
    fs::remove_file(service.roster()).unwrap();
    fs::write(service.roster(), "").unwrap();
    service.hang_up();
    service.eventually("empty", |service| service.log().contains("the file is empty"));
    assert_last_good_stays(&service, "the file is empty");
    fs::write(
        service.roster(),
        good.replace("[clients.billing]", "[clients.new]\n[clients.billing]"),
    )
    .unwrap();
    service.eventually("followed", |service| service.log().contains("clients=2"));
    assert_eq!(service.ready(), "ok");
}

#[test]
fn a_roster_that_everybody_may_write_is_not_taken_over() {
    let service = Service::start();
    fs::set_permissions(service.roster(), Permissions::from_mode(0o646)).unwrap();
    assert_last_good_stays(
        &service,
        "every user of this machine may write it (mode 0646): `chmod o-w ",
    );
    fs::set_permissions(service.roster(), Permissions::from_mode(0o660)).unwrap();
    service.eventually("corrected", |service| service.ready() == "ok");
    assert!(!service.log().contains("may read it (mode 0660)"));
    fs::set_permissions(service.roster(), Permissions::from_mode(0o664)).unwrap();
    service.eventually("warned", |service| service.log().contains("may read it (mode 0664)"));
    assert_eq!(service.ready(), "ok");
}

/// What `serve` or `check` says about this roster, and that it refuses it; neither must wait for it.
fn refused(directory: &tempfile::TempDir, command: &str, roster: &Path) -> String {
    let mut child = program(directory, &[command, "--bind", "127.0.0.1:0", "--roster"])
        .arg(roster)
        .env("HALLPASS_SECRET_KEY", SIGNING_SECRET)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..1000 {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let _ended_before = child.kill();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{command}: {output:?}");
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn a_roster_that_is_a_pipe_or_a_device_is_refused_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    make_fifo(&fifo);
    // The other end stays open, as that of `--roster <(...)` does.
    let _both_ends = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    for command in ["serve", "check"] {
        for (roster, say) in [
            (&*fifo, "it is a pipe, which can be read once and not followed: write it to a file"),
            ("/dev/zero".as_ref(), "it is no regular file"),
            (directory.path(), "it is a directory"),
        ] {
            let said = refused(&directory, command, roster);
            assert!(said.contains(say) && said.lines().count() == 1, "{said}");
        }
    }
}

#[test]
fn a_roster_that_everybody_may_write_is_refused_at_start_and_one_they_may_read_warned_about() {
    let directory = tempfile::tempdir().unwrap();
    let roster = directory.path().join("roster.toml");
    fs::write(&roster, "").unwrap();
    fs::set_permissions(&roster, Permissions::from_mode(0o666)).unwrap();
    for command in ["serve", "check"] {
        let said = refused(&directory, command, &roster);
        assert!(
            said.contains("may write it (mode 0666): `chmod o-w ") && said.lines().count() == 1,
            "{said}"
        );
    }
    for (mode, warnings) in [(0o644, 1), (0o660, 0)] {
        fs::set_permissions(&roster, Permissions::from_mode(mode)).unwrap();
        let mut check = program(&directory, &["check"]);
        let checked = check.env("HALLPASS_SECRET_KEY", SIGNING_SECRET).output().unwrap();
        assert!(checked.status.success());
        let said = String::from_utf8(checked.stdout).unwrap();
        assert_eq!(
            said.matches("may read it (mode 0644): `chmod o-r ").count(),
            warnings,
            "{said}"
        );
    }
}
