//! Targets of the fuzzer: other issuers' tokens with chosen headers and claims under a good signature, and JWK Sets.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a finding")]

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, crypto};
use serde_json::{Value, json};

use crate::{
    oauth::{provider_url::ProviderUrl, subject::Subject},
    tokens::{
        external::{
            external_issuer_settings::ExternalIssuerSettings, fetched_jwk_set::Keys,
            verify_external_token,
        },
        fuzz_tokens::{AUDIENCE, ISSUER, NOW, assert_addressed, halves, now, object},
    },
};

const ALGORITHMS: [Algorithm; 10] = [
    Algorithm::HS256,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Another issuer's token: the first line is its header, the rest its claims.
pub(crate) fn external_token(data: &[u8]) {
    let Some((header, claims)) = halves(data) else { return };
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": x });
    let keys = Keys::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    let settings = ExternalIssuerSettings {
        name: Subject::parse("corp").unwrap(),
        url: ProviderUrl::parse(ISSUER).unwrap(),
        audience: AUDIENCE.to_owned(),
        roles_claim: vec![vec!["realm_access".to_owned(), "roles".to_owned()]],
    };
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(message.as_bytes()));
    let token = format!("{message}.{signature}");
    let Ok(verified) = verify_external_token::verify(&token, &settings, &keys, now()) else {
        return;
    };
    let (header, claims) = (object(header), object(claims));
    assert_eq!(header["alg"], "EdDSA");
    assert!(header.get("kid").is_none_or(|kid| kid == "k"));
    assert!(!header.contains_key("crit"));
    assert_addressed(&claims);
    assert!(claims["exp"].as_f64().unwrap() > NOW as f64 - 31.0);
    assert_eq!(claims["sub"], verified.subject().as_str());
    for name in ["nonce", "at_hash", "c_hash", "events"] {
        assert!(!claims.contains_key(name), "{name}");
    }
}

/// What a JWK Set holds is usable, or left out.
pub(crate) fn jwk_set(data: &[u8]) {
    let Some(keys) = Keys::parse(data) else { return };
    // A member that is ignored may hold an escape that stands for no character.
    let Ok(read) = serde_json::from_slice::<Value>(data) else { return };
    let listed = read["keys"].as_array().unwrap();
    let kids = listed.iter().map(|key| key["kid"].as_str()).chain([None, Some("none")]);
    for kid in kids {
        for algorithm in ALGORITHMS {
            let Ok(key) = keys.find(kid, algorithm) else { continue };
            assert_ne!(algorithm, Algorithm::HS256, "a symmetric key of a JWK Set is never used");
            let forged = URL_SAFE_NO_PAD.encode([0; 64]);
            assert!(!matches!(crypto::verify(&forged, b"x", key, algorithm), Ok(true)));
        }
    }
}
