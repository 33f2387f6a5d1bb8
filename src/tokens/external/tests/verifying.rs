//! What is accepted from another issuer, and from which key.

use super::*;

use crate::tokens::{external::external_claims::VerifiedExternalToken, token_error::TokenError};

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
            assert_eq!(verify(&token, kid_of_another), Err(TokenError::Algorithm));
        }
        let stranger = [Signer::rsa, Signer::p256, Signer::p384, Signer::ed][index]();
        let token = stranger
            .token(&header(algorithms[index][0], "k").to_string(), &claims(URL).to_string());
        assert_eq!(verify(&token, &[signer.jwk("k")]), Err(TokenError::Signature));
    }
}

#[test]
fn the_token_says_who_it_is_and_what_it_may() {
    let signer = Signer::ed();
    let read = |claims: Value| {
        let token = signer.token(&header("EdDSA", "k").to_string(), &claims.to_string());
        verify(&token, &[signer.jwk("k")]).unwrap()
    };
    let roles = |token: &VerifiedExternalToken| {
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
    let only_scopes = with(bare.clone(), "scope", Some(json!("admin")));
    assert!(read(only_scopes).roles().is_empty(), "a scope is no role");
    for odd in [json!(7), json!({ "roles": 7 }), json!({ "roles": { "admin": true } }), json!([])] {
        assert!(read(with(bare.clone(), "realm_access", Some(odd))).roles().is_empty());
    }
}

#[test]
fn times_have_thirty_seconds_of_leeway() {
    let signer = Signer::ed();
    let keys = keys(&[signer.jwk("k")]);
    let token = signer.token(&header("EdDSA", "k").to_string(), &claims(URL).to_string());
    let then = |second| verify_external_token::verify(&token, &settings(URL), &keys, at(second));
    assert!(then(NOW - 30).is_ok() && then(NOW + 89).is_ok());
    assert_eq!(then(NOW - 31), Err(TokenError::NotYet));
    assert_eq!(then(NOW + 90), Err(TokenError::Expired));
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
    assert_eq!(verify(&token, &[only_pss]), Err(TokenError::Algorithm));
    for x in [[0; 32], [&[1][..], &[0; 31]].concat().try_into().unwrap()] {
        let small = with(Signer::ed().jwk("k"), "x", Some(json!(base64(x))));
        assert_eq!(keys(&[small]).len(), 0, "anybody can sign under it");
    }
    let symmetric = json!({ "kty": "oct", "k": base64("secret"), "kid": "k" });
    let other_curve = with(Signer::p256().jwk("k"), "crv", Some(json!("P-521")));
    let no_curve = with(Signer::ed().jwk("k"), "crv", Some(json!("X25519")));
    assert_eq!(keys(&[symmetric, other_curve, no_curve, json!(7), json!({})]).len(), 0);
}

#[test]
fn numbers_of_keys_may_have_more_or_fewer_zeros_in_front() {
    let prefixed = |jwk: &Value, name: &str| {
        let number = URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
        with(jwk.clone(), name, Some(json!(base64([&[0, 0][..], &number].concat()))))
    };
    for (signer, algorithm, names) in [
        (Signer::rsa(), "RS256", ["n", "e"]),
        (Signer::rsa(), "PS256", ["e", "n"]),
        (Signer::p256(), "ES256", ["x", "y"]),
        (Signer::p384(), "ES384", ["x", "y"]),
    ] {
        let token = signer.token(&header(algorithm, "k").to_string(), &claims(URL).to_string());
        let jwk = names.iter().fold(signer.jwk("k"), |jwk, name| prefixed(&jwk, name));
        assert!(verify(&token, &[jwk]).is_ok(), "{algorithm}");
    }
    let (signer, jwk) = std::iter::repeat_with(Signer::p256)
        .map(|signer| {
            let jwk = signer.jwk("k");
            (signer, jwk)
        })
        .find(|(_, jwk)| {
            jwk["x"].as_str().unwrap().starts_with("AA")
                || jwk["x"].as_str().unwrap().starts_with("AB")
        })
        .unwrap();
    let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    let shorter: Vec<u8> = x.into_iter().skip_while(|byte| *byte == 0).collect();
    let token = signer.token(&header("ES256", "k").to_string(), &claims(URL).to_string());
    assert!(verify(&token, &[with(jwk, "x", Some(json!(base64(shorter))))]).is_ok());
}

#[test]
fn without_a_kid_exactly_one_key_must_fit() {
    let (signer, other, rsa) = (Signer::ed(), Signer::ed(), Signer::rsa());
    let head = with(header("EdDSA", "k"), "kid", None).to_string();
    let token = signer.token(&head, &claims(URL).to_string());
    assert!(verify(&token, &[signer.jwk("a"), rsa.jwk("b")]).is_ok());
    let two = [signer.jwk("a"), other.jwk("b")];
    assert_eq!(verify(&token, &two), Err(TokenError::UnknownKey));
    assert_eq!(verify(&token, &[rsa.jwk("b")]), Err(TokenError::UnknownKey));
    let same_kid = [signer.jwk("a"), other.jwk("a")];
    let token = signer.token(&header("EdDSA", "a").to_string(), &claims(URL).to_string());
    assert_eq!(verify(&token, &same_kid), Err(TokenError::UnknownKey));
}
