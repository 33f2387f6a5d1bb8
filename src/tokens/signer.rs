//! The private half of a signing key: signs bytes with exactly one algorithm.

use aws_lc_rs::{
    error::Unspecified,
    hmac,
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256},
};

/// Kept ready to sign: `jsonwebtoken` reads and checks the key anew for each signature, which for RSA takes longer
/// than the signature.
pub(super) enum Signer {
    Hs256(Box<hmac::Key>),
    EdDsa(Ed25519KeyPair),
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Signer {
    /// The signature of `message` (RFC 7518 §3, RFC 8037 §3.1).
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        match self {
            Self::Hs256(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Es256(pair) => Ok(pair.sign(&SystemRandom::new(), message)?.as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)?;
                Ok(signature)
            }
        }
    }
}
