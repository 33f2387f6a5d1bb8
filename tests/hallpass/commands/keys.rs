//! `hallpass key add`, `rotate`, `revoke`: the key alone on stdout, everything else on stderr.

use jiff::{SignedDuration, Timestamp};

use super::{SECRET, TAIL};
use crate::support::{
    api_key::ApiKey,
    folder::{CommandOutput, Folder},
    roster::Roster,
};

/// The key on stdout.
fn key_of(outcome: &CommandOutput) -> ApiKey {
    let key = outcome.out.strip_suffix('\n').expect("a line");
    let (id, secret) = key.strip_prefix("hp_").and_then(|rest| rest.split_once('_')).unwrap();
    assert_eq!((id.len(), secret.len()), (12, 49), "{key}");
    assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{key}");
    assert!(!outcome.err.contains(&secret[..8]), "the secret is on stdout only");
    assert!(outcome.err.contains(id), "the key id is on stderr: {}", outcome.err);
    ApiKey::parse(key)
}

fn roster(folder: &Folder) -> Roster {
    Roster::load(&folder.path("roster.toml"))
}

#[test]
fn a_new_client_gets_roles_scopes_and_a_key_that_works() {
    let folder = Folder::new();
    let line = "key add billing --role reader --role admin --scope invoices:read --scope a:b";
    let key = key_of(&folder.run(line).success());
    assert_eq!(folder.mode("roster.toml"), 0o600);
    let roster = roster(&folder);
    let entry = roster.key(&key);
    assert_eq!((entry.client.as_str(), entry.expires), ("billing", None));
    assert_eq!(roster.list("billing", "roles"), ["admin", "reader"]);
    assert_eq!(roster.list("billing", "scopes"), ["a:b", "invoices:read"]);
}

#[test]
fn a_second_key_does_not_end_the_first() {
    let folder = Folder::new();
    let keys = ["key add billing --role reader", "key add billing"].map(|line| {
        let outcome = folder.run(line).success();
        key_of(&outcome)
    });
    let roster = roster(&folder);
    for key in &keys {
        assert!(roster.key(key).is_good_at(Timestamp::now()));
    }
    assert_eq!(roster.list("billing", "roles"), ["reader"], "a second key changes no roles");
}

#[test]
fn key_add_refuses_roles_and_scopes_for_an_existing_client() {
    let folder = Folder::with_roster("[clients.billing]\nroles = ['reader'] # mine\n");
    let before = folder.read("roster.toml");
    for line in ["key add billing --role admin", "key add billing --scope a"] {
        folder.run(line).failure().stderr_contains(&["billing", "--role", "--scope", "roster"]);
        assert_eq!(folder.read("roster.toml"), before, "{line}");
    }
}

#[test]
fn a_key_expires_after_the_requested_lifetime() {
    let folder = Folder::new();
    let before = Timestamp::now();
    let line = "key add billing --expires 90d";
    let key = key_of(&folder.run(line).success().stderr_contains(&["valid for 90d"]));
    let after = Timestamp::now();
    let roster = roster(&folder);
    let expires = roster.key(&key).expires.unwrap();
    let days = SignedDuration::from_hours(90 * 24);
    let second = SignedDuration::from_secs(1);
    assert!(before + days - second <= expires && expires <= after + days, "{expires}");
}

#[test]
fn rotate_makes_older_keys_expire_after_the_overlap() {
    let folder = Folder::new();
    let old = key_of(&folder.run("key add billing --role reader").success());
    let before = Timestamp::now();
    let outcome = folder.run("key rotate billing --overlap 1h").success().stderr_contains(&["1h"]);
    let new = key_of(&outcome);
    let roster = roster(&folder);
    let after = Timestamp::now();
    let (hour, second) = (SignedDuration::from_hours(1), SignedDuration::from_secs(1));
    let end = roster.key(&old).expires.unwrap();
    assert!(before + hour - second <= end && end <= after + hour, "{end}");
    assert_eq!(roster.key(&new).expires, None);
}

#[test]
fn rotate_without_overlap_makes_older_keys_expire_at_once() {
    let folder = Folder::new();
    let old = key_of(&folder.run("key add billing").success());
    let new = key_of(&folder.run("key rotate billing --overlap 0s").success());
    let roster = roster(&folder);
    assert!(!roster.key(&old).is_good_at(Timestamp::now()));
    assert!(roster.key(&new).is_good_at(Timestamp::now()));
    folder.run("key list").success().stdout_contains(&["expired", "active"]);
}

#[test]
fn the_cost_of_the_hash_may_be_chosen() {
    let folder = Folder::with_roster("");
    for (line, cost) in [
        ("key add billing", "$2b$10$"),
        ("key add billing --cost 4", "$2b$04$"),
        ("key rotate billing --cost 11", "$2b$11$"),
    ] {
        let key = key_of(&folder.run(line).success());
        assert!(roster(&folder).key(&key).hash.starts_with(cost), "{line}");
    }
    let outcome = folder.run_with(&[SECRET], "check").success();
    assert_eq!(outcome.out.lines().count(), 1, "a low cost is fine for keys: {outcome:?}");
    for cost in ["3", "15", "-4", "x", ""] {
        folder.run(&format!("key add billing --cost={cost}")).usage_error();
    }
}

#[test]
fn a_key_of_an_older_hallpass_is_revoked_by_its_text_too() {
    // Its id is not that of its secret.
    let key = "hp_4fQz81LmXc0a_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg2fLbt4";
    let folder = Folder::with_roster(&format!(
        "[[clients.billing.keys]]\nid = '4fQz81LmXc0a'\nhash = '$2b$10${TAIL}'\n\
         created = 2020-01-01T00:00:00Z\n"
    ));
    folder.run(&format!("key revoke {key}")).success().stderr_contains(&["4fQz81LmXc0a"]);
    assert!(roster(&folder).keys().is_empty());
}

#[test]
fn revoke_removes_one_key_and_keeps_the_others() {
    let folder = Folder::new();
    let gone = key_of(&folder.run("key add billing").success());
    let stays = key_of(&folder.run("key add billing").success());
    let outcome = folder.run(&format!("key revoke {}", gone.id())).success();
    assert!(outcome.out.is_empty(), "{outcome:?}");
    outcome.stderr_contains(&["billing", gone.id()]);
    let roster = roster(&folder);
    assert!(!roster.has(&gone));
    assert!(roster.key(&stays).is_good_at(Timestamp::now()));
}

#[test]
fn unknown_clients_and_keys_are_refused_with_a_hint() {
    let text = "[clients.keyless]\n[users.alice]\npassword = \"HASH\"\n";
    let text = &text.replace("HASH", &format!("$2b$12${TAIL}"));
    for (line, hint) in [
        ("key rotate alice", "is a user"),
        ("key rotate nobody", "hallpass key list"),
        ("key rotate keyless", "hallpass key add keyless"),
        ("key revoke 000000000000", "hallpass key list"),
    ] {
        let folder = Folder::with_roster(text);
        folder.run(line).failure().stderr_contains(&[hint]);
        assert_eq!(folder.read("roster.toml"), *text, "{line}");
        let empty = Folder::new();
        empty.run(line).failure().stderr_contains(&["no roster"]);
        assert!(empty.names().is_empty(), "{line}: only `key add` makes a roster");
    }
    Folder::new().run("key list").failure().stderr_contains(&["hallpass init"]);
}

#[test]
fn a_list_of_roles_or_scopes_is_refused_with_the_flags_to_write() {
    let folder = Folder::new();
    for command in ["key add a", "user add a"] {
        for (flag, list) in [("--role", "admin,reader"), ("--scope", "a:b,c"), ("--role", "a, b")] {
            let mut refused = folder.command(command);
            let refused = refused.args([flag, list]).output().unwrap();
            let parts: Vec<_> = list.split(',').map(str::trim).collect();
            let flags = format!("{flag} {} {flag} {}", parts[0], parts[1]);
            CommandOutput::new(command, refused).usage_error().stderr_contains(&[&flags]);
        }
    }
    assert!(folder.names().is_empty());
}

#[test]
fn malformed_arguments_are_usage_errors() {
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
        "key add a --role admin,",
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
        folder.run(line).usage_error();
        assert!(folder.names().is_empty(), "{line}");
    }
    let mut empty = folder.command("key add");
    CommandOutput::new("key add ''", empty.arg("").output().unwrap()).usage_error();
}
