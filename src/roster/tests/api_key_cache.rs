//! The cache of verified API keys.

use super::COST;
use super::demo;
use super::later;
use super::name;
use super::now;
use super::with_wrong_secret;

use crate::roster::{
    api_key::ApiKey, api_key_cache::ApiKeyCache, roster::Roster, secret_hash::HASHED,
    verified_key::ApiKeyError,
};

/// A roster with a key that was proven.
fn proven() -> (Roster, ApiKey, ApiKeyCache) {
    let (roster, key) = demo();
    let proven = ApiKeyCache::default();
    proven.verify(&roster, &key, now()).unwrap();
    HASHED.take();
    (roster, key, proven)
}

#[test]
fn a_cached_key_is_verified_without_bcrypt_and_with_the_same_result() {
    let (roster, key, proven) = proven();
    let recalled = proven.recall(&roster, &key, now()).unwrap().unwrap();
    assert_eq!(HASHED.take(), [0_u32; 0]);
    let verified = roster.verify(&key, now()).unwrap();
    assert_eq!(format!("{recalled:?}"), format!("{verified:?}"));
}

#[test]
fn an_unverified_key_is_not_cached() {
    let (roster, key, proven) = proven();
    assert!(ApiKeyCache::default().recall(&roster, &key, now()).is_none());
    let wrong = with_wrong_secret(&key);
    assert!(proven.recall(&roster, &wrong, now()).is_none());
    assert!(proven.verify(&roster, &wrong, now()).is_err());
    assert!(proven.recall(&roster, &wrong, now()).is_none(), "a refused key is not remembered");
    assert!(proven.recall(&roster, &ApiKey::generate(), now()).is_none());
}

#[test]
fn a_cached_key_follows_the_current_roster() {
    let (roster, key, proven) = proven();
    assert!(proven.recall(&Roster::default(), &key, now()).is_none(), "revoked");
    let mut disabled = roster.clone();
    disabled.clients[0].disabled = true;
    let refused = |roster, at| proven.recall(roster, &key, at).unwrap().err();
    assert_eq!(refused(&disabled, now()), Some(ApiKeyError::Disabled));
    let mut expiring = roster.clone();
    expiring.clients[0].keys[0].expires = Some(later(60));
    assert_eq!(refused(&expiring, later(59)), None);
    assert_eq!(refused(&expiring, later(60)), Some(ApiKeyError::Expired));
    assert_eq!(HASHED.take(), [0_u32; 0], "a cached key that has expired costs no bcrypt");
    let mut renamed = roster.clone();
    renamed.clients[0].roles.clear();
    assert!(proven.recall(&renamed, &key, now()).unwrap().unwrap().roles().is_empty());
}

#[test]
fn a_key_with_another_hash_is_hashed_again() {
    let (mut roster, key, proven) = proven();
    let (other, _) = Roster::default()
        .with_client(&name("other"), Default::default(), Default::default(), COST, now())
        .unwrap();
    roster.clients[0].keys[0].hash = other.clients[0].keys[0].hash.clone();
    assert!(proven.recall(&roster, &key, now()).is_none());
    assert!(proven.verify(&roster, &key, now()).is_err());
}

#[test]
fn debug_shows_no_secret_of_the_cache() {
    let (_, _, proven) = proven();
    assert_eq!(format!("{proven:?}"), "ApiKeyCache { .. }");
}
