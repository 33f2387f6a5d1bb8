//! Target of the fuzzer: tokens with chosen headers and claims under a good signature. What is accepted is compared with
//! a second, simpler reading of the same JSON.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is a finding"
)]

use std::time::Duration;

use arc_swap::ArcSwap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Map, Value, json};

use crate::tokens::{access_tokens::Tokens, keyring::Keyring, signing_key::SigningKey};

const SECRET: &str = "a secret of the fuzzer, 32 bytes and more";
pub(super) const ISSUER: &str = "https://issuer.test";
pub(super) const AUDIENCE: &str = "audience";
pub(super) const NOW: i64 = 1_800_000_000;

/// An own token: the first line is its header, in which `KID` stands for the key's name, the rest its claims.
pub(crate) fn token(data: &[u8]) {
    let tokens = Tokens {
        keyring: ArcSwap::from_pointee(
            Keyring::new(SigningKey::from_secret(&SECRET.into()).unwrap(), Vec::new()).unwrap(),
        ),
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        lifetime: Duration::from_secs(60),
        leeway: Duration::ZERO,
    };
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(tokens.verify(text, now()).is_err(), "a token without a signature was accepted");
    }
    let Some((header, claims)) = halves(data) else { return };
    let own = tokens.keyring.load().sign(&json!({})).unwrap();
    let own: Value = serde_json::from_slice(&decoded(own.split('.').next().unwrap())).unwrap();
    let header = replaced(header, b"KID", own["kid"].as_str().unwrap());
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(claims));
    let secret = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap();
    if tokens.verify(&format!("{message}.{signature}"), now()).is_err() {
        return;
    }
    // A claim that is ignored may hold an escape that stands for no character.
    let Ok(claims) = serde_json::from_slice::<Map<String, Value>>(claims) else { return };
    let header = object(&header);
    assert_eq!(header["alg"], "HS256");
    assert_eq!(header["kid"], own["kid"]);
    assert_eq!(header["typ"].as_str().unwrap().to_ascii_lowercase(), "at+jwt");
    for name in ["crit", "jku", "jwk", "x5u", "x5c"] {
        assert!(!header.contains_key(name), "{name}");
    }
    assert_addressed(&claims);
    assert!(claims["exp"].as_i64().unwrap() > NOW);
    for name in ["nbf", "iat"] {
        assert!(claims[name].as_i64().unwrap() <= NOW + 10, "{name}");
    }
    for name in ["sub", "jti", "client_id"] {
        assert!(!claims[name].as_str().unwrap().is_empty(), "{name}");
    }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

pub(super) fn halves(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = data.iter().position(|byte| *byte == b'\n')?;
    Some((data.get(..at)?, data.get(at + 1..)?))
}

fn replaced(text: &[u8], name: &[u8], value: &str) -> Vec<u8> {
    match text.windows(name.len()).position(|window| window == name) {
        Some(at) => [&text[..at], value.as_bytes(), &text[at + name.len()..]].concat(),
        None => text.to_owned(),
    }
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

pub(super) fn object(text: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(text).expect("what is accepted is a JSON object")
}

pub(super) fn assert_addressed(claims: &Map<String, Value>) {
    assert_eq!(claims["iss"], ISSUER);
    let is_ours = match &claims["aud"] {
        Value::Array(many) => many.contains(&json!(AUDIENCE)),
        one => one == AUDIENCE,
    };
    assert!(is_ours, "{}", claims["aud"]);
}
