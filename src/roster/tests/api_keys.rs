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
use super::with_wrong_secret;

use crate::roster::{api_key::ApiKey, secret_hash::HASHED, verified_key::ApiKeyError};

use crate::roster::roster::Roster;
use crate::roster::roster_entries::RosterEntries;

#[test]
fn the_right_key_authenticates_its_client() {
    let (roster, key) = demo();
    let proof = roster.verify(&key, now()).unwrap();
    assert_eq!(proof.client(), &name("billing"));
    assert_eq!(proof.roles(), &roles(&["reader"]));
    assert_eq!(proof.scopes(), &scopes(&["a:b"]));
    assert_eq!(proof.key_id(), key.id());
    assert_eq!(proof.expires(), None);
    assert_eq!(roster.check_key(key.id(), now()).unwrap().name, name("billing"));
}

#[test]
fn an_unknown_key_and_a_wrong_secret_are_refused() {
    let (roster, key) = demo();
    let stranger = ApiKey::generate();
    assert_eq!(roster.verify(&stranger, now()).unwrap_err(), ApiKeyError::UnknownKey);
    assert_eq!(roster.check_key(stranger.id(), now()).unwrap_err(), ApiKeyError::UnknownKey);
    assert_eq!(
        roster.verify(&with_wrong_secret(&key), now()).unwrap_err(),
        ApiKeyError::WrongSecret
    );
    assert_eq!(Roster::default().verify(&key, now()).unwrap_err(), ApiKeyError::UnknownKey);
}

#[test]
fn a_key_is_valid_until_it_expires() {
    let (mut roster, key) = demo();
    roster.clients[0].keys[0].expires = Some(later(60));
    assert_eq!(roster.verify(&key, later(59)).unwrap().expires(), Some(later(60)));
    assert_eq!(roster.verify(&key, later(60)).unwrap_err(), ApiKeyError::Expired);
    assert!(roster.check_key(key.id(), later(59)).is_ok());
    assert_eq!(roster.check_key(key.id(), later(60)).unwrap_err(), ApiKeyError::Expired);
}

#[test]
fn a_disabled_client_is_refused_with_the_right_key() {
    let (mut roster, key) = demo();
    roster.clients[0].disabled = true;
    assert_eq!(roster.verify(&key, now()).unwrap_err(), ApiKeyError::Disabled);
    assert_eq!(roster.check_key(key.id(), now()).unwrap_err(), ApiKeyError::Disabled);
}

#[test]
fn a_wrong_secret_reveals_nothing_about_the_key() {
    let (mut roster, key) = demo();
    roster.clients[0].disabled = true;
    roster.clients[0].keys[0].expires = Some(now());
    assert_eq!(
        roster.verify(&with_wrong_secret(&key), now()).unwrap_err(),
        ApiKeyError::WrongSecret
    );
}

#[test]
fn an_unknown_key_takes_one_bcrypt_of_the_highest_cost() {
    let (mut roster, key) = demo();
    assert_eq!(roster.highest_cost, COST);
    assert_eq!(Roster::default().highest_cost, crate::roster::secret_hash::DEFAULT_COST);
    let (dearer, other) =
        Roster::default().with_client(&name("a"), roles(&[]), scopes(&[]), 9, now()).unwrap();
    roster = Roster::new(RosterEntries {
        clients: [roster.clients, dearer.clients].concat(),
        ..Default::default()
    });
    assert_eq!(roster.highest_cost, 9);

    for attempt in [ApiKey::generate(), with_wrong_secret(&other), other] {
        HASHED.take();
        let _answer = roster.verify(&attempt, now());
        assert_eq!(HASHED.take(), [9]);
    }
    assert!(roster.verify(&key, now()).is_ok());
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
    let shown = format!("{roster:?} {key:?} {:?}", roster.verify(&key, now()).unwrap());
    assert!(shown.contains("billing"));
    assert!(!shown.contains("$2b$") && !shown.contains(&exposed(&key)[16..30]));
}
