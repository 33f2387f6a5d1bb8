//! Tokens with a chosen `now`: what they carry, and when they are accepted.
//!
//! Must not know HTTP.

mod algorithms;
mod forged;
mod jwks;
mod keys;
mod refused_keys;

use std::time::Duration;

use arc_swap::ArcSwap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use crate::{
    oauth::{KeyId, Roles, Scopes, Subject, custom_claims::CustomClaims},
    tokens::{
        access_tokens::{IssuedToken, TokenSpec, Tokens},
        claims::OwnToken,
        keyring::Keyring,
        signing_key::SigningKey,
        token_error::TokenError,
    },
};

const SECRET: &str = "a secret of the tests, 32 bytes and more";
const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn key(secret: &str) -> SigningKey {
    SigningKey::from_secret(&secret.into()).unwrap()
}

fn tokens() -> Tokens {
    Tokens {
        keyring: ArcSwap::from_pointee(Keyring::new(key(SECRET), Vec::new()).unwrap()),
        issuer: "http://issuer.test".to_owned(),
        audience: "http://audience.test".to_owned(),
        lifetime: Duration::from_secs(60),
        leeway: Duration::ZERO,
    }
}

fn issued(tokens: &Tokens) -> IssuedToken {
    let subject = Subject::parse("billing").unwrap();
    let grant = TokenSpec {
        subject: subject.clone(),
        client_id: subject,
        roles: Roles::default(),
        scopes: Scopes::parse("a b").unwrap(),
        key_id: Some(KeyId::parse("4fQz81LmXc0a").unwrap()),
        audience: None,
        parent: None,
        custom: CustomClaims::default(),
        expires_at: Timestamp::from_second(NOW + 60).unwrap(),
    };
    tokens.issue(grant, now()).unwrap()
}

fn text(issued: &IssuedToken) -> String {
    secrecy::ExposeSecret::expose_secret(&issued.token).to_owned()
}

/// The `sub` of a good token.
fn subject_of(verified: Result<OwnToken, TokenError>) -> String {
    match verified.unwrap() {
        OwnToken::Subject(token) => token.subject().to_string(),
        OwnToken::Account(token) => token.subject().to_string(),
    }
}

/// Header and claims of a good token, to be spoiled.
fn parts() -> (Value, Value) {
    let token = text(&issued(&tokens()));
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (next(), next())
}

#[test]
fn a_token_carries_every_claim_and_the_header_that_the_rfc_names() {
    let (header, claims) = parts();
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["alg"], "HS256");
    assert_eq!(header["kid"].as_str().unwrap().len(), 22);
    assert_eq!(claims["iss"], "http://issuer.test");
    assert_eq!(claims["aud"], "http://audience.test");
    assert_eq!(claims["sub"], "billing");
    assert_eq!(claims["client_id"], "billing");
    assert_eq!(claims["scope"], "a b");
    assert_eq!(claims["roles"], json!([]));
    assert_eq!(claims["key_id"], "4fQz81LmXc0a");
    assert_eq!(claims["iat"], NOW);
    assert_eq!(claims["nbf"], NOW);
    assert_eq!(claims["exp"], NOW + 60);
    assert!(claims["jti"].as_str().unwrap().len() >= 22);
}

#[test]
fn a_good_token_is_accepted_until_the_second_in_which_it_expires() {
    let tokens = tokens();
    let token = text(&issued(&tokens));
    let at = |second| tokens.verify(&token, Timestamp::from_second(second).unwrap());
    assert!(at(NOW).is_ok());
    assert!(at(NOW + 59).is_ok());
    assert_eq!(at(NOW + 60), Err(TokenError::Expired));
}

#[test]
fn a_token_may_come_from_a_clock_that_is_ten_seconds_ahead() {
    for (leeway, ahead) in [(0, 10), (5, 10), (60, 60)] {
        let tokens = Tokens { leeway: Duration::from_secs(leeway), ..tokens() };
        let token = text(&issued(&tokens));
        let at = |second| tokens.verify(&token, Timestamp::from_second(second).unwrap());
        assert!(at(NOW - ahead).is_ok(), "leeway {leeway}");
        assert_eq!(at(NOW - ahead - 1), Err(TokenError::NotYet), "leeway {leeway}");
        let seen = at(NOW).unwrap();
        let again = |second| tokens.check(&seen, Timestamp::from_second(second).unwrap());
        assert_eq!(again(NOW - ahead), Ok(()));
        assert_eq!(again(NOW - ahead - 1), Err(TokenError::NotYet));
    }
}

#[test]
fn leeway_stretches_the_end() {
    let lenient = Tokens { leeway: Duration::from_secs(5), ..tokens() };
    let token = text(&issued(&lenient));
    let at = |second| lenient.verify(&token, Timestamp::from_second(second).unwrap());
    assert!(at(NOW + 64).is_ok() && at(NOW + 65).is_err());
}

#[test]
fn a_revocation_is_needed_as_long_as_the_largest_leeway_accepts_the_token() {
    let second = |second| Timestamp::from_second(second).unwrap();
    assert_eq!(tokens().revoked_until(second(60)), second(60 + 601));
}

#[test]
fn a_former_secret_verifies_and_does_not_sign() {
    let old = tokens();
    let next = "another secret, also longer than 32 bytes";
    let keyring = Keyring::new(key(next), vec![key(SECRET)]).unwrap();
    let new = Tokens { keyring: ArcSwap::from_pointee(keyring), ..tokens() };
    assert!(new.verify(&text(&issued(&old)), now()).is_ok());
    assert_eq!(old.verify(&text(&issued(&new)), now()), Err(TokenError::UnknownKey));
}
