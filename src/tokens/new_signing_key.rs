//! Makes signing keys.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    error::Unspecified,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret, SecretBox, SecretString};

use crate::tokens::{signing_key::SigningKey, signing_key_error::SigningKeyError};

/// Characters of a line (RFC 7468 §2).
const LINE: usize = 64;

/// What kind of key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// Signs EdDSA.
    Ed25519,
    /// Signs ES256.
    P256,
    /// RSA of 3072 bits; signs RS256.
    Rsa3072,
}

impl KeyKind {
    /// What signs with the same algorithm as `key`.
    pub(super) fn of(key: &SigningKey) -> Self {
        match key.algorithm {
            Algorithm::ES256 => Self::P256,
            Algorithm::RS256 => Self::Rsa3072,
            _ => Self::Ed25519,
        }
    }

    /// Makes a key, as a PKCS#8 PEM that OpenSSL reads as well (RFC 5958, RFC 7468 §10). RSA takes seconds.
    ///
    /// # Errors
    /// The cryptographic library fails.
    pub(super) fn make(self) -> Result<SecretString, SigningKeyError> {
        let pem = self.der().map(|der| pem(der.expose_secret()));
        let pem = pem.map_err(|_| SigningKeyError::NotMade)?;
        // It must be one that a start accepts.
        SigningKey::from_pem(&pem)?.prove()?;
        Ok(pem)
    }

    fn der(self) -> Result<SecretBox<Vec<u8>>, Unspecified> {
        let wiped = |der: &[u8]| SecretBox::new(Box::new(der.to_vec()));
        Ok(match self {
            Self::Ed25519 => {
                let der: Pkcs8V1Der<'_> = Ed25519KeyPair::generate()?.as_der()?;
                wiped(der.as_ref())
            }
            Self::P256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
                wiped(pair.to_pkcs8v1()?.as_ref())
            }
            Self::Rsa3072 => {
                let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa3072)?.as_der()?;
                wiped(der.as_ref())
            }
        })
    }
}

fn pem(der: &[u8]) -> SecretString {
    let base64 = SecretBox::new(Box::new(STANDARD.encode(der)));
    let base64 = base64.expose_secret();
    // At its full size from the start: a string that grows leaves copies behind.
    let mut pem = String::with_capacity(base64.len() + base64.len() / LINE + 64);
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        pem.push_str(line);
        pem.push('\n');
        rest = next;
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    pem.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_key_signs_with_its_algorithm() {
        for kind in [KeyKind::Ed25519, KeyKind::P256, KeyKind::Rsa3072] {
            let pem = kind.make().unwrap();
            assert!(pem.expose_secret().lines().all(|line| line.len() <= LINE));
            assert_eq!(KeyKind::of(&SigningKey::from_pem(&pem).unwrap()), kind);
        }
    }
}
