//! Other issuers' tokens: keys made on the spot, a table of forgeries, a provider on loopback.
//!
//! Must not know any private key that outlives a test.

mod fetching;
mod forging;
mod refreshing;
mod verifying;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;

use crate::{
    oauth::{ProviderUrl, Subject},
    tokens::{
        external::{
            external_claims::VerifiedExternalToken,
            external_issuer_settings::ExternalIssuerSettings, fetched_jwk_set::Keys,
        },
        token_error::TokenError,
    },
};

const NOW: i64 = 1_800_000_000;
const URL: &str = "https://login.test";

fn now() -> Timestamp {
    at(NOW)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn settings(url: &str) -> ExternalIssuerSettings {
    ExternalIssuerSettings {
        name: Subject::parse("corp").unwrap(),
        url: ProviderUrl::parse(url).unwrap(),
        audience: "hallpass".to_owned(),
        roles_claim: [&["realm_access.roles"][..], &["realm_access", "roles"]]
            .map(|path| path.iter().map(ToString::to_string).collect())
            .into(),
    }
}

/// A provider's private key.
enum Signer {
    Rsa(rsa::KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl Signer {
    fn rsa() -> Self {
        Self::Rsa(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
    }

    fn p256() -> Self {
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        Self::P256(EcdsaKeyPair::generate(algorithm).unwrap())
    }

    fn p384() -> Self {
        let algorithm = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
        Self::P384(EcdsaKeyPair::generate(algorithm).unwrap())
    }

    fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    /// The public half, without `alg` and `use`.
    fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let n = key.public_key().modulus().big_endian_without_leading_zero().to_vec();
                let e = key.public_key().exponent().big_endian_without_leading_zero().to_vec();
                json!({ "kty": "RSA", "kid": kid, "n": base64(n), "e": base64(e) })
            }
            Self::P256(key) => point("P-256", kid, key.public_key().as_ref()),
            Self::P384(key) => point("P-384", kid, key.public_key().as_ref()),
            Self::Ed(key) => {
                let x = base64(key.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x })
            }
        }
    }

    fn sign(&self, algorithm: &str, message: &str) -> Vec<u8> {
        let (message, random) = (message.as_bytes(), SystemRandom::new());
        match self {
            Self::Rsa(key) => {
                let padding: &'static dyn signature::RsaEncoding = match algorithm {
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    "PS384" => &signature::RSA_PSS_SHA384,
                    "PS512" => &signature::RSA_PSS_SHA512,
                    _ => &signature::RSA_PKCS1_SHA256,
                };
                let mut signed = vec![0; key.public_modulus_len()];
                key.sign(padding, &random, message, &mut signed).unwrap();
                signed
            }
            Self::P256(key) | Self::P384(key) => {
                key.sign(&random, message).unwrap().as_ref().to_vec()
            }
            Self::Ed(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with this header and these claims, as they are.
    fn token(&self, header: &str, claims: &str) -> String {
        let algorithm: Value = serde_json::from_str(header).unwrap_or_default();
        let message = format!("{}.{}", base64(header), base64(claims));
        let signature = self.sign(algorithm["alg"].as_str().unwrap_or_default(), &message);
        format!("{message}.{}", base64(signature))
    }
}

fn point(curve: &str, kid: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at(point.len() / 2);
    json!({ "kty": "EC", "crv": curve, "kid": kid, "x": base64(x), "y": base64(y) })
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn header(algorithm: &str, kid: &str) -> Value {
    json!({ "alg": algorithm, "kid": kid, "typ": "at+jwt" })
}

/// What a provider could say of a machine.
fn claims(issuer: &str) -> Value {
    json!({
        "iss": issuer, "sub": "billing", "aud": "hallpass", "exp": NOW + 60, "iat": NOW, "nbf": NOW,
        "jti": "x", "client_id": "billing", "scope": "a b", "realm_access": { "roles": ["admin"] },
    })
}

fn keys(jwks: &[Value]) -> Keys {
    Keys::parse(set(jwks).as_bytes()).unwrap()
}

fn verify(token: &str, jwks: &[Value]) -> Result<VerifiedExternalToken, TokenError> {
    verify_external_token::verify(token, &settings(URL), &keys(jwks), now())
}

/// `None` removes.
fn with(mut object: Value, name: &str, value: Option<Value>) -> Value {
    match value {
        Some(value) => object[name] = value,
        None => drop(object.as_object_mut().unwrap().shift_remove(name)),
    }
    object
}
