//! Tokens with a chosen `now`: what is accepted, and a table of what is not.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "a secret of the tests, 32 bytes and more";
const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn tokens() -> Tokens {
    Tokens {
        keyring: Keyring::from_secrets(&SECRET.into(), &[]).unwrap(),
        issuer: "http://issuer.test".to_owned(),
        audience: "http://audience.test".to_owned(),
        lifetime: Duration::from_secs(60),
        leeway: Duration::ZERO,
        revocations: Revocations::default(),
    }
}

fn issued(tokens: &Tokens) -> Issued {
    let subject = Subject::parse("billing").unwrap();
    let grant = Grant {
        subject: subject.clone(),
        client_id: subject,
        roles: Roles::default(),
        scopes: Scopes::parse("a b").unwrap(),
        key_id: Some(KeyId::parse("4fQz81LmXc0a").unwrap()),
        expires_at: Timestamp::from_second(NOW + 60).unwrap(),
    };
    tokens.issue(grant, now()).unwrap()
}

fn text(issued: &Issued) -> String {
    secrecy::ExposeSecret::expose_secret(&issued.token).to_owned()
}

/// Header and claims of a good token, to be spoiled.
fn parts() -> (Value, Value) {
    let token = text(&issued(&tokens()));
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default());
    let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (next(), next())
}

fn signed(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn verify(token: &str) -> Result<VerifiedToken, TokenRefusal> {
    tokens().verify(token, now())
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
    assert_eq!(at(NOW + 60), Err(TokenRefusal::Expired));
    assert_eq!(at(NOW - 1), Err(TokenRefusal::NotYet));
}

#[test]
fn leeway_stretches_both_ends() {
    let lenient = Tokens { leeway: Duration::from_secs(5), ..tokens() };
    let token = text(&issued(&lenient));
    let at = |second| lenient.verify(&token, Timestamp::from_second(second).unwrap());
    assert!(at(NOW - 5).is_ok() && at(NOW + 64).is_ok());
    assert!(at(NOW - 6).is_err() && at(NOW + 65).is_err());
}

#[test]
fn a_revoked_token_is_refused_and_others_are_not() {
    let tokens = tokens();
    let (ended, other) = (issued(&tokens), issued(&tokens));
    tokens.revoke(&ended.id, ended.expires_at, now()).unwrap();
    assert_eq!(tokens.verify(&text(&ended), now()), Err(TokenRefusal::Revoked));
    assert!(tokens.verify(&text(&other), now()).is_ok());
}

#[test]
fn a_former_secret_verifies_and_does_not_sign() {
    let old = tokens();
    let next = "another secret, also longer than 32 bytes";
    let keyring = Keyring::from_secrets(&next.into(), &[SECRET.into()]).unwrap();
    let new = Tokens { keyring, ..tokens() };
    assert!(new.verify(&text(&issued(&old)), now()).is_ok());
    assert_eq!(old.verify(&text(&issued(&new)), now()), Err(TokenRefusal::UnknownKey));
}

#[test]
fn an_audience_among_several_is_enough() {
    let (header, mut claims) = parts();
    claims["aud"] = json!(["http://other.test", "http://audience.test"]);
    assert!(verify(&signed(&header.to_string(), &claims.to_string())).is_ok());
}

#[test]
fn every_forged_claim_is_refused() {
    let (header, good) = parts();
    assert!(verify(&signed(&header.to_string(), &good.to_string())).is_ok(), "the control passes");
    let spoiled = [
        ("exp", json!("1800000060")),
        ("exp", json!(1_800_000_060.5)),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("exp", json!(9_999_999_999_999_i64)),
        ("exp", json!(i64::MAX)),
        ("exp", json!(u64::MAX)),
        ("exp", json!(NOW)),
        ("exp", Value::Null),
        ("nbf", json!(NOW + 1)),
        ("nbf", Value::Null),
        ("iat", json!(NOW + 1)),
        ("iat", json!("now")),
        ("iat", json!(i64::MIN)),
        ("iat", Value::Null),
        ("iss", json!("http://other.test")),
        ("iss", Value::Null),
        ("aud", json!("http://other.test")),
        ("aud", json!([])),
        ("aud", json!(7)),
        ("aud", Value::Null),
        ("sub", json!("")),
        ("sub", json!("no name")),
        ("sub", Value::Null),
        ("jti", json!("")),
        ("jti", json!(1)),
        ("jti", Value::Null),
        ("client_id", Value::Null),
        ("scope", json!(["a"])),
        ("roles", json!("admin")),
        ("key_id", json!("short")),
        ("admin", json!(true)),
    ];
    for (name, value) in spoiled {
        let mut claims = good.clone();
        match &value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
        let token = signed(&header.to_string(), &claims.to_string());
        assert!(verify(&token).is_err(), "{name}: {value}");
    }
}

#[test]
fn every_forged_header_is_refused() {
    let (good, claims) = parts();
    let spoiled = [
        ("alg", json!("none")),
        ("alg", json!("HS384")),
        ("alg", json!("RS256")),
        ("alg", Value::Null),
        ("kid", json!("unknown")),
        ("kid", json!(["x"])),
        ("kid", Value::Null),
        ("typ", json!("JWT")),
        ("typ", Value::Null),
        ("jku", json!("http://127.0.0.1/keys")),
        ("jwk", json!({ "kty": "oct", "k": "AAAA" })),
        ("x5u", json!("http://127.0.0.1/cert")),
        ("crit", json!(["exp"])),
    ];
    for (name, value) in spoiled {
        let mut header = good.clone();
        match &value {
            Value::Null => drop(header.as_object_mut().unwrap().remove(name)),
            value => header[name] = value.clone(),
        }
        let token = signed(&header.to_string(), &claims.to_string());
        assert!(verify(&token).is_err(), "{name}: {value}");
    }
}

#[test]
fn every_forged_writing_is_refused() {
    let (header, claims) = parts();
    let (header, claims) = (header.to_string(), claims.to_string());
    let token = signed(&header, &claims);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let twice = claims.replacen('{', "{\"sub\":\"root\",", 1);
    let header_twice = header.replacen('{', "{\"alg\":\"none\",", 1);
    let forged = [
        String::new(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        message.to_owned(),
        format!("{message}."),
        format!("{token}."),
        format!("{token}=="),
        format!("{token} "),
        format!(".{token}"),
        format!("{message}.{}", signature.to_lowercase()),
        format!("{message}.{}", next_letter(signature)),
        signed(&header, &twice),
        signed(&header_twice, &claims),
        signed(&header, "null"),
        signed(&header, "[]"),
        signed(&header, "{"),
        signed("null", &claims),
        "x".repeat(1 << 20),
        signed(&header, &format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20))),
    ];
    for token in forged {
        assert!(verify(&token).is_err(), "{}", &token[..token.len().min(200)]);
    }
}

/// The same bytes in a base64 that is not canonical: only the unused last bits differ.
fn next_letter(signature: &str) -> String {
    let (rest, last) = signature.split_at(signature.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let position = alphabet.find(last).unwrap();
    format!("{rest}{}", &alphabet[position + 1..position + 2])
}
