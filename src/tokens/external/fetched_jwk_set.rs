//! The public keys of an issuer, read from its JWK Set (RFC 7517) and found by `kid` and algorithm.

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use crate::tokens::{keyring::decode, token_error::TokenError};

const RSA: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// Shorter RSA keys are ignored (RFC 7518 §3.3).
const SHORTEST_RSA: usize = 2048;

/// What an issuer signs with at present.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct FetchedJwkSet {
    keys: Vec<Value>,
}

impl Keys {
    /// Reads a JWK Set. Keys that cannot verify a token here are ignored, as RFC 7517 §5 wants it: symmetric
    /// ones, short RSA ones, other curves, other uses. `None` for what is no JWK Set.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let set: FetchedJwkSet = serde_json::from_slice(text).ok()?;
        Some(Self(set.keys.into_iter().filter_map(Key::read).collect()))
    }

    /// The key that must have signed a token with this header.
    ///
    /// # Errors
    /// `UnknownKey` where none is meant or several might be, `Algorithm` where the one that is meant has another.
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&DecodingKey, TokenError> {
        let is_meant = |key: &&Key| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
        let meant = || self.0.iter().filter(is_meant);
        let mut fitting = meant().filter(|key| key.algorithms.contains(&algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(&only.key),
            (None, _) if kid.is_some() && meant().next().is_some() => Err(TokenError::Algorithm),
            _ => Err(TokenError::UnknownKey),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Key {
    fn read(jwk: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(jwk).ok()?;
        let common = &jwk.common;
        let signs = common.public_key_use.as_ref().is_none_or(|to| *to == PublicKeyUse::Signature);
        let verifies =
            common.key_operations.as_ref().is_none_or(|to| to.contains(&KeyOperations::Verify));
        if !signs || !verifies {
            return None;
        }
        let mut algorithms = possible(&jwk.algorithm)?.to_vec();
        if let Some(only) = common.key_algorithm {
            algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == only);
        }
        if algorithms.is_empty() {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { kid: common.key_id.clone(), algorithms, key })
    }
}

/// The algorithms that a key of this sort can have (RFC 7518 §3.1, RFC 8037 §3.1).
fn possible(key: &AlgorithmParameters) -> Option<&'static [Algorithm]> {
    match key {
        AlgorithmParameters::RSA(rsa) if rsa_bits(&rsa.n)? >= SHORTEST_RSA => Some(RSA),
        AlgorithmParameters::EllipticCurve(point) => match point.curve {
            EllipticCurve::P256 => Some(&[Algorithm::ES256]),
            EllipticCurve::P384 => Some(&[Algorithm::ES384]),
            _ => None,
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            Some(&[Algorithm::EdDSA])
        }
        _ => None,
    }
}

fn rsa_bits(modulus: &str) -> Option<usize> {
    let modulus = decode(modulus).ok()?;
    let mut significant = modulus.iter().skip_while(|byte| **byte == 0);
    let first = significant.next()?;
    Some((8 - first.leading_zeros() as usize) + 8 * significant.count())
}
