//! Edits of users in the roster file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::COST;
use super::HASH;
use super::name;
use super::now;
use super::roles;
use super::scopes;

use crate::roster::{
    edit::{self, Entitlements},
    edit_error::EditError,
    roster::Roster,
    secret_cache::SecretCache,
    verified_password::NewPasswordError,
};

/// A directory with a roster of this text, or without one.
fn roster(text: Option<&str>) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roster.toml");
    if let Some(text) = text {
        fs::write(&path, text.replace("HASH", HASH)).unwrap();
    }
    (directory, path)
}

fn add(path: &Path, user: &str, password: &str) -> Result<(), EditError> {
    edit::add_user(path, &name(user), &Entitlements::default(), &password.into(), COST, now())
}

/// What removing `alice` makes of a text.
fn without_alice(text: &str) -> String {
    let (_directory, path) = roster(Some(text));
    edit::remove_user(&path, &name("alice")).unwrap();
    fs::read_to_string(&path).unwrap().replace(HASH, "HASH")
}

#[test]
fn the_first_user_creates_the_roster() {
    let (_directory, path) = roster(None);
    let grants = Entitlements {
        roles: roles(&["b", "a"]),
        scopes: scopes(&["x:y"]),
        options: Default::default(),
    };
    edit::add_user(&path, &name("alice"), &grants, &"open sesame".into(), COST, now()).unwrap();
    let found = Roster::load(&path).unwrap().roster;
    let proof = found
        .verify_password(&SecretCache::default(), "alice", &"open sesame".into(), None)
        .unwrap();
    assert_eq!((proof.roles(), proof.scopes()), (&grants.roles, &grants.scopes));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# The roster"), "{text}");
    let hash = text.split('"').find(|part| part.starts_with("$2b$")).unwrap();
    let from = text.find("[users").unwrap();
    assert_eq!(
        text[from..].replace(hash, "HASH"),
        "[users.alice]\nroles = [\"a\", \"b\"]\nscopes = [\"x:y\"]\ncreated = 2026-11-23T10:00:00Z\npassword = \"HASH\"\n"
    );
    assert!(!text.contains("sesame"));
}

#[test]
fn adding_keeps_comments_and_order_and_removal_reverts_it() {
    let before = include_str!("example.toml");
    for text in [
        format!("# head\n{before}\n# end\n"),
        "# head\n\n[clients.a] # c\n".to_owned(),
        "clients = {}\nusers = { alice = { password = 'HASH' } }\n".to_owned(),
        "[users]\nalice = { password = 'HASH' } # why\n".to_owned(),
        "users.alice.password = 'HASH' # why\n".to_owned(),
    ] {
        let (_directory, path) = roster(Some(&text));
        let text = fs::read_to_string(&path).unwrap();
        add(&path, "bob", "x").unwrap();
        let changed = fs::read_to_string(&path).unwrap();
        let mut rest = changed.as_str();
        for line in text.lines().map(|line| line.trim_end_matches(" }")) {
            let at =
                rest.find(line).unwrap_or_else(|| panic!("{line} is gone or moved:\n{changed}"));
            rest = &rest[at..];
        }
        let found = Roster::load(&path).unwrap().roster;
        assert!(
            found.verify_password(&SecretCache::default(), "bob", &"x".into(), None).is_ok(),
            "{changed}"
        );
        edit::remove_user(&path, &name("bob")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().trim_end(), text.trim_end());
    }
}

#[test]
fn only_the_comment_directly_above_is_removed() {
    let alice = "[users.alice]\npassword = 'HASH' # of alice\n";
    let bob = "[users.bob]\npassword = 'HASH'\n";
    assert_eq!(
        without_alice(&format!("# head\n\n# about alice\n{alice}\n# about bob\n{bob}# end\n")),
        format!("# head\n\n# about bob\n{bob}# end\n")
    );
    assert_eq!(without_alice(&format!("# head\n\n{alice}")), "# head\n");
    assert_eq!(without_alice(&format!("# head\n\n{alice}\n# end\n")), "# head\n\n# end\n");
    assert_eq!(
        without_alice(&format!(
            "{bob}\n# section\n\n{alice}\n[[clients.c.keys]] # k\nid = '4fQz81LmXc0a'\nhash = 'HASH'\ncreated = 2026-01-01T00:00:00Z\n"
        )),
        format!(
            "{bob}\n# section\n\n[[clients.c.keys]] # k\nid = '4fQz81LmXc0a'\nhash = 'HASH'\ncreated = 2026-01-01T00:00:00Z\n"
        )
    );
    assert_eq!(
        without_alice(&format!("[clients.c]\n\n{alice}\n{bob}")),
        format!("[clients.c]\n\n{bob}")
    );
}

#[test]
fn a_user_can_be_added_after_the_last_was_removed() {
    let (_directory, path) = roster(None);
    for _ in 0..3 {
        add(&path, "alice", "x").unwrap();
        edit::remove_user(&path, &name("alice")).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    edit::create(&path.with_extension("fresh")).unwrap();
    assert_eq!(text, fs::read_to_string(path.with_extension("fresh")).unwrap());
}

#[test]
fn passwords_that_bcrypt_truncates_are_refused() {
    let (directory, path) = roster(None);
    for (bad, error) in [
        (String::new(), NewPasswordError::Empty),
        ("x".repeat(72), NewPasswordError::TooLong(72)),
        ("é".repeat(36), NewPasswordError::TooLong(72)),
        ("x\0y".to_owned(), NewPasswordError::Nul),
    ] {
        let refused = add(&path, "alice", &bad).unwrap_err();
        assert!(matches!(refused, EditError::Password(found) if found == error), "{refused}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    add(&path, "alice", &"x".repeat(71)).unwrap();
}

#[test]
fn a_name_is_a_client_or_a_user_not_both() {
    let (_directory, path) = roster(Some("[clients.c]\n[users.alice]\npassword = 'HASH'\n"));
    let before = fs::read_to_string(&path).unwrap();
    assert!(matches!(add(&path, "alice", "x"), Err(EditError::UserExists(_))));
    let taken = add(&path, "c", "x").unwrap_err();
    assert!(taken.to_string().starts_with("there is a client c already"), "{taken}");
    let taken =
        edit::add_key(&path, &name("alice"), &Entitlements::default(), None, None, COST, now());
    assert!(taken.err().unwrap().to_string().starts_with("there is a user alice already"));
    let stranger = edit::remove_user(&path, &name("c"));
    assert!(matches!(stranger, Err(EditError::UnknownUser(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn a_user_with_the_name_of_a_client_is_an_error_with_both_lines() {
    let error = |text: &str| {
        let text = text.replace("HASH", HASH);
        Roster::parse(&text, "r.toml").map(drop).unwrap_err().to_string()
    };
    let both = "a user and a client are both called a, see line";
    let user = "[users.a]\npassword = 'HASH'\n";
    let found = error(&format!("[clients.b]\n[clients.a]\n{user}"));
    assert_eq!(found, format!("r.toml:3: {both} 2: a name must mean one, rename one"));
    let found = error(&format!("{user}[clients.a]\n"));
    assert!(found.starts_with(&format!("r.toml:3: {both} 1")) && found.lines().count() == 1);
}

#[test]
fn removal_needs_a_roster() {
    let (directory, path) = roster(None);
    assert!(matches!(edit::remove_user(&path, &name("a")), Err(EditError::NoRoster(_))));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
