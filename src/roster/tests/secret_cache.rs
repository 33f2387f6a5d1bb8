//! The cache of verified secrets.

use super::COST;
use super::demo;
use super::later;
use super::name;
use super::now;
use super::with_other_hash;

use crate::roster::{
    api_key::ApiKey,
    roster::Roster,
    roster_entries::{RosterEntries, User},
    secret_cache::SecretCache,
    secret_hash::{HASHED, SecretHash},
    verified_key::ApiKeyError,
    verified_password::PasswordError,
};

/// A roster with a key that was verified.
fn verified() -> (Roster, ApiKey, SecretCache) {
    let (roster, key) = demo();
    let cache = SecretCache::default();
    roster.verify(&cache, &key, None, now()).unwrap();
    HASHED.take();
    (roster, key, cache)
}

#[test]
fn a_cached_key_is_verified_without_bcrypt_and_with_the_same_result() {
    let (roster, key, cache) = verified();
    let recalled = roster.recall(&cache, &key, None, now()).unwrap().unwrap();
    assert_eq!(HASHED.take(), [0_u32; 0]);
    let verified = roster.verify(&cache, &key, None, now()).unwrap();
    assert_eq!(format!("{recalled:?}"), format!("{verified:?}"));
}

#[test]
fn only_a_key_that_may_be_used_and_was_never_verified_is_left_to_bcrypt() {
    let (roster, key, cache) = verified();
    assert!(roster.recall(&SecretCache::default(), &key, None, now()).is_none());
    let refused =
        |roster: &Roster, key: &ApiKey| roster.recall(&cache, key, None, now()).unwrap().err();
    assert_eq!(refused(&roster, &ApiKey::generate()), Some(ApiKeyError::UnknownKey));
    assert_eq!(refused(&Roster::default(), &key), Some(ApiKeyError::UnknownKey), "revoked");
    assert_eq!(HASHED.take(), [0_u32; 0]);
}

#[test]
fn a_cached_key_follows_the_current_roster() {
    let (roster, key, cache) = verified();
    let mut disabled = roster.clone();
    disabled.clients[0].disabled = true;
    let refused = |roster: &Roster, at| roster.recall(&cache, &key, None, at).unwrap().err();
    assert_eq!(refused(&disabled, now()), Some(ApiKeyError::Disabled));
    let mut expiring = roster.clone();
    expiring.clients[0].keys[0].expires = Some(later(60));
    assert_eq!(refused(&expiring, later(59)), None);
    assert_eq!(refused(&expiring, later(60)), Some(ApiKeyError::Expired));
    assert_eq!(HASHED.take(), [0_u32; 0]);
    let mut renamed = roster.clone();
    renamed.clients[0].roles.clear();
    assert!(renamed.recall(&cache, &key, None, now()).unwrap().unwrap().roles().is_empty());
}

#[test]
fn a_key_with_another_hash_is_hashed_again_and_refused() {
    let (roster, key, cache) = verified();
    let roster = with_other_hash(roster);
    for _ in 0..2 {
        assert!(roster.recall(&cache, &key, None, now()).is_none());
        assert!(roster.verify(&cache, &key, None, now()).is_err());
    }
    assert_eq!(HASHED.take(), [COST, COST], "a refused key is not remembered");
}

#[test]
fn the_right_password_is_remembered_and_a_wrong_one_is_not() {
    let user = User {
        name: name("alice"),
        roles: Default::default(),
        scopes: Default::default(),
        disabled: false,
        options: Default::default(),
        created: None,
        password: SecretHash::new(&"open sesame".into(), COST).unwrap(),
    };
    let of = |user: &User| {
        Roster::new(RosterEntries { users: vec![user.clone()], ..Default::default() })
    };
    let (roster, cache) = (of(&user), SecretCache::default());
    let recalled = |roster: &Roster, name: &str, password: &str| {
        roster.recall_password(&cache, name, &password.into(), None)
    };
    assert!(recalled(&roster, "alice", "open sesame").is_none(), "never verified");
    for wrong in ["open", "open sesame ", ""] {
        assert!(roster.verify_password(&cache, "alice", &wrong.into(), None).is_err());
    }
    roster.verify_password(&cache, "alice", &"open sesame".into(), None).unwrap();
    HASHED.take();
    assert_eq!(recalled(&roster, "alice", "open sesame").unwrap().unwrap().user(), &name("alice"));
    for (name, password) in [("alice", "open"), ("alice", ""), ("bob", "open sesame"), ("", "")] {
        assert!(recalled(&roster, name, password).is_none(), "{name} {password}");
    }
    let disabled = of(&User { disabled: true, ..user.clone() });
    let refused = recalled(&disabled, "alice", "open sesame").unwrap().unwrap_err();
    assert_eq!(refused, PasswordError::Disabled);
    let other = of(&User { password: SecretHash::new(&"x".into(), COST).unwrap(), ..user });
    assert!(recalled(&other, "alice", "open sesame").is_none(), "the password was changed");
    assert_eq!(HASHED.take(), [0_u32; 0]);
}

#[test]
fn debug_shows_no_secret_of_the_cache() {
    let (_, _, cache) = verified();
    assert_eq!(format!("{cache:?}"), "SecretCache { .. }");
}
