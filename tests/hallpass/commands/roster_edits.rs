//! Edits of the roster file keep what they do not change, also when several run at once.

use std::os::unix::fs::{MetadataExt, chown, symlink};

use super::TAIL;
use crate::support::{
    api_key::ApiKey,
    folder::{CommandOutput, Folder},
    roster::Roster,
    skip,
};

/// A hand-written roster with a key of cost 4.
fn handwritten() -> String {
    format!(
        "# Billing first: it pays for the rest.\n\
         [clients.zulu] # last in the alphabet\n\
         roles = [ 'reader',   \"admin\" ]\n\
         \n\
         # made by hand\n\
         [[clients.zulu.keys]]\n\
         id = \"4fQz81LmXc0a\" # on the old server\n\
         hash = '$2b$04${TAIL}'\n\
         created = 2026-01-01T00:00:00+02:00\n\
         \n\
         [users.alice] # a person\n\
         password = '$2b$04${TAIL}'\n\
         \n\
         [clients.alpha]\n\
         # the end\n"
    )
}

#[test]
fn adding_a_key_keeps_every_line_and_their_order() {
    for client in ["zulu", "alpha", "fresh"] {
        let folder = Folder::with_roster(&handwritten());
        folder.run(&format!("key add {client}")).success();
        let after = folder.read("roster.toml");
        let mut rest = after.lines();
        for line in handwritten().lines() {
            assert!(rest.any(|found| found == line), "{line:?} is lost in:\n{after}");
        }
        folder.run_with(&[super::SECRET], "check").success();
    }
}

#[test]
fn rotate_and_revoke_change_only_the_key() {
    let folder = Folder::with_roster(&handwritten());
    folder.run("key rotate zulu").success();
    folder.run("key revoke 4fQz81LmXc0a").success();
    let after = folder.read("roster.toml");
    for kept in [
        "# Billing first: it pays for the rest.\n[clients.zulu] # last in the alphabet\n",
        "roles = [ 'reader',   \"admin\" ]\n",
        "[users.alice] # a person\n",
        "[clients.alpha]\n# the end\n",
    ] {
        assert!(after.contains(kept), "{kept:?} is lost in:\n{after}");
    }
    assert!(!after.contains("4fQz81LmXc0a") && after.matches("hash = ").count() == 1, "{after}");
}

#[test]
fn an_edited_roster_keeps_its_mode() {
    let folder = Folder::with_roster(&handwritten());
    for mode in [0o640, 0o600, 0o660, 0o644] {
        folder.set_mode("roster.toml", mode);
        folder.run("key add fresh").success();
        assert_eq!(folder.mode("roster.toml"), mode);
        assert_eq!(folder.names(), ["roster.toml"]);
    }
}

#[test]
fn an_edited_roster_keeps_its_owner_and_group() {
    let folder = Folder::with_roster(&handwritten());
    let path = folder.path("roster.toml");
    if let Err(error) = chown(&path, Some(1234), Some(2345)) {
        skip(&format!("only root may give a file away: {error}"));
        return;
    }
    folder.set_mode("roster.toml", 0o640);
    for line in ["key add fresh", "key rotate fresh", "user remove alice"] {
        folder.run(line).success();
        let found = std::fs::metadata(&path).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (1234, 2345, 0o640));
    }
}

#[test]
fn a_symbolic_link_to_the_roster_is_followed() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("data")).unwrap();
    folder.write("data/real.toml", &handwritten());
    symlink("data/real.toml", folder.path("roster.toml")).unwrap();
    folder.run("key add fresh").success();
    let link = std::fs::read_link(folder.path("roster.toml")).unwrap();
    assert_eq!(link.to_str(), Some("data/real.toml"), "the link is still one");
    assert!(folder.read("data/real.toml").contains("[clients.fresh]"));
}

#[test]
fn ten_concurrent_key_adds_lose_no_key() {
    let folder = Folder::new();
    let started: Vec<_> = (0..10)
        .map(|number| {
            // Some share a client, some add their own.
            let line = format!("key add {}", ["shared", "one", "two"][number % 3]);
            (folder.command(&line).spawn().unwrap(), line)
        })
        .collect();
    let keys = Vec::from_iter(started.into_iter().map(|(child, line)| {
        let outcome = CommandOutput::new(&line, child.wait_with_output().unwrap()).success();
        ApiKey::parse(outcome.out.trim_end())
    }));
    let roster = Roster::load(&folder.path("roster.toml"));
    assert_eq!(roster.keys().len(), 10);
    assert!(keys.iter().all(|key| roster.has(key)));
    assert_eq!(folder.names(), ["roster.toml"]);
}

#[test]
fn edits_of_a_broken_roster_are_refused_and_change_nothing() {
    for broken in [
        "[clients.billing\n",
        "[clients.billing]\nrolls = []\n",
        "[clients.'not a name']\n",
        "[clients]\n[clients]\n",
    ] {
        for line in ["key add fresh", "key rotate billing", "key revoke 4fQz81LmXc0a"] {
            let folder = Folder::with_roster(broken);
            folder.run(line).failure().stderr_contains(&["roster.toml:"]);
            assert_eq!(folder.read("roster.toml"), broken, "{line}");
        }
        Folder::with_roster(broken).run("key list").failure().stderr_contains(&["roster.toml:"]);
    }
}

#[test]
fn a_file_system_error_is_printed_once() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("folder")).unwrap();
    for (roster, error) in [("folder", "directory"), ("no/such/roster.toml", "mkdir")] {
        let outcome = folder.run(&format!("key add fresh --roster {roster}")).failure();
        assert_eq!(outcome.err.matches(error).count(), 1, "{}", outcome.err);
        assert_eq!(outcome.err.lines().count(), 1, "{}", outcome.err);
    }
}
