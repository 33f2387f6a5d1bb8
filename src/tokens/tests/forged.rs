//! Tokens with one thing wrong: each is refused.

use super::*;

use crate::tokens::claims::OwnToken;

fn signed(header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn verify(token: &str) -> Result<OwnToken, TokenError> {
    tokens().verify(token, now())
}

#[test]
fn a_token_of_somebody_else_is_told_by_its_issuer() {
    let header = r#"{"alg":"RS256","typ":"JWT","kid":"x","jku":"https://x.test"}"#;
    let payload = r#"{"iss":"https://x.test"}"#;
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token = format!("{}.{}.AAAA", part(header), part(payload));
    assert_eq!(tokens().verify(&token, now()), Err(TokenError::UnknownIssuer));
    let nobody = format!("{}.{}.AAAA", part(header), part("{}"));
    assert_eq!(tokens().verify(&nobody, now()), Err(TokenError::Header));
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
        ("nbf", json!(NOW + 11)),
        ("nbf", Value::Null),
        ("iat", json!(NOW + 11)),
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

#[test]
fn only_the_sub_of_an_account_makes_a_token_for_one() {
    let (header, good) = parts();
    let verify_with = |change: &dyn Fn(&mut Value)| {
        let mut claims = good.clone();
        claims["client_id"] = "http://issuer.test".into();
        claims["sub"] = "account/alice".into();
        claims.as_object_mut().unwrap().remove("key_id");
        change(&mut claims);
        verify(&signed(&header.to_string(), &claims.to_string()))
    };
    let account = verify_with(&|_| ());
    assert!(matches!(&account, Ok(OwnToken::Account(_))));
    assert_eq!(subject_of(account), "account/alice");
    for (name, value, error) in [
        ("sub", json!("account/"), TokenError::Claims),
        ("sub", json!("account/a b"), TokenError::Claims),
        ("sub", json!("Account/alice"), TokenError::Claims),
        ("sub", json!("account:alice"), TokenError::ExternalSubject),
        // Neither the client of the roster's tokens, nor the key of one.
        ("client_id", json!("account/alice"), TokenError::Claims),
        ("client_id", json!("billing"), TokenError::Claims),
        ("key_id", json!("4fQz81LmXc0a"), TokenError::Claims),
        ("iss", json!("http://other.test"), TokenError::Issuer),
        ("aud", json!("http://other.test"), TokenError::Audience),
        ("exp", json!(NOW), TokenError::Expired),
        ("iat", json!(NOW + 11), TokenError::NotYet),
    ] {
        let refused = verify_with(&|claims| claims[name] = value.clone());
        assert_eq!(refused, Err(error), "{name}: {value}");
    }
    // A name of the roster stays one, whatever the client is.
    let mixed = verify_with(&|claims| claims["sub"] = "alice".into());
    assert_eq!(mixed, Err(TokenError::Claims));
}
