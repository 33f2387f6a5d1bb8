//! The signing keys: one signs, all verify, each found by its `kid`.
//!
//! Must not know claims.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, crypto};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::TokenRefusal;

/// The `typ` of an access token (RFC 9068 §2.1).
const TYPE: &str = "at+jwt";

/// The only header that a token of ours can have; `jku`, `jwk`, `x5u`, `crit` and the like are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JoseHeader {
    alg: Algorithm,
    kid: String,
    typ: String,
}

struct VerifyingKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

/// One signing key, and every key that still verifies.
pub struct Keyring {
    header: Header,
    signing: EncodingKey,
    verifying: HashMap<String, VerifyingKey>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("kid", &self.header.kid).finish_non_exhaustive()
    }
}

impl Keyring {
    /// A ring of HS256 secrets: `current` signs, it and `previous` verify.
    ///
    /// # Errors
    /// When the cryptographic library refuses a secret.
    pub fn from_secrets(
        current: &SecretString,
        previous: &[SecretString],
    ) -> Result<Self, jsonwebtoken::errors::Error> {
        let algorithm = Algorithm::HS256;
        let mut verifying = HashMap::new();
        for secret in previous.iter().chain([current]) {
            let bytes = secret.expose_secret().as_bytes();
            let key = DecodingKey::from_secret(bytes);
            let kid = secret_kid(&EncodingKey::from_secret(bytes))?;
            verifying.insert(kid, VerifyingKey { algorithm, key });
        }
        let signing = EncodingKey::from_secret(current.expose_secret().as_bytes());
        let mut header = Header::new(algorithm);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(secret_kid(&signing)?);
        Ok(Self { header, signing, verifying })
    }

    /// Signs `claims` (RFC 7515 §5.1).
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub(super) fn sign(
        &self,
        claims: &impl Serialize,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&self.header, claims, &self.signing)
    }

    /// The payload of `token`, if a key of this ring signed it with its own algorithm.
    pub(super) fn open(&self, token: &str) -> Result<Vec<u8>, TokenRefusal> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenRefusal::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenRefusal::Malformed)?;
        let header: JoseHeader =
            serde_json::from_slice(&decode(header)?).map_err(|_| TokenRefusal::Header)?;
        if header.typ != TYPE {
            return Err(TokenRefusal::Header);
        }
        let key = self.verifying.get(&header.kid).ok_or(TokenRefusal::UnknownKey)?;
        if header.alg != key.algorithm {
            return Err(TokenRefusal::Algorithm);
        }
        match crypto::verify(signature, message.as_bytes(), &key.key, key.algorithm) {
            Ok(true) => decode(payload),
            _ => Err(TokenRefusal::Signature),
        }
    }
}

pub(super) fn decode(part: &str) -> Result<Vec<u8>, TokenRefusal> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenRefusal::Malformed)
}

/// A name for a secret that reveals nothing of it: 128 bits of an HMAC under the secret itself.
fn secret_kid(key: &EncodingKey) -> Result<String, jsonwebtoken::errors::Error> {
    let mut kid = crypto::sign(b"hallpass kid", key, Algorithm::HS256)?;
    kid.truncate(22);
    Ok(kid)
}
