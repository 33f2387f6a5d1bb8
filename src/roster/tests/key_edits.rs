//! Edits of keys in the roster file.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::COST;
use super::HASH;
use super::exposed;
use super::later;
use super::name;
use super::now;
use super::roles;
use super::scopes;

use crate::{
    oauth::key_id::KeyId,
    roster::{
        api_key::ApiKey,
        edit::{self, Entitlements, StagedKey},
        edit_error::EditError,
        roster::Roster,
        secret_cache::SecretCache,
        verified_key::ApiKeyError,
    },
};

const HOUR: Duration = Duration::from_secs(3600);

/// A directory with a roster of this text, or without one.
fn roster(text: Option<&str>) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roster.toml");
    if let Some(text) = text {
        fs::write(&path, text.replace("HASH", HASH)).unwrap();
    }
    (directory, path)
}

fn add(path: &Path, client: &str) -> Result<ApiKey, EditError> {
    edit::add_key(path, &name(client), &Entitlements::default(), None, None, COST, now())?.commit()
}

/// Rotates the keys of the client `a`.
fn rotate(path: &Path, overlap: Duration) -> Result<ApiKey, EditError> {
    edit::rotate(path, &name("a"), overlap, None, None, COST, now())?.commit()
}

fn load(path: &Path) -> Roster {
    Roster::load(path).unwrap().roster
}

#[test]
fn an_empty_roster_is_created_only_once() {
    let (_directory, path) = roster(None);
    assert!(Roster::load(&path).unwrap_err().to_string().contains("hallpass init"));
    edit::create(&path).unwrap();
    assert_eq!(load(&path).clients().count(), 0);
    add(&path, "a").unwrap();
    assert!(matches!(edit::create(&path), Err(EditError::Exists(_))));
    assert_eq!(load(&path).clients().count(), 1);
}

#[test]
fn a_staged_key_that_is_not_committed_changes_nothing() {
    let (directory, path) = roster(None);
    let grants = Entitlements::default();
    drop(edit::add_key(&path, &name("a"), &grants, None, None, COST, now()).unwrap());
    assert!(!path.exists());
    let key = add(&path, "a").unwrap();
    let before = fs::read_to_string(&path).unwrap();
    let staged = edit::rotate(&path, &name("a"), Duration::ZERO, None, None, COST, now()).unwrap();
    assert_ne!(staged.key().id(), key.id());
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    drop(staged);
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    assert!(!directory.path().join(".roster.toml.new").exists());
    rotate(&path, Duration::ZERO).expect("the lock was released");
}

#[test]
fn the_first_key_creates_the_roster_and_the_client() {
    let (_directory, path) = roster(None);
    let grants = Entitlements {
        roles: roles(&["b", "a"]),
        scopes: scopes(&["x:y"]),
        options: Default::default(),
    };
    let key = edit::add_key(&path, &name("billing"), &grants, Some(HOUR), None, COST, now());
    let key = key.and_then(StagedKey::commit).unwrap();
    let proof = load(&path).verify(&SecretCache::default(), &key, None, now()).unwrap();
    assert_eq!((proof.roles(), proof.scopes()), (&grants.roles, &grants.scopes));
    assert_eq!(proof.expires(), Some(later(3600)));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# The roster"), "{text}");
    let from = text.find("[clients").unwrap();
    let hash = text.split('"').find(|part| part.starts_with("$2b$")).unwrap();
    assert_eq!(
        text[from..].replace(hash, "HASH").replace(key.id().as_str(), "ID"),
        "[clients.billing]\nroles = [\"a\", \"b\"]\nscopes = [\"x:y\"]\n\n[[clients.billing.keys]]\n\
         id = \"ID\"\nhash = \"HASH\"\ncreated = 2026-11-23T10:00:00Z\nexpires = 2026-11-23T11:00:00Z\n"
    );
    assert!(!text.contains(&exposed(&key)[16..59]));
}

#[test]
fn comments_and_order_are_kept() {
    let before = include_str!("example.toml");
    let (_directory, path) = roster(Some(&format!("# head\n{before}\n# end\n")));
    let first = add(&path, "billing").unwrap();
    let second = add(&path, "zoo").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let mut rest = text.as_str();
    for line in format!("# head\n{before}\n# end\n").lines() {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line} is gone or moved:\n{text}"));
        rest = &rest[at..];
    }
    let place = |part: &str| text.find(part).unwrap();
    assert!(place(first.id().as_str()) < place("[users.alice]"));
    for key in [first, second] {
        assert!(load(&path).verify(&SecretCache::default(), &key, None, now()).is_ok());
    }
}

#[test]
fn every_style_of_roster_can_be_edited() {
    let key = "{ id = '4fQz81LmXc0a', hash = 'HASH', created = 2026-01-01T00:00:00Z }";
    for text in [
        format!("clients = {{ a = {{ keys = [{key}] }} }}"),
        format!("[clients]\na = {{ roles = [], keys = [{key}] }} # c\n"),
        format!("[clients.a]\nkeys = [\n  # why\n  {key}, # last\n]\n"),
        format!("clients.a.roles = ['r'] # c\nclients.a.keys = [{key}]\n[users]\n"),
        "[[clients.a.keys]]\nid = '4fQz81LmXc0a'\nhash = 'HASH'\ncreated = 2026-01-01T00:00:00Z"
            .to_owned(),
    ] {
        let (_directory, path) = roster(Some(&text));
        let added =
            [add(&path, "a").unwrap(), add(&path, "new").unwrap(), add(&path, "new").unwrap()];
        let rotated = rotate(&path, HOUR).unwrap();
        let old = KeyId::parse("4fQz81LmXc0a").unwrap();
        let found = load(&path);
        for id in [&old, added[0].id()] {
            assert_eq!(found.key(id).unwrap().1.expires, Some(later(3600)), "{text}");
        }
        assert!(
            added
                .iter()
                .chain([&rotated])
                .all(|key| found.verify(&SecretCache::default(), key, None, now()).is_ok()),
            "{text}"
        );
        for id in [&old, added[0].id(), rotated.id()] {
            assert_eq!(edit::revoke(&path, id).unwrap(), name("a"));
        }
        let found = load(&path);
        assert_eq!(found.client(&name("a")).unwrap().keys.len(), 0, "{text}");
        assert_eq!(
            found.verify(&SecretCache::default(), &rotated, None, now()).unwrap_err(),
            ApiKeyError::UnknownKey
        );
        assert!(found.verify(&SecretCache::default(), &added[2], None, now()).is_ok());
    }
}

#[test]
fn rotation_keeps_the_overlap_and_earlier_expiries() {
    let (_directory, path) = roster(None);
    let add_for = |expires| {
        let none = Entitlements::default();
        edit::add_key(&path, &name("a"), &none, Some(expires), None, COST, now())?.commit()
    };
    let (short, long) = (add_for(HOUR).unwrap(), add_for(100 * HOUR).unwrap());
    let other = add(&path, "b").unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("2026-11-27T14:00:00Z", "2026-11-27T14:00:00Z # soon")).unwrap();
    let fresh = rotate(&path, 2 * HOUR).unwrap();
    let found = load(&path);
    let expires = |key: &ApiKey| found.key(key.id()).unwrap().1.expires;
    assert_eq!(expires(&short), Some(later(3600)));
    assert_eq!(expires(&long), Some(later(7200)));
    assert_eq!((expires(&fresh), expires(&other)), (None, None));
    assert!(fs::read_to_string(&path).unwrap().contains("T12:00:00Z # soon"));
}

#[test]
fn an_impossible_edit_is_refused_and_changes_nothing() {
    let (_directory, path) = roster(Some("[clients.a]\nroles = ['r']\n"));
    let before = fs::read_to_string(&path).unwrap();
    let grants = Entitlements { roles: roles(&["x"]), ..Entitlements::default() };
    let unknown = KeyId::parse("000000000000").unwrap();
    let given = edit::add_key(&path, &name("a"), &grants, None, None, COST, now());
    assert!(given.err().unwrap().to_string().contains("leave out --role"));
    assert!(matches!(rotate(&path, HOUR), Err(EditError::NoKeys(_))));
    let stranger = edit::rotate(&path, &name("b"), HOUR, None, None, COST, now());
    assert!(matches!(stranger, Err(EditError::UnknownClient(_))));
    assert!(matches!(edit::revoke(&path, &unknown), Err(EditError::UnknownKey(_))));
    let dear = edit::add_key(&path, &name("a"), &Entitlements::default(), None, None, 15, now());
    assert!(matches!(dear, Err(EditError::Hash(_))));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn only_adding_a_key_creates_a_missing_roster() {
    let (directory, path) = roster(None);
    assert!(matches!(rotate(&path, HOUR), Err(EditError::NoRoster(_))));
    let id = KeyId::parse("000000000000").unwrap();
    assert!(matches!(edit::revoke(&path, &id), Err(EditError::NoRoster(_))));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_broken_roster_is_not_touched() {
    for text in ["[clients.a", "[clients.a]\nrole = []\n"] {
        let (_directory, path) = roster(Some(text));
        assert!(matches!(add(&path, "b"), Err(EditError::Broken(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn lifetimes_beyond_the_calendar_are_cut() {
    let (_directory, path) = roster(None);
    let none = Entitlements::default();
    let added = edit::add_key(&path, &name("a"), &none, Some(Duration::MAX), None, COST, now());
    added.and_then(StagedKey::commit).unwrap();
    rotate(&path, Duration::MAX).unwrap();
    let found = load(&path);
    let expires: Vec<_> =
        found.client(&name("a")).unwrap().keys.iter().map(|key| key.expires).collect();
    assert_eq!(expires, [Some("9999-12-30T22:00:00Z".parse().unwrap()), None]);
}

#[test]
fn the_comment_at_the_top_survives_removal_of_the_last_key() {
    let text = "# head\n[[clients.a.keys]]\nid = '4fQz81LmXc0a'\nhash = 'HASH'\ncreated = 2026-01-01T00:00:00Z\n";
    let (_directory, path) = roster(Some(text));
    edit::revoke(&path, &KeyId::parse("4fQz81LmXc0a").unwrap()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "# head\n[clients.a]\n");
}
