//! Public keys as others read them: JWK and JWK Set (RFC 7517), thumbprints (RFC 7638).

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde::Serialize;

/// How long others may keep the JWK Set: long enough to save a request for every token, short enough that a rotation is
/// soon seen.
pub(crate) const JWK_SET_MAX_AGE: Duration = Duration::from_secs(300);

/// What makes a public key, each number as base64url.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kty")]
pub(super) enum PublicKey {
    /// RFC 8037 §2.
    #[serde(rename = "OKP")]
    Ed25519 { crv: &'static str, x: String },
    /// RFC 7518 §6.2.1.
    #[serde(rename = "EC")]
    P256 { crv: &'static str, x: String, y: String },
    /// RFC 7518 §6.3.1.
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
}

impl PublicKey {
    pub(super) fn ed25519(x: &[u8]) -> Self {
        Self::Ed25519 { crv: "Ed25519", x: URL_SAFE_NO_PAD.encode(x) }
    }

    /// Coordinates keep their leading zeros, as RFC 7518 §6.2.1.2 demands.
    pub(super) fn p256(x: &[u8], y: &[u8]) -> Self {
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Self::P256 { crv: "P-256", x, y }
    }

    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self::Rsa { n: URL_SAFE_NO_PAD.encode(n), e: URL_SAFE_NO_PAD.encode(e) }
    }

    /// The SHA-256 thumbprint (RFC 7638 §3): the required members by name, without spaces, hashed.
    pub(super) fn thumbprint(&self) -> String {
        let members = match self {
            Self::Ed25519 { crv, x } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
            Self::P256 { crv, x, y } => {
                format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
    }

    /// The one algorithm that this service uses such a key for.
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519 { .. } => Algorithm::EdDSA,
            Self::P256 { .. } => Algorithm::ES256,
            Self::Rsa { .. } => Algorithm::RS256,
        }
    }
}

/// The public half of a signing key (RFC 7517 §4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PublicJwk {
    #[serde(flatten)]
    key: PublicKey,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: Algorithm,
    kid: String,
}

impl PublicJwk {
    pub(super) fn new(key: PublicKey) -> Self {
        Self { usage: "sig", alg: key.algorithm(), kid: key.thumbprint(), key }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.alg
    }

    /// Its name, which is its thumbprint (RFC 7638).
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }
}

/// The public keys that verify the tokens of this service (RFC 7517 §5), the current one first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct JwkSet {
    pub(super) keys: Vec<PublicJwk>,
}

#[cfg(test)]
impl JwkSet {
    /// The keys; none where tokens are signed with a secret.
    pub(crate) fn keys(&self) -> &[PublicJwk] {
        &self.keys
    }
}
