//! A running service follows its roster file, also while `hallpass user` edits it.

mod service;
mod unfinished_edits;

use std::{fs, thread, time::Duration};

use crate::support::{
    load::{Connection, Load, requests},
    server::Server,
};
use service::{Service, program, user};

#[test]
fn a_renamed_or_rewritten_roster_takes_effect() {
    let service = Service::start();
    let full = service.text();
    service.rename("[clients.other]\n");
    service.eventually("renamed", |service| service.logged_in().is_none());
    assert_eq!(service.with_token(), 401);
    fs::write(service.roster(), &full).unwrap();
    service.eventually("written", |service| service.logged_in().is_some());
    assert_eq!(service.with_token(), 200);
}

#[test]
fn a_swapped_symbolic_link_takes_effect() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir(at("1")).unwrap();
    fs::create_dir(at("2")).unwrap();
    fs::write(at("1/roster.toml"), "").unwrap();
    fs::write(at("2/roster.toml"), "[clients.other]\n").unwrap();
    symlink("1", at("..data")).unwrap();
    symlink("..data/roster.toml", at("roster.toml")).unwrap();
    let service = Service::over(directory, &["--bind", "127.0.0.1:0"]);
    assert_eq!(service.with_token(), 200);
    let at = |name: &str| service.directory.path().join(name);
    symlink("2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    service.eventually("swapped", |service| service.with_token() == 401);
}

#[test]
fn sighup_reloads_the_roster() {
    let service = Service::start();
    let reloads = |service: &Service| service.log().matches("reloaded the roster").count();
    for times in 1..4 {
        service.hang_up();
        service.eventually("reloaded", |service| reloads(service) == times);
    }
    service.rename("[clients.other]\n");
    service.hang_up();
    service.eventually("reloaded", |service| service.with_token() == 401);
}

#[test]
fn sighup_is_ignored_in_dev_mode() {
    let service = Service::over(tempfile::tempdir().unwrap(), &["--dev", "--bind", "127.0.0.1:0"]);
    service.rename("[broken");
    service.hang_up();
    thread::sleep(Duration::from_millis(1200));
    assert_eq!((service.with_token(), service.ready().as_str()), (200, "ok"));
    assert!(!service.log().contains("the roster was"), "{}", service.log());
}

#[test]
fn a_broken_roster_is_reported_until_it_is_fixed() {
    let service = Service::start();
    let good = service.text();
    for (what, say) in [
        (Some(format!("{good}\n[clients.x]\nrole = []\n")), "unknown field `role`"),
        (None, "there is no roster"),
        (Some(format!("{good}\n[clients.x\n")), "not TOML"),
    ] {
        match what {
            Some(text) => service.rename(&text),
            None => fs::remove_file(service.roster()).unwrap(),
        }
        service.eventually(say, |service| service.log().contains(say));
        service.eventually(say, |service| service.ready() == "degraded");
        assert_eq!(service.with_token(), 200);
        assert!(service.logged_in().is_some());
        service.rename(&good);
        service.eventually("fixed", |service| service.ready() == "ok");
    }
    let line = good.lines().count() + 3;
    assert!(
        service.log().contains(&format!("roster.toml:{line}: unknown field")),
        "{}",
        service.log()
    );
}

#[test]
fn expiring_disabling_or_revoking_ends_issued_tokens() {
    let service = Service::start();
    let good = service.text();
    let id = &service.key[3..15];
    let expired = good.replace("created =", "expires = 2000-01-01T00:00:00Z\ncreated =");
    let disabled = good.replace("roles = []", "roles = []\ndisabled = true");
    assert!(expired != good && disabled != good);
    for text in [expired, disabled] {
        service.rename(&text);
        service.eventually(&text, |service| service.with_token() == 401);
        service.rename(&good);
        service.eventually("restored", |service| service.with_token() == 200);
    }
    let used = |service: &Service| service.log().matches("reloaded the roster").count();
    assert!(used(&service) >= 4);
    let revoked = program(&service.directory, &["key", "revoke", id]).output().unwrap();
    assert!(revoked.status.success());
    service.eventually("revoked", |service| service.with_token() == 401);
    assert!(service.logged_in().is_none());
}

#[test]
fn users_are_added_and_removed_while_the_service_runs() {
    let service = Service::start();
    let added =
        user(&service.directory, &["add", "alice", "--role", "admin"], "open sesame\nmore\n");
    assert!(added.status.success() && added.stdout.is_empty(), "{added:?}");
    service.eventually("added", |service| service.log().contains("clients=1 users=1"));
    let (status, answer) = service.password_login("alice", "open sesame");
    assert_eq!(status, 200, "{answer}");
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let (_, principal) = service.send("GET", "/request", ("Authorization", &bearer));
    assert_eq!(principal["roles"], serde_json::json!(["admin"]));
    assert_eq!(service.with_token(), 200);
    assert!(user(&service.directory, &["remove", "alice"], "").status.success());
    service.eventually("removed", |service| service.log().contains("clients=1 users=0"));
}

#[test]
fn removing_or_disabling_a_user_ends_issued_tokens() {
    let mut service = Service::start();
    assert!(user(&service.directory, &["add", "alice"], "open sesame\n").status.success());
    service.token = service.token_of_user("alice");
    service.eventually("added", |service| service.with_token() == 200);
    let good = service.text();
    service.rename(&good.replace("[users.alice]", "[users.alice]\ndisabled = true"));
    service.eventually("disabled", |service| service.with_token() == 401);
    service.rename(&good);
    service.eventually("enabled", |service| service.with_token() == 200);
    assert!(user(&service.directory, &["remove", "alice"], "").status.success());
    service.eventually("removed", |service| service.with_token() == 401);
}

#[test]
fn invalid_user_changes_are_refused_and_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let roster = directory.path().join("roster.toml");
    assert!(user(&directory, &["add", "alice"], "x\n").status.success());
    fs::write(&roster, fs::read_to_string(&roster).unwrap() + "\n[clients.c]\n").unwrap();
    let before = fs::read_to_string(&roster).unwrap();
    let long = "x".repeat(72);
    for (arguments, stdin, code, say) in [
        (["add", "alice"], "x\n", 1, "hallpass user remove alice"),
        (["add", "c"], "x\n", 1, "there is a client c already"),
        (["add", "bob"], "", 1, "the password is empty"),
        (["add", "bob"], "\nx\n", 1, "the password is empty"),
        (["add", "bob"], &long, 1, "72 bytes"),
        (["add", "b/b"], "x\n", 2, "is not a name"),
        (["remove", "bob"], "", 1, "there is no user bob"),
        (["remove", "c"], "", 1, "there is no user c"),
    ] {
        let refused = user(&directory, &arguments, stdin);
        let err = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(code), "{arguments:?} {err}");
        assert!(err.contains(say), "{err}");
        assert_eq!(fs::read_to_string(&roster).unwrap(), before);
    }
}

#[test]
fn reloads_under_load_do_not_affect_answers() {
    let server = Server::start();
    let (roster, new) = (server.dir.path().join("roster.toml"), server.dir.path().join("new"));
    let address = server.address;
    let load =
        Load::start(requests(&server, &server.login("reader")), move || Connection::open(address));
    let (reloaded, broken) = ("reloaded the roster", "roster was not reloaded");
    for round in 1..=20 {
        for (text, line, times) in [
            (format!("{}\n# {round}\n", server.accounts.roster), reloaded, round),
            ("[clients".to_owned(), broken, round / 10),
        ] {
            if server.log().matches(line).count() == times {
                continue;
            }
            fs::write(&new, text).unwrap();
            fs::rename(&new, &roster).unwrap();
            // Every fifth change is noticed without a signal.
            if round % 5 > 0 {
                server.signal("HUP");
            }
            server.log_until(line, |log| log.matches(line).count() == times);
            load.wait_for_answers(50);
        }
    }
    assert_eq!(load.stop(), Vec::<String>::new());
}
