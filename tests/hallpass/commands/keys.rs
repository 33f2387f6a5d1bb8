//! `hallpass key add`, `rotate`, `revoke`: keys come to stdout once, the rest goes to stderr.

use jiff::{SignedDuration, Timestamp};

use super::{Folder, Outcome};
use crate::support::{api_key::ApiKey, roster::Roster};

/// The key that stands alone on stdout.
fn key_of(outcome: &Outcome) -> ApiKey {
    let key = outcome.out.strip_suffix('\n').expect("a line");
    let (id, secret) = key.strip_prefix("hp_").and_then(|rest| rest.split_once('_')).unwrap();
    assert_eq!((id.len(), secret.len()), (12, 49), "{key}");
    assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{key}");
    assert!(!outcome.err.contains(&secret[..8]), "the secret is on stdout only");
    assert!(outcome.err.contains(id), "people learn the key id: {}", outcome.err);
    ApiKey::parse(key)
}

fn roster(folder: &Folder) -> Roster {
    Roster::load(&folder.path("roster.toml"))
}

#[test]
fn a_new_client_gets_roles_scopes_and_a_key_that_works() {
    let folder = Folder::new();
    let line = "key add billing --role reader --role admin --scope invoices:read --scope a:b";
    let key = key_of(&folder.run(line).done());
    assert_eq!(folder.mode("roster.toml"), 0o600);
    let roster = roster(&folder);
    let entry = roster.key(&key);
    assert_eq!((entry.client.as_str(), entry.expires), ("billing", None));
    assert_eq!(roster.list("billing", "roles"), ["admin", "reader"]);
    assert_eq!(roster.list("billing", "scopes"), ["a:b", "invoices:read"]);
}

#[test]
fn a_second_key_leaves_the_first_good() {
    let folder = Folder::new();
    let keys = ["key add billing --role reader", "key add billing"].map(|line| {
        let outcome = folder.run(line).done();
        key_of(&outcome)
    });
    let roster = roster(&folder);
    for key in &keys {
        assert!(roster.key(key).is_good_at(Timestamp::now()));
    }
    assert_eq!(roster.list("billing", "roles"), ["reader"], "a second key changes no roles");
}

#[test]
fn a_client_that_exists_takes_no_roles_and_scopes_from_the_command() {
    let folder = Folder::with_roster("[clients.billing]\nroles = ['reader'] # mine\n");
    let before = folder.read("roster.toml");
    for line in ["key add billing --role admin", "key add billing --scope a"] {
        folder.run(line).refused().complains(&["billing", "--role", "--scope", "roster"]);
        assert_eq!(folder.read("roster.toml"), before, "{line}");
    }
}

#[test]
fn a_key_expires_when_it_was_said_to() {
    let folder = Folder::new();
    let before = Timestamp::now();
    let line = "key add billing --expires 90d";
    let key = key_of(&folder.run(line).done().complains(&["good for 90d"]));
    let after = Timestamp::now();
    let roster = roster(&folder);
    let expires = roster.key(&key).expires.unwrap();
    let days = SignedDuration::from_hours(90 * 24);
    let second = SignedDuration::from_secs(1);
    assert!(before + days - second <= expires && expires <= after + days, "{expires}");
}

#[test]
fn rotate_ends_the_older_keys_after_the_overlap() {
    let folder = Folder::new();
    let old = key_of(&folder.run("key add billing --role reader").done());
    let before = Timestamp::now();
    let outcome = folder.run("key rotate billing --overlap 1h").done().complains(&["1h"]);
    let new = key_of(&outcome);
    let roster = roster(&folder);
    let after = Timestamp::now();
    let (hour, second) = (SignedDuration::from_hours(1), SignedDuration::from_secs(1));
    let end = roster.key(&old).expires.unwrap();
    assert!(before + hour - second <= end && end <= after + hour, "{end}");
    assert_eq!(roster.key(&new).expires, None);
}

#[test]
fn rotate_without_an_overlap_ends_the_older_keys_at_once() {
    let folder = Folder::new();
    let old = key_of(&folder.run("key add billing").done());
    let new = key_of(&folder.run("key rotate billing --overlap 0s").done());
    let roster = roster(&folder);
    assert!(!roster.key(&old).is_good_at(Timestamp::now()));
    assert!(roster.key(&new).is_good_at(Timestamp::now()));
    folder.run("key list").done().shows(&["expired", "active"]);
}

#[test]
fn a_revoked_key_is_gone_and_the_others_stay() {
    let folder = Folder::new();
    let gone = key_of(&folder.run("key add billing").done());
    let stays = key_of(&folder.run("key add billing").done());
    let outcome = folder.run(&format!("key revoke {}", gone.id())).done();
    assert!(outcome.out.is_empty(), "{outcome:?}");
    outcome.complains(&["billing", gone.id()]);
    let roster = roster(&folder);
    assert!(!roster.has(&gone));
    assert!(roster.key(&stays).is_good_at(Timestamp::now()));
}

#[test]
fn what_is_not_there_is_refused_with_a_way_on_and_nothing_changes() {
    let text = "[clients.keyless]\n";
    for (line, hint) in [
        ("key rotate nobody", "hallpass key list"),
        ("key rotate keyless", "hallpass key add keyless"),
        ("key revoke 000000000000", "hallpass key list"),
    ] {
        let folder = Folder::with_roster(text);
        folder.run(line).refused().complains(&[hint]);
        assert_eq!(folder.read("roster.toml"), text, "{line}");
        let empty = Folder::new();
        empty.run(line).refused().complains(&["no roster"]);
        assert!(empty.names().is_empty(), "{line}: only `key add` makes a roster");
    }
    Folder::new().run("key list").refused().complains(&["hallpass init"]);
}

#[test]
fn words_outside_their_grammar_are_wrong_usage() {
    let folder = Folder::new();
    let long = "a".repeat(65);
    for line in [
        "key add",
        "key add a/b",
        "key add é",
        "key add --role reader",
        "key add a b",
        "key add a --role \"",
        "key add a --scope \\",
        "key add a --role é",
        "key add a --expires soon",
        "key add a --expires 0s",
        "key add a --expires -1d",
        "key rotate a --overlap never",
        "key rotate a/b",
        "key revoke short",
        "key revoke 00000000000_",
        "key lst",
        "key",
        &format!("key add {long}"),
    ] {
        folder.run(line).misused();
        assert!(folder.names().is_empty(), "{line}");
    }
    let mut empty = folder.command("key add");
    Outcome::of("key add ''", empty.arg("").output().unwrap()).misused();
}
