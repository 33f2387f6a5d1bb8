//! Tables of forgeries: each is a good token but for one thing.

use super::*;

use crate::tokens::token_error::TokenError;

#[test]
fn every_forged_claim_is_refused() {
    let signer = Signer::ed();
    let refused = |claims: &Value| {
        let token = signer.token(&header("EdDSA", "k").to_string(), &claims.to_string());
        verify(&token, &[signer.jwk("k")]).is_err()
    };
    assert!(!refused(&claims(URL)), "the control passes");
    assert!(!refused(&with(claims(URL), "typ", Some(json!("Bearer")))), "as Keycloak writes");
    let forged = [
        ("iss", Some(json!("https://login.test/"))),
        ("iss", Some(json!("https://LOGIN.test"))),
        ("iss", Some(json!([URL]))),
        ("iss", None),
        ("aud", Some(json!("other"))),
        ("aud", Some(json!("hallpass "))),
        ("aud", Some(json!([["hallpass"]]))),
        ("aud", Some(json!({ "hallpass": true }))),
        ("aud", None),
        ("exp", Some(json!(NOW - 30))),
        ("exp", Some(json!((NOW + 60).to_string()))),
        ("exp", Some(json!(1e300))),
        ("exp", Some(json!(-1e300))),
        ("exp", Some(json!(u64::MAX))),
        ("exp", Some(Value::Null)),
        ("exp", None),
        ("nbf", Some(json!(NOW + 31))),
        ("nbf", Some(json!("now"))),
        ("iat", Some(json!(NOW as f64 + 30.5))),
        ("iat", Some(json!(-1e300))),
        ("iat", Some(Value::Null)),
        ("sub", Some(json!(""))),
        ("sub", Some(json!("a\nb"))),
        ("sub", Some(json!("x".repeat(256)))),
        ("sub", Some(json!(7))),
        ("sub", None),
        ("nonce", Some(json!("x"))),
        ("nonce", Some(Value::Null)),
        ("at_hash", Some(json!("x"))),
        ("c_hash", Some(json!("x"))),
        ("events", Some(json!({ "http://schemas.openid.net/event/backchannel-logout": {} }))),
        ("typ", Some(json!("ID"))),
        ("typ", Some(json!("Refresh"))),
        ("typ", Some(json!("Offline"))),
        ("typ", Some(json!("logout"))),
        ("client_id", Some(json!(7))),
        ("client_id", Some(json!("a\r\nb"))),
    ];
    for (name, value) in forged {
        assert!(refused(&with(claims(URL), name, value.clone())), "{name}: {value:?}");
    }
}

#[test]
fn every_forged_header_is_refused() {
    let signer = Signer::ed();
    let other = Signer::ed();
    let refused = |signer: &Signer, header: Value| {
        let token = signer.token(&header.to_string(), &claims(URL).to_string());
        verify(&token, &[Signer::ed().jwk("other"), signer.jwk("k")]).is_err()
    };
    let good = header("EdDSA", "k");
    assert!(!refused(&signer, good.clone()), "the control passes");
    for typ in ["JWT", "jwt", "AT+JWT", "application/at+jwt", "application/JWT"] {
        assert!(!refused(&signer, with(good.clone(), "typ", Some(json!(typ)))), "{typ}");
    }
    assert!(!refused(&signer, with(good.clone(), "typ", None)));
    for (name, ignored) in [
        ("x5t", json!("AAAA")),
        ("jku", json!("http://127.0.0.1/keys")),
        ("x5u", json!("http://127.0.0.1/cert")),
        ("x5c", json!(["AAAA"])),
        ("jwk", other.jwk("k")),
    ] {
        let header = with(good.clone(), name, Some(ignored));
        assert!(!refused(&signer, header.clone()), "{name} is ignored");
        let token = other.token(&header.to_string(), &claims(URL).to_string());
        let leads_nowhere = verify(&token, &[signer.jwk("k")]);
        assert_eq!(leads_nowhere, Err(TokenError::Signature), "{name}");
    }
    let forged = [
        ("alg", Some(json!("none"))),
        ("alg", Some(json!("None"))),
        ("alg", Some(json!(""))),
        ("alg", Some(json!("HS256"))),
        ("alg", Some(json!("eddsa"))),
        ("alg", Some(json!("ES256"))),
        ("alg", Some(json!("RS256"))),
        ("alg", Some(json!("RSA-OAEP"))),
        ("alg", None),
        ("kid", Some(json!("other"))),
        ("kid", Some(json!("unknown"))),
        ("kid", Some(json!(""))),
        ("kid", Some(json!(["k"]))),
        ("kid", Some(Value::Null)),
        ("kid", None),
        ("typ", Some(json!("logout+jwt"))),
        ("typ", Some(json!(""))),
        ("typ", Some(Value::Null)),
        ("crit", Some(json!(["exp"]))),
        ("crit", Some(json!([]))),
    ];
    for (name, value) in forged {
        assert!(refused(&signer, with(good.clone(), name, value.clone())), "{name}: {value:?}");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    for signer in [Signer::rsa(), Signer::ed()] {
        let jwk = signer.jwk("k");
        let public = jwk.get("n").or(jwk.get("x")).unwrap().as_str().unwrap();
        for secret in [public.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(public).unwrap()] {
            let message = format!(
                "{}.{}",
                base64(header("HS256", "k").to_string()),
                base64(claims(URL).to_string())
            );
            let key = jsonwebtoken::EncodingKey::from_secret(&secret);
            let signature = jsonwebtoken::crypto::sign(
                message.as_bytes(),
                &key,
                jsonwebtoken::Algorithm::HS256,
            );
            let token = format!("{message}.{}", signature.unwrap());
            assert_eq!(verify(&token, std::slice::from_ref(&jwk)), Err(TokenError::Algorithm));
        }
    }
}

#[test]
fn every_forged_writing_is_refused() {
    let signer = Signer::ed();
    let (head, body) = (header("EdDSA", "k").to_string(), claims(URL).to_string());
    let token = signer.token(&head, &body);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let forged = [
        String::new(),
        "..".to_owned(),
        message.to_owned(),
        format!("{message}."),
        format!("{token}."),
        format!("{token}=="),
        format!(" {token}"),
        format!("{token}.{signature}"),
        signer.token(&head, &body.replacen('{', "{\"sub\":\"root\",", 1)),
        signer.token(&head, &body.replacen("\"roles\"", "\"roles\":[\"x\"],\"roles\"", 1)),
        signer.token(&head.replacen('{', "{\"alg\":\"none\",", 1), &body),
        signer.token(&head.replacen('{', "{\"x\":1,\"x\":2,", 1), &body),
        signer.token(&head, "null"),
        signer.token("null", &body),
        signer
            .token(&head, &with(claims(URL), "x", Some(json!("x".repeat(16 * 1024)))).to_string()),
    ];
    assert!(verify(&token, &[signer.jwk("k")]).is_ok(), "the control passes");
    for token in forged {
        assert!(verify(&token, &[signer.jwk("k")]).is_err(), "{}", &token[..token.len().min(200)]);
    }
}
