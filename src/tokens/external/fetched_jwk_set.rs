//! The public keys of an issuer, read from its JWK Set (RFC 7517) and found by `kid` and algorithm.

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use crate::tokens::{
    ed25519::is_small_order,
    keyring::{decode, json_object},
    token_error::TokenError,
};

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
        let set: FetchedJwkSet = json_object(text)?;
        let read = |jwk: Value| {
            let members = ["kid", "kty", "crv", "alg", "use"].map(|name| jwk.get(name).cloned());
            let key = Key::read(jwk);
            if key.is_none() {
                log_unused(members);
            }
            key
        };
        Some(Self(set.keys.into_iter().filter_map(read).collect()))
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
        let key = decoding_key(&jwk.algorithm)?;
        Some(Self { kid: common.key_id.clone(), algorithms, key })
    }
}

fn log_unused([kid, kty, crv, alg, usage]: [Option<Value>; 5]) {
    let text = |value: Option<Value>| value.unwrap_or_default();
    log::info!(
        kid:% = text(kid), kty:% = text(kty), crv:% = text(crv), alg:% = text(alg), usage:% = text(usage);
        "an issuer publishes a key that cannot verify tokens here (kind, curve, algorithm, size or use), or is malformed"
    );
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

/// The key, whose numbers may have superfluous zeros in front or lack those that RFC 7518 §6.2.1.2 demands: some providers
/// write them as signed integers.
fn decoding_key(key: &AlgorithmParameters) -> Option<DecodingKey> {
    match key {
        AlgorithmParameters::RSA(rsa) => {
            let (n, e) = (number(&rsa.n)?, number(&rsa.e)?);
            Some(DecodingKey::from_rsa_raw_components(&n, &e))
        }
        AlgorithmParameters::EllipticCurve(point) => {
            let length: usize = if point.curve == EllipticCurve::P384 { 48 } else { 32 };
            let coordinate = |text: &str| {
                let number = number(text)?;
                let zeros = length.checked_sub(number.len())?;
                Some([vec![0; zeros], number].concat())
            };
            // SEC1 §2.3.3: both coordinates of the point.
            let point = [vec![0x04], coordinate(&point.x)?, coordinate(&point.y)?].concat();
            Some(DecodingKey::from_ec_der(&point))
        }
        AlgorithmParameters::OctetKeyPair(pair) => {
            let x = decode(&pair.x).ok().filter(|x| x.len() == 32 && !is_small_order(x))?;
            Some(DecodingKey::from_ed_der(&x))
        }
        _ => None,
    }
}

/// Big-endian, without zeros in front.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = decode(text).ok()?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn rsa_bits(modulus: &str) -> Option<usize> {
    let modulus = number(modulus)?;
    Some(modulus.len() * 8 - modulus.first()?.leading_zeros() as usize)
}
