//! Keys that are made when the tests run, so that no private key sits in the repository.

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
        RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::SecretString;

use crate::tokens::signing_key::SigningKey;

/// A PEM with lines of 64 characters, as openssl writes them.
pub(super) fn pem(label: &str, der: &[u8]) -> SecretString {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).into()
}

pub(super) fn ed25519() -> Vec<u8> {
    Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap().as_ref().to_vec()
}

pub(super) fn elliptic(curve: &'static EcdsaSigningAlgorithm) -> Vec<u8> {
    EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).unwrap().as_ref().to_vec()
}

pub(super) fn p256() -> Vec<u8> {
    elliptic(&ECDSA_P256_SHA256_FIXED_SIGNING)
}

/// Made once: it takes a while.
pub(super) fn rsa() -> Vec<u8> {
    static KEY: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref().to_vec()
    });
    KEY.clone()
}

pub(super) fn signing_key(der: &[u8]) -> SigningKey {
    SigningKey::from_pem(&pem("PRIVATE KEY", der)).unwrap()
}
