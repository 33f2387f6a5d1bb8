//! What is published: thumbprints as the RFCs print them, and nothing private.

use super::*;

use crate::tokens::{
    jwk::PublicKey,
    tests::keys::{ed25519, p256, rsa, signing_key},
};

#[test]
fn the_thumbprint_of_rfc_7638_section_3_1() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPeb\
             WKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQ\
             MicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2Nc\
             Rwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let key = PublicKey::rsa(&decode(n), &decode("AQAB"));
    assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn the_thumbprint_of_rfc_8037_appendix_a_3() {
    let x = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    let key = PublicKey::ed25519(&x);
    assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

fn published(keyring: &Keyring) -> Value {
    serde_json::to_value(keyring.jwks()).unwrap()
}

#[test]
fn a_service_with_a_secret_publishes_no_key() {
    let keyring = Keyring::new(key(SECRET), vec![key("another secret, also longer than 32 bytes")]);
    assert_eq!(published(&keyring.unwrap()), json!({ "keys": [] }));
}

#[test]
fn a_mixed_ring_publishes_its_public_keys_only_and_the_current_one_first() {
    let ders = [p256(), ed25519(), rsa()];
    let [curve, edwards, modulus] = ders.each_ref().map(|der| signing_key(der));
    let keyring = Keyring::new(curve, vec![key(SECRET), edwards, modulus]).unwrap();
    let set = published(&keyring);
    let keys = set["keys"].as_array().unwrap();
    let members = [
        ("EC", "ES256", vec!["alg", "crv", "kid", "kty", "use", "x", "y"]),
        ("OKP", "EdDSA", vec!["alg", "crv", "kid", "kty", "use", "x"]),
        ("RSA", "RS256", vec!["alg", "e", "kid", "kty", "n", "use"]),
    ];
    assert_eq!(keys.len(), members.len());
    for (key, (kty, alg, expected)) in keys.iter().zip(members) {
        let mut names: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, expected, "neither d nor k nor any other private member");
        assert_eq!(
            (&key["kty"], &key["alg"], &key["use"]),
            (&json!(kty), &json!(alg), &json!("sig"))
        );
        assert_eq!(key["kid"].as_str().unwrap().len(), 43);
    }
    assert_eq!(keys[0]["kid"], keyring.jwks().keys()[0].kid());
    let text = set.to_string();
    assert!(!text.contains(SECRET) && !text.contains(&URL_SAFE_NO_PAD.encode(SECRET)));
    assert!(!text.contains(&key(SECRET).kid), "the secret's name neither");
}

/// What others do: take the key from the set by the token's `kid`, and verify with a JOSE library.
#[test]
fn a_stranger_verifies_our_tokens_with_the_published_set_alone() {
    for der in [ed25519(), p256(), rsa()] {
        let keyring = Keyring::new(signing_key(&der), Vec::new()).unwrap();
        let tokens = Tokens { keyring: ArcSwap::from_pointee(keyring), ..tokens() };
        let token = text(&issued(&tokens));
        let set: jsonwebtoken::jwk::JwkSet =
            serde_json::from_value(published(&tokens.keyring.load())).unwrap();
        let header = jsonwebtoken::decode_header(&token).unwrap();
        let jwk = set.find(&header.kid.unwrap()).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
        assert!(crypto::verify(signature, message.as_bytes(), &key, header.alg).unwrap());
        let thumbprint = jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
        assert_eq!(jwk.common.key_id.as_deref(), Some(thumbprint.as_str()));
    }
}

#[test]
fn rings_of_the_same_keys_are_the_same_whatever_their_order() {
    let [a, b, c] = [ed25519(), p256(), ed25519()];
    let ring = |current: &[u8], others: &[&[u8]]| {
        let others = others.iter().map(|der| signing_key(der)).collect();
        Keyring::new(signing_key(current), others).unwrap()
    };
    let first = ring(&a, &[&b, &c]);
    assert!(first.has_same_keys(&ring(&a, &[&c, &b, &a])));
    for other in [ring(&b, &[&a, &c]), ring(&a, &[&b]), ring(&a, &[&b, &ed25519()])] {
        assert!(!first.has_same_keys(&other) && !other.has_same_keys(&first));
    }
    assert_eq!(first.algorithms(), ["EdDSA", "ES256"]);
    assert_eq!(ring(&b, &[&a]).algorithms(), ["ES256", "EdDSA"]);
}
