//! What is accepted from another issuer, and a table of what is not.

use super::*;
use crate::tokens::issuers::keys::Keys;

fn keys(jwks: &[Value]) -> Keys {
    Keys::parse(set(jwks).as_bytes()).unwrap()
}

fn verify(token: &str, jwks: &[Value]) -> Result<VerifiedForeignToken, TokenRefusal> {
    verify::verify(token, &settings(URL), &keys(jwks), now())
}

/// `None` removes.
fn with(mut object: Value, name: &str, value: Option<Value>) -> Value {
    match value {
        Some(value) => object[name] = value,
        None => drop(object.as_object_mut().unwrap().shift_remove(name)),
    }
    object
}

#[test]
fn every_asymmetric_algorithm_verifies_with_a_key_of_its_sort_only() {
    let signers = [Signer::rsa(), Signer::p256(), Signer::p384(), Signer::ed()];
    let algorithms: [&[&str]; 4] = [
        &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        &["ES256"],
        &["ES384"],
        &["EdDSA"],
    ];
    for (index, signer) in signers.iter().enumerate() {
        for algorithm in algorithms[index] {
            let token = signer.token(&header(algorithm, "k").to_string(), &claims(URL).to_string());
            assert!(verify(&token, &[signer.jwk("k")]).is_ok(), "{algorithm}");
            let kid_of_another = &[signers[(index + 1) % 4].jwk("k")];
            assert_eq!(verify(&token, kid_of_another), Err(TokenRefusal::Algorithm));
        }
        let stranger = [Signer::rsa, Signer::p256, Signer::p384, Signer::ed][index]();
        let token = stranger
            .token(&header(algorithms[index][0], "k").to_string(), &claims(URL).to_string());
        assert_eq!(verify(&token, &[signer.jwk("k")]), Err(TokenRefusal::Signature));
    }
}

#[test]
fn the_token_says_who_it_is_and_what_it_may() {
    let signer = Signer::ed();
    let read = |claims: Value| {
        let token = signer.token(&header("EdDSA", "k").to_string(), &claims.to_string());
        verify(&token, &[signer.jwk("k")]).unwrap()
    };
    let roles = |token: &VerifiedForeignToken| {
        token.roles().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let token = read(claims(URL));
    assert_eq!((token.issuer().as_str(), token.subject().as_str()), ("corp", "billing"));
    assert_eq!(token.client_id().unwrap().as_str(), "billing");
    assert_eq!((roles(&token), token.scopes().to_string()), (vec!["admin".into()], "a b".into()));
    assert_eq!((token.issued_at(), token.expires_at()), (Some(at(NOW)), at(NOW + 60)));

    let bare = json!({ "iss": URL, "sub": "auth0|1 2", "aud": ["x", "hallpass"], "exp": NOW as f64 + 0.5 });
    let token = read(bare.clone());
    assert_eq!((token.client_id(), token.issued_at()), (None, None));
    assert!(token.roles().is_empty() && token.scopes().is_empty());

    let azp = with(bare.clone(), "azp", Some(json!("app")));
    assert_eq!(read(azp).client_id().unwrap().as_str(), "app");
    for scp in [json!("c d"), json!(["c", "d", "no scope", 7])] {
        assert_eq!(read(with(bare.clone(), "scp", Some(scp))).scopes().to_string(), "c d");
    }
    for listed in [json!("r s"), json!(["s", "r", "no role", "", 7])] {
        let nested = with(bare.clone(), "realm_access", Some(json!({ "roles": listed })));
        assert_eq!(roles(&read(nested)), ["r", "s"]);
        let literal = with(bare.clone(), "realm_access.roles", Some(listed));
        assert_eq!(roles(&read(literal)), ["r", "s"]);
    }
    for odd in [json!(7), json!({ "roles": 7 }), json!({ "roles": { "admin": true } }), json!([])] {
        assert!(read(with(bare.clone(), "realm_access", Some(odd))).roles().is_empty());
    }
}

#[test]
fn times_have_thirty_seconds_of_leeway() {
    let signer = Signer::ed();
    let keys = keys(&[signer.jwk("k")]);
    let token = signer.token(&header("EdDSA", "k").to_string(), &claims(URL).to_string());
    let then = |second| verify::verify(&token, &settings(URL), &keys, at(second));
    assert!(then(NOW - 30).is_ok() && then(NOW + 89).is_ok());
    assert_eq!(then(NOW - 31), Err(TokenRefusal::NotYet));
    assert_eq!(then(NOW + 90), Err(TokenRefusal::Expired));
}

#[test]
fn every_forged_claim_is_refused() {
    let signer = Signer::ed();
    let refused = |claims: &Value| {
        let token = signer.token(&header("EdDSA", "k").to_string(), &claims.to_string());
        verify(&token, &[signer.jwk("k")]).is_err()
    };
    assert!(!refused(&claims(URL)), "the control passes");
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
    for typ in ["JWT", "jwt", "AT+JWT", "application/at+jwt"] {
        assert!(!refused(&signer, with(good.clone(), "typ", Some(json!(typ)))), "{typ}");
    }
    assert!(!refused(&signer, with(good.clone(), "typ", None)));
    assert!(!refused(&signer, with(good.clone(), "x5t", Some(json!("AAAA")))));
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
        ("jku", Some(json!("http://127.0.0.1/keys"))),
        ("x5u", Some(json!("http://127.0.0.1/cert"))),
        ("x5c", Some(json!(["AAAA"]))),
        ("jwk", Some(signer.jwk("k"))),
    ];
    for (name, value) in forged {
        assert!(refused(&signer, with(good.clone(), name, value.clone())), "{name}: {value:?}");
    }
    let embedded = with(good, "jwk", Some(other.jwk("k"))).to_string();
    let token = other.token(&embedded, &claims(URL).to_string());
    assert!(verify(&token, &[signer.jwk("k")]).is_err());
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
            assert_eq!(verify(&token, &[jwk.clone()]), Err(TokenRefusal::Algorithm));
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

#[test]
fn a_key_verifies_only_what_it_says_it_is_for() {
    let signer = Signer::rsa();
    let usable = |name: &str, value: Value| keys(&[with(signer.jwk("k"), name, Some(value))]).len();
    assert_eq!(usable("use", json!("sig")) + usable("alg", json!("PS256")), 2);
    assert_eq!(usable("key_ops", json!(["sign", "verify"])), 1);
    for (name, value) in [
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("alg", json!("unheard")),
        ("kty", json!("EC")),
        ("n", json!(base64([0xff; 255]))),
        ("n", json!(base64([&[0; 10][..], &[0x7f], &[0xff; 255]].concat()))),
        ("n", json!("")),
    ] {
        assert_eq!(usable(name, value.clone()), 0, "{name}: {value}");
    }
    let only_pss = with(signer.jwk("k"), "alg", Some(json!("PS256")));
    let token = signer.token(&header("RS256", "k").to_string(), &claims(URL).to_string());
    assert_eq!(verify(&token, &[only_pss]), Err(TokenRefusal::Algorithm));
    let symmetric = json!({ "kty": "oct", "k": base64("secret"), "kid": "k" });
    let other_curve = with(Signer::p256().jwk("k"), "crv", Some(json!("P-521")));
    let no_curve = with(Signer::ed().jwk("k"), "crv", Some(json!("X25519")));
    assert_eq!(keys(&[symmetric, other_curve, no_curve, json!(7), json!({})]).len(), 0);
}

#[test]
fn without_a_kid_exactly_one_key_must_fit() {
    let (signer, other, rsa) = (Signer::ed(), Signer::ed(), Signer::rsa());
    let head = with(header("EdDSA", "k"), "kid", None).to_string();
    let token = signer.token(&head, &claims(URL).to_string());
    assert!(verify(&token, &[signer.jwk("a"), rsa.jwk("b")]).is_ok());
    let two = [signer.jwk("a"), other.jwk("b")];
    assert_eq!(verify(&token, &two), Err(TokenRefusal::UnknownKey));
    assert_eq!(verify(&token, &[rsa.jwk("b")]), Err(TokenRefusal::UnknownKey));
    let same_kid = [signer.jwk("a"), other.jwk("a")];
    let token = signer.token(&header("EdDSA", "a").to_string(), &claims(URL).to_string());
    assert_eq!(verify(&token, &same_kid), Err(TokenRefusal::UnknownKey));
}
