//! Whether another issuer's token is good: a function of the token, the issuer's keys and the time (RFC 8725).

use jiff::Timestamp;
use jsonwebtoken::{Algorithm, crypto};
use serde_json::{Map, Value};

use crate::tokens::{
    external::{
        external_claims::{ExternalClaims, VerifiedExternalToken},
        external_issuer_settings::ExternalIssuerSettings,
        fetched_jwk_set::Keys,
        json,
    },
    keyring::decode,
    token_error::TokenError,
};

/// Longer tokens are refused unread; other providers' are several times as long as ours.
const LONGEST: usize = 16 * 1024;

/// Proves a token: type, algorithm, `iss`, key, signature, `aud`, times, names.
///
/// A token of another issuer costs no search for a key and no signature check.
///
/// # Errors
/// The first reason to refuse it, in this order.
pub(super) fn verify(
    token: &str,
    settings: &ExternalIssuerSettings,
    keys: &Keys,
    now: Timestamp,
) -> Result<VerifiedExternalToken, TokenError> {
    if token.len() > LONGEST {
        return Err(TokenError::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
    let header = json::object(&decode(header)?).ok_or(TokenError::Header)?;
    let algorithm = check_header(&header)?;
    let kid = match header.get("kid") {
        None => None,
        Some(kid) => Some(kid.as_str().ok_or(TokenError::Header)?),
    };
    let claims = ExternalClaims(json::object(&decode(payload)?).ok_or(TokenError::Claims)?);
    if !claims.are_of(settings) {
        return Err(TokenError::UnknownIssuer);
    }
    let key = keys.find(kid, algorithm)?;
    match crypto::verify(signature, message.as_bytes(), key, algorithm) {
        Ok(true) => claims.prove(settings, now),
        _ => Err(TokenError::Signature),
    }
}

/// The algorithm of a header that asks for nothing unknown. Keys in it and addresses of keys (`jwk`, `jku`, `x5c`, `x5u`)
/// are never looked at: only those count that we fetched.
fn check_header(header: &Map<String, Value>) -> Result<Algorithm, TokenError> {
    if header.contains_key("crit") {
        return Err(TokenError::Header);
    }
    let is_access_token = |kind: &str| {
        let kind = kind.to_ascii_lowercase();
        matches!(kind.strip_prefix("application/").unwrap_or(&kind), "jwt" | "at+jwt")
    };
    if !header.get("typ").is_none_or(|kind| kind.as_str().is_some_and(is_access_token)) {
        return Err(TokenError::Header);
    }
    match header.get("alg").and_then(Value::as_str) {
        Some("RS256") => Ok(Algorithm::RS256),
        Some("RS384") => Ok(Algorithm::RS384),
        Some("RS512") => Ok(Algorithm::RS512),
        Some("PS256") => Ok(Algorithm::PS256),
        Some("PS384") => Ok(Algorithm::PS384),
        Some("PS512") => Ok(Algorithm::PS512),
        Some("ES256") => Ok(Algorithm::ES256),
        Some("ES384") => Ok(Algorithm::ES384),
        Some("EdDSA") => Ok(Algorithm::EdDSA),
        _ => Err(TokenError::Algorithm),
    }
}
