//! One signing key: its algorithm, its name, and its halves that sign and verify.

use aws_lc_rs::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use secrecy::{ExposeSecret, SecretString};

use crate::tokens::{
    jwk::{PublicJwk, PublicKey},
    pem,
    pkcs8::{self, PrivateKey},
    signer::Signer,
    signing_key_error::SigningKeyError,
};

/// The shortest secret of HS256, in bytes (RFC 7518 §3.2).
const SHORTEST_SECRET: usize = 32;

/// Signed and verified once before a key is trusted with tokens.
const PROBE: &[u8] = b"hallpass probe";

/// A key that signs and verifies tokens with exactly one algorithm. It cannot be printed and is wiped when dropped.
pub(crate) struct SigningKey {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) signer: Signer,
    pub(super) verifying: DecodingKey,
    pub(super) public: Option<PublicJwk>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("SigningKey");
        shown.field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// A key of HS256 (RFC 7518 §3.2). It is never published.
    ///
    /// # Errors
    /// For a secret under 32 bytes.
    pub(crate) fn from_secret(secret: &SecretString) -> Result<Self, SigningKeyError> {
        let bytes = secret.expose_secret().as_bytes();
        if bytes.len() < SHORTEST_SECRET {
            return Err(SigningKeyError::ShortSecret);
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let kid = secret_kid(&key);
        let verifying = DecodingKey::from_secret(bytes);
        let signer = Signer::Hs256(Box::new(key));
        Ok(Self { kid, algorithm: Algorithm::HS256, signer, verifying, public: None })
    }

    /// A key from a PKCS#8 PEM (RFC 5958, RFC 7468 §10): Ed25519 signs EdDSA (RFC 8037), P-256 signs ES256,
    /// RSA of 2048 to 8192 bits signs RS256 (RFC 7518 §3).
    ///
    /// # Errors
    /// For every other key and every other PEM; it says how to mend it.
    pub(crate) fn from_pem(pem: &SecretString) -> Result<Self, SigningKeyError> {
        let der = pem::private_key(pem)?;
        let der = der.expose_secret();
        let key = PrivateKey::read(der).ok_or(SigningKeyError::Damaged)?;
        match key.algorithm {
            pkcs8::ED25519 => Self::ed25519(der),
            pkcs8::EC if key.parameters == pkcs8::P256 => Self::p256(der),
            pkcs8::EC => Err(SigningKeyError::Curve),
            pkcs8::RSA => Self::rsa(&key),
            _ => Err(SigningKeyError::Algorithm),
        }
    }

    fn ed25519(der: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| SigningKeyError::Damaged)?;
        let x = pair.public_key().as_ref();
        let (public, verifying) = (PublicKey::ed25519(x), DecodingKey::from_ed_der(x));
        Ok(Self::published(public, verifying, Signer::EdDsa(pair)))
    }

    fn p256(der: &[u8]) -> Result<Self, SigningKeyError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| SigningKeyError::Damaged)?;
        let point = pair.public_key().as_ref();
        // 0x04 and both coordinates (SEC1 §2.3.3); the library never gives the compressed form.
        let coordinates = point.strip_prefix(&[0x04]).and_then(|xy| xy.split_at_checked(32));
        let (x, y) = coordinates.ok_or(SigningKeyError::Damaged)?;
        let (public, verifying) = (PublicKey::p256(x, y), DecodingKey::from_ec_der(point));
        Ok(Self::published(public, verifying, Signer::Es256(pair)))
    }

    fn rsa(key: &PrivateKey<'_>) -> Result<Self, SigningKeyError> {
        let bits = key.modulus_bits().ok_or(SigningKeyError::Damaged)?;
        if !(2048..=8192).contains(&bits) {
            return Err(SigningKeyError::RsaSize(bits));
        }
        let pair = RsaKeyPair::from_der(key.content).map_err(|_| SigningKeyError::Damaged)?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let public = PublicKey::rsa(&public.n, &public.e);
        let verifying = DecodingKey::from_rsa_der(pair.public_key().as_ref());
        Ok(Self::published(public, verifying, Signer::Rs256(pair)))
    }

    fn published(key: PublicKey, verifying: DecodingKey, signer: Signer) -> Self {
        let algorithm = key.algorithm();
        let public = PublicJwk::new(key);
        let kid = public.kid().to_owned();
        Self { kid, algorithm, signer, verifying, public: Some(public) }
    }

    /// Signs and verifies once, so that a broken key stops the start and not the first login.
    ///
    /// # Errors
    /// When the halves do not belong together, or the cryptographic library cannot use them.
    pub(super) fn prove(&self) -> Result<(), SigningKeyError> {
        let verifies = self.signer.sign(PROBE).is_ok_and(|signature| {
            let signature = URL_SAFE_NO_PAD.encode(signature);
            crypto::verify(&signature, PROBE, &self.verifying, self.algorithm).unwrap_or(false)
        });
        if verifies { Ok(()) } else { Err(SigningKeyError::Broken(self.kid.clone())) }
    }
}

/// A name for a secret that reveals nothing of it: 128 bits of an HMAC under the secret itself.
fn secret_kid(key: &hmac::Key) -> String {
    let mut kid = URL_SAFE_NO_PAD.encode(hmac::sign(key, b"hallpass kid"));
    kid.truncate(22);
    kid
}
