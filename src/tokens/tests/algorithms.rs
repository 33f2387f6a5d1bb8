//! Every algorithm: what each key signs and verifies, and tokens forged with the help of public keys.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};

use super::*;

use crate::tokens::{
    signing_key_error::SigningKeyError,
    tests::keys::{ed25519, p256, pem, rsa, signing_key},
};

/// Makes a private key as PKCS#8.
type Make = fn() -> Vec<u8>;

const ALGORITHMS: [(&str, Make); 3] = [("EdDSA", ed25519), ("ES256", p256), ("RS256", rsa)];

fn ring(current: SigningKey, previous: Vec<SigningKey>) -> Tokens {
    let keyring = ArcSwap::from_pointee(Keyring::new(current, previous).unwrap());
    Tokens { keyring, ..tokens() }
}

fn header_of(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split_once('.').unwrap().0).unwrap())
        .unwrap()
}

/// Header and claims as a good token has them, but for `alg` and `kid`; without a signature.
fn message(alg: &str, kid: &str) -> String {
    let (mut header, claims) = parts();
    header["alg"] = json!(alg);
    header["kid"] = json!(kid);
    let encode = |part: Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

fn with_signature(message: &str, signature: &[u8]) -> String {
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hmac(secret: &[u8], message: &str) -> String {
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

#[test]
fn a_byte_order_mark_before_a_pem_is_skipped() {
    let der = ed25519();
    let marked =
        format!("\u{feff}{}", secrecy::ExposeSecret::expose_secret(&pem("PRIVATE KEY", &der)));
    let key = SigningKey::from_pem(&marked.into()).unwrap();
    assert_eq!(key.kid, signing_key(&der).kid);
}

#[test]
fn every_key_signs_its_own_algorithm_under_its_own_name() {
    for (algorithm, make) in ALGORITHMS {
        let key = signing_key(&make());
        let kid = key.kid.clone();
        let tokens = ring(key, Vec::new());
        let token = text(&issued(&tokens));
        assert_eq!(header_of(&token)["alg"], algorithm);
        assert_eq!(header_of(&token)["kid"], kid.as_str());
        assert_eq!(header_of(&token)["typ"], "at+jwt");
        assert_eq!(subject_of(tokens.verify(&token, now())), "billing");
        let late = Timestamp::from_second(NOW + 60).unwrap();
        assert_eq!(tokens.verify(&token, late), Err(TokenError::Expired), "{algorithm}");
    }
}

#[test]
fn a_changed_payload_is_refused_by_every_algorithm() {
    for (algorithm, make) in ALGORITHMS {
        let tokens = ring(signing_key(&make()), Vec::new());
        let (one, other) = (text(&issued(&tokens)), text(&issued(&tokens)));
        let signature = other.rsplit_once('.').unwrap().1;
        let mixed = format!("{}.{signature}", one.rsplit_once('.').unwrap().0);
        assert_eq!(tokens.verify(&mixed, now()), Err(TokenError::Signature), "{algorithm}");
    }
}

#[test]
fn es256_signs_in_the_jose_form_and_refuses_the_der_form() {
    let der = p256();
    let key = signing_key(&der);
    let kid = key.kid.clone();
    let tokens = ring(key, Vec::new());
    let token = text(&issued(&tokens));
    let signature = URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap();
    assert_eq!(signature.len(), 64, "r and s of 32 bytes each (RFC 7518 §3.4)");

    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der).unwrap();
    let message = message("ES256", &kid);
    let der_form = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let forged = with_signature(&message, der_form.as_ref());
    assert_eq!(tokens.verify(&forged, now()), Err(TokenError::Signature));
    let all_zero = with_signature(&message, &[0; 64]);
    assert_eq!(tokens.verify(&all_zero, now()), Err(TokenError::Signature));
}

#[test]
fn a_public_key_is_no_secret_to_sign_with() {
    for (algorithm, make) in ALGORITHMS {
        let key = signing_key(&make());
        let kid = key.kid.clone();
        let public = key.verifying.try_get_as_bytes().unwrap().to_vec();
        let tokens = ring(key, Vec::new());
        let jwks = serde_json::to_vec(tokens.keyring.load().jwks()).unwrap();
        let public_pem = pem("PUBLIC KEY", &public);
        let public_pem = secrecy::ExposeSecret::expose_secret(&public_pem).as_bytes();
        for secret in [public.as_slice(), public_pem, kid.as_bytes(), &jwks, b""] {
            let forged = hmac(secret, &message("HS256", &kid));
            assert_eq!(tokens.verify(&forged, now()), Err(TokenError::Algorithm), "{algorithm}");
            let forged = hmac(secret, &message(algorithm, &kid));
            assert_eq!(tokens.verify(&forged, now()), Err(TokenError::Signature), "{algorithm}");
        }
    }
}

#[test]
fn the_header_cannot_choose_another_algorithm_than_the_keys() {
    let secret = key(SECRET);
    let kids: Vec<_> = ALGORITHMS.iter().map(|(_, make)| signing_key(&make())).collect();
    let names: Vec<_> = kids.iter().map(|key| (key.kid.clone(), key.algorithm)).collect();
    let secret_name = (secret.kid.clone(), secret.algorithm);
    let tokens = ring(secret, kids);
    for (kid, own) in names.iter().chain([&secret_name]) {
        for alg in [
            "none", "None", "", "HS256", "HS384", "HS512", "ES256", "ES384", "EdDSA", "Ed25519",
            "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
        ] {
            for signature in [&[][..], &[0; 64], &[0; 256]] {
                let forged = with_signature(&message(alg, kid), signature);
                assert!(tokens.verify(&forged, now()).is_err(), "{alg} under a key of {own:?}");
            }
        }
    }
}

#[test]
fn a_good_signature_under_the_name_of_another_key_is_refused() {
    let der = ed25519();
    let (key, other, curve) = (signing_key(&der), signing_key(&ed25519()), signing_key(&p256()));
    let (own, others, curves) = (key.kid.clone(), other.kid.clone(), curve.kid.clone());
    let tokens = ring(key, vec![other, curve]);
    let pair = Ed25519KeyPair::from_pkcs8(&der).unwrap();
    assert_eq!(pair.public_key().as_ref().len(), 32);
    let outcome = |alg: &str, kid: &str| {
        let message = message(alg, kid);
        let token = with_signature(&message, pair.sign(message.as_bytes()).as_ref());
        tokens.verify(&token, now()).map(drop)
    };
    assert_eq!(outcome("EdDSA", &own), Ok(()), "the control passes");
    assert_eq!(outcome("EdDSA", &others), Err(TokenError::Signature));
    assert_eq!(outcome("ES256", &own), Err(TokenError::Algorithm));
    assert_eq!(outcome("EdDSA", &curves), Err(TokenError::Algorithm));
    assert_eq!(outcome("ES256", &curves), Err(TokenError::Signature));
    assert_eq!(outcome("EdDSA", "unknown"), Err(TokenError::UnknownKey));
    assert_eq!(outcome("EdDSA", &own.to_lowercase()), Err(TokenError::UnknownKey));
}

#[test]
fn a_previous_key_verifies_and_does_not_sign_and_a_withdrawn_one_does_neither() {
    let (old, new) = (p256(), ed25519());
    let before = ring(signing_key(&old), Vec::new());
    let during = ring(signing_key(&new), vec![signing_key(&old)]);
    let after = ring(signing_key(&new), Vec::new());
    let (early, late) = (text(&issued(&before)), text(&issued(&during)));
    assert_eq!(header_of(&late)["alg"], "EdDSA");
    assert!(during.verify(&early, now()).is_ok() && during.verify(&late, now()).is_ok());
    assert_eq!(after.verify(&early, now()), Err(TokenError::UnknownKey));
    assert!(after.verify(&late, now()).is_ok());
}

#[test]
fn a_key_that_is_current_and_previous_is_one_key() {
    let der = ed25519();
    let tokens = ring(signing_key(&der), vec![signing_key(&der), signing_key(&der)]);
    assert_eq!(tokens.keyring.load().jwks().keys().len(), 1);
    assert!(tokens.verify(&text(&issued(&tokens)), now()).is_ok());
    let tokens = ring(key(SECRET), vec![key(SECRET)]);
    assert!(tokens.verify(&text(&issued(&tokens)), now()).is_ok());
}

#[test]
fn a_key_whose_halves_do_not_belong_together_stops_the_start() {
    for (algorithm, make) in [("EdDSA", ed25519 as fn() -> _), ("ES256", p256)] {
        let broken =
            || SigningKey { verifying: signing_key(&make()).verifying, ..signing_key(&make()) };
        let as_current = Keyring::new(broken(), Vec::new()).unwrap_err();
        assert!(matches!(as_current, SigningKeyError::Broken(_)), "{algorithm}");
        let as_previous = Keyring::new(key(SECRET), vec![broken()]).unwrap_err();
        assert!(matches!(as_previous, SigningKeyError::Broken(_)), "{algorithm}");
    }
}
