//! Verification of API keys.

use secrecy::ExposeSecret;

use super::COST;
use super::demo;
use super::exposed;
use super::later;
use super::name;
use super::now;
use super::roles;
use super::scopes;
use super::with_other_hash;

use jiff::Timestamp;

use crate::roster::{
    api_key::ApiKey,
    roster::Roster,
    secret_cache::SecretCache,
    secret_hash::HASHED,
    verified_key::{ApiKeyError, VerifiedKey},
};

fn verify(roster: &Roster, key: &ApiKey, now: Timestamp) -> Result<VerifiedKey, ApiKeyError> {
    roster.verify(&SecretCache::default(), key, None, now)
}

#[test]
fn the_right_key_authenticates_its_client() {
    let (roster, key) = demo();
    let proof = verify(&roster, &key, now()).unwrap();
    assert_eq!(proof.client(), &name("billing"));
    assert_eq!(proof.roles(), &roles(&["reader"]));
    assert_eq!(proof.scopes(), &scopes(&["a:b"]));
    assert_eq!(proof.key_id(), key.id());
    assert_eq!(proof.expires(), None);
    assert_eq!(roster.check_key(key.id(), now()).unwrap().name, name("billing"));
}

#[test]
fn an_unknown_key_and_one_with_another_hash_are_refused() {
    let (roster, key) = demo();
    let stranger = ApiKey::generate();
    assert_eq!(verify(&roster, &stranger, now()).unwrap_err(), ApiKeyError::UnknownKey);
    assert_eq!(roster.check_key(stranger.id(), now()).unwrap_err(), ApiKeyError::UnknownKey);
    assert_eq!(verify(&with_other_hash(roster), &key, now()).unwrap_err(), ApiKeyError::OtherHash);
    assert_eq!(verify(&Roster::default(), &key, now()).unwrap_err(), ApiKeyError::UnknownKey);
}

#[test]
fn a_key_is_valid_until_it_expires() {
    let (mut roster, key) = demo();
    roster.clients[0].keys[0].expires = Some(later(60));
    assert_eq!(verify(&roster, &key, later(59)).unwrap().expires(), Some(later(60)));
    assert_eq!(verify(&roster, &key, later(60)).unwrap_err(), ApiKeyError::Expired);
    assert!(roster.check_key(key.id(), later(59)).is_ok());
    assert_eq!(roster.check_key(key.id(), later(60)).unwrap_err(), ApiKeyError::Expired);
}

#[test]
fn a_disabled_client_is_refused_with_the_right_key() {
    let (mut roster, key) = demo();
    roster.clients[0].disabled = true;
    assert_eq!(verify(&roster, &key, now()).unwrap_err(), ApiKeyError::Disabled);
    assert_eq!(roster.check_key(key.id(), now()).unwrap_err(), ApiKeyError::Disabled);
}

#[test]
fn a_key_is_taken_from_its_networks_only_and_tokens_for_it_from_everywhere() {
    let (mut roster, key) = demo();
    let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| text.parse().unwrap());
    roster.clients[0].options.from = Some(networks.to_vec());
    let cache = SecretCache::default();
    let verify = |peer: Option<&str>| {
        let peer = peer.map(|peer| peer.parse().unwrap());
        roster.verify(&cache, &key, peer, now()).map(|proof| proof.key_id().clone())
    };
    for known in [false, true] {
        HASHED.take();
        // A connection over a Unix socket has no address.
        for elsewhere in [None, Some("192.0.2.1"), Some("2001:db9::1"), Some("::1")] {
            assert_eq!(verify(elsewhere), Err(ApiKeyError::Elsewhere), "{elsewhere:?}");
            let peer = elsewhere.map(|peer| peer.parse().unwrap());
            let recalled = roster.recall(&cache, &key, peer, now()).unwrap();
            assert_eq!(recalled.unwrap_err(), ApiKeyError::Elsewhere, "known: {known}");
        }
        assert_eq!(HASHED.take(), [0_u32; 0], "none of them is hashed");
        for inside in ["10.255.0.1", "2001:db8:1::1"] {
            assert_eq!(verify(Some(inside)).as_ref(), Ok(key.id()), "{inside}");
        }
    }
    assert!(roster.check_key(key.id(), now()).is_ok());
}

#[test]
fn only_a_key_that_may_be_used_is_hashed() {
    let (roster, key) = demo();
    let (mut disabled, mut expired) = (roster.clone(), roster.clone());
    disabled.clients[0].disabled = true;
    expired.clients[0].keys[0].expires = Some(now());
    HASHED.take();
    for (roster, key, hashed) in [
        (&roster, &ApiKey::generate(), &[][..]),
        (&disabled, &key, &[]),
        (&expired, &key, &[]),
        (&Roster::default(), &key, &[]),
        (&roster, &key, &[COST]),
    ] {
        let _answer = verify(roster, key, now());
        assert_eq!(HASHED.take(), hashed);
    }
}

#[test]
fn exactly_the_43_characters_of_the_secret_are_hashed() {
    let (roster, key) = demo();
    let secret = exposed(&key)[16..59].to_owned();
    let hash = roster.clients[0].keys[0].hash.as_str();
    assert!(bcrypt::verify(&secret, hash).unwrap());
    assert_eq!(key.secret().expose_secret(), secret);
}

#[test]
fn debug_shows_neither_secrets_nor_hashes() {
    let (roster, key) = demo();
    let shown = format!("{roster:?} {key:?} {:?}", verify(&roster, &key, now()).unwrap());
    assert!(shown.contains("billing"));
    assert!(!shown.contains("$2b$") && !shown.contains(&exposed(&key)[16..30]));
}
