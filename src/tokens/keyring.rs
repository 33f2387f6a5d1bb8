//! The signing keys: one signs, all verify, each found by its `kid`.

use std::collections::{HashMap, hash_map::Entry};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Header, crypto};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::tokens::{
    jwk::{JwkSet, PublicJwk},
    signer::Signer,
    signing_error::SigningError,
    signing_key::SigningKey,
    signing_key_error::SigningKeyError,
    token_error::TokenError,
};

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
pub(crate) struct Keyring {
    algorithm: Algorithm,
    kid: String,
    /// The header of every token, as it stands there.
    header: String,
    signer: Signer,
    verifying: HashMap<String, VerifyingKey>,
    jwks: JwkSet,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Keyring {
    /// A ring in which `current` signs, and it and `previous` verify. Every key signs and verifies a probe here;
    /// the private halves of `previous` are wiped afterwards.
    ///
    /// # Errors
    /// [`SigningKeyError::Broken`] for a key that does not verify what it signs.
    pub(crate) fn new(
        current: SigningKey,
        previous: Vec<SigningKey>,
    ) -> Result<Self, SigningKeyError> {
        for key in std::iter::once(&current).chain(&previous) {
            key.prove()?;
        }
        let (algorithm, kid) = (current.algorithm, current.kid.clone());
        let mut ring = Self {
            header: header(algorithm, &kid)?,
            algorithm,
            kid,
            verifying: HashMap::new(),
            jwks: JwkSet::default(),
            signer: current.signer,
        };
        ring.add(current.kid, current.algorithm, current.verifying, current.public);
        for key in previous {
            ring.add(key.kid, key.algorithm, key.verifying, key.public);
        }
        Ok(ring)
    }

    /// A kid that is there already names the same key: the first, the current one, stays.
    fn add(
        &mut self,
        kid: String,
        algorithm: Algorithm,
        key: DecodingKey,
        public: Option<PublicJwk>,
    ) {
        if let Entry::Vacant(place) = self.verifying.entry(kid) {
            place.insert(VerifyingKey { algorithm, key });
            self.jwks.keys.extend(public);
        }
    }

    /// The public keys of the ring (RFC 7517 §5), the current one first; secrets are not among them.
    pub(crate) fn jwks(&self) -> &JwkSet {
        &self.jwks
    }

    /// The name of the key that signs.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// Whether the same key signs, and the same keys verify.
    pub(crate) fn has_same_keys(&self, other: &Self) -> bool {
        let is_known = |kid: &String| other.verifying.contains_key(kid);
        self.kid == other.kid && self.len() == other.len() && self.verifying.keys().all(is_known)
    }

    /// How many keys verify.
    pub(crate) fn len(&self) -> usize {
        self.verifying.len()
    }

    /// The algorithm that signs (RFC 7518 §3.1).
    pub(crate) fn algorithm(&self) -> &'static str {
        name(self.algorithm)
    }

    /// The algorithms of the tokens that are accepted as far as the JWK Set tells, first the one that signs.
    pub(crate) fn algorithms(&self) -> Vec<&'static str> {
        let mut names = vec![self.algorithm()];
        for key in &self.jwks.keys {
            let name = name(key.algorithm());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Signs `claims` (RFC 7515 §5.1).
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        let claims = serde_json::to_vec(claims)?;
        let mut token = String::with_capacity(self.header.len() + 2 * claims.len() + 512);
        token.push_str(&self.header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.signer.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The payload of `token`, if a key of this ring signed it with its own algorithm.
    pub(super) fn open(&self, token: &str) -> Result<Vec<u8>, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let header: JoseHeader = json_object(&decode(header)?).ok_or(TokenError::Header)?;
        if header.typ != TYPE {
            return Err(TokenError::Header);
        }
        let key = self.verifying.get(&header.kid).ok_or(TokenError::UnknownKey)?;
        if header.alg != key.algorithm {
            return Err(TokenError::Algorithm);
        }
        match crypto::verify(signature, message.as_bytes(), &key.key, key.algorithm) {
            Ok(true) => decode(payload),
            _ => Err(TokenError::Signature),
        }
    }
}

/// The name of an algorithm of ours (RFC 7518 §3.1).
fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::EdDSA => "EdDSA",
        Algorithm::ES256 => "ES256",
        Algorithm::RS256 => "RS256",
        _ => "HS256",
    }
}

/// The header of every token that a key signs, encoded (RFC 7515 §4, RFC 9068 §2.1).
fn header(algorithm: Algorithm, kid: &str) -> Result<String, SigningKeyError> {
    let mut header = Header::new(algorithm);
    header.typ = Some(TYPE.to_owned());
    header.kid = Some(kid.to_owned());
    let header =
        serde_json::to_vec(&header).map_err(|_| SigningKeyError::Broken(kid.to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(header))
}

pub(super) fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)
}

/// Reads a JSON object. serde alone takes an array of the fields' values too, and any bytes in members that it ignores.
pub(super) fn json_object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(json).ok()?;
    text.trim_ascii_start().starts_with('{').then(|| serde_json::from_str(text).ok())?
}
