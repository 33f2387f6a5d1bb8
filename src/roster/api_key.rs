//! The text of an API key: `hp_`, 12 characters key id, `_`, 43 characters secret, 6 of checksum.
//!
//! The key id is made from the secret, so that a secret that does not belong to a known id is told without its hash.

use std::fmt;

use aws_lc_rs::digest;
use rand::{RngExt, distr::Alphanumeric};
use secrecy::{ExposeSecret, SecretString};

use crate::oauth::key_id::KeyId;

/// The digits of base62, in the order of their values.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: &str = "hp_";
const SECRET: usize = 43;
const CHECKSUM: usize = 6;

/// Why a text is not an API key. It does not contain the text, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiKeySyntaxError {
    #[error("expected `hp_`, 12 characters, `_`, and 49 characters of 0-9 A-Z a-z")]
    Shape,
    #[error("mistyped or cut, the checksum at its end does not fit")]
    Checksum,
    /// Made up, or made before key ids belonged to secrets.
    #[error("a wrong secret for the key id")]
    WrongSecret(KeyId),
}

/// A complete API key. It is wiped from memory when dropped, and `Debug` shows only its id.
#[derive(Clone)]
pub(crate) struct ApiKey {
    id: KeyId,
    secret: SecretString,
}

impl ApiKey {
    /// Parses a key, and verifies without bcrypt that its checksum fits and that its id is that of its secret.
    ///
    /// # Errors
    /// [`ApiKeySyntaxError`] when `text` has another shape, or the checksum or the id does not fit.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiKeySyntaxError> {
        let (id, rest) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('_'))
            .ok_or(ApiKeySyntaxError::Shape)?;
        let id = KeyId::parse(id).map_err(|_| ApiKeySyntaxError::Shape)?;
        if rest.len() != SECRET + CHECKSUM || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(ApiKeySyntaxError::Shape);
        }
        let (secret, sum) = rest.split_at(SECRET);
        if checksum(&id, secret).as_slice() != sum.as_bytes() {
            return Err(ApiKeySyntaxError::Checksum);
        }
        if id_of(secret).as_slice() != id.as_str().as_bytes() {
            return Err(ApiKeySyntaxError::WrongSecret(id));
        }
        Ok(Self { id, secret: secret.into() })
    }

    /// Whether `text` is an API key or a mistyped one, and nothing else.
    pub(crate) fn has_shape(text: &str) -> bool {
        !matches!(Self::parse(text), Err(ApiKeySyntaxError::Shape))
    }

    /// Whether this can only be meant as an API key: no token begins so.
    pub(crate) fn has_prefix(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Generates a key with 256 random bits, which are 43 characters.
    ///
    /// # Panics
    /// If the system provides no randomness.
    pub(crate) fn generate() -> Self {
        // Every secret has an id, so the loop ends at once; it replaces an `expect`.
        loop {
            let secret = random_text(SECRET);
            let id = id_of(&secret);
            if let Ok(id) = KeyId::parse(&String::from_utf8_lossy(&id)) {
                break Self { id, secret: secret.into() };
            }
        }
    }

    pub(crate) fn id(&self) -> &KeyId {
        &self.id
    }

    /// The complete text of the key.
    pub(crate) fn expose(&self) -> SecretString {
        let secret = self.secret.expose_secret();
        // Allocated once: a string that grows leaves copies in memory.
        let mut text = String::with_capacity(PREFIX.len() + KeyId::LENGTH + 1 + SECRET + CHECKSUM);
        text.push_str(PREFIX);
        text.push_str(self.id.as_str());
        text.push('_');
        text.push_str(secret);
        text.extend(checksum(&self.id, secret).map(char::from));
        text.into()
    }

    /// The 43 characters that are hashed.
    pub(super) fn secret(&self) -> &SecretString {
        &self.secret
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id.as_str()).finish_non_exhaustive()
    }
}

/// `length` uniformly distributed base62 characters, allocated once.
fn random_text(length: usize) -> String {
    let mut text = String::with_capacity(length);
    text.extend(rand::rng().sample_iter(Alphanumeric).take(length).map(char::from));
    text
}

/// The key id of a secret: the first bytes of its SHA-256, each modulo 62 as a digit.
fn id_of(secret: &str) -> [u8; KeyId::LENGTH] {
    let digest = digest::digest(&digest::SHA256, secret.as_bytes());
    let mut id = [b'0'; KeyId::LENGTH];
    for (character, byte) in id.iter_mut().zip(digest.as_ref()) {
        *character = digit(usize::from(*byte));
    }
    id
}

/// The digit of `value` modulo 62.
fn digit(value: usize) -> u8 {
    DIGITS.get(value % DIGITS.len()).copied().unwrap_or(b'0')
}

/// The CRC-32 of everything before it, in base62, big-endian, padded with zeros.
fn checksum(id: &KeyId, secret: &str) -> [u8; CHECKSUM] {
    let mut hasher = crc32fast::Hasher::new();
    for part in [PREFIX, id.as_str(), "_", secret] {
        hasher.update(part.as_bytes());
    }
    let mut rest = hasher.finalize() as usize;
    let mut digits = [b'0'; CHECKSUM];
    for character in digits.iter_mut().rev() {
        *character = digit(rest);
        rest /= DIGITS.len();
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(key: &ApiKey) -> String {
        key.expose().expose_secret().to_owned()
    }

    #[test]
    fn id_and_checksum_are_those_that_others_compute() {
        // Computed with Python's hashlib.sha256 and zlib.crc32; the checksum of the last has leading zeros.
        for vector in [
            "hp_pUDOR0NQ2tbV_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg3cOljD",
            "hp_zOsgL56Zv54d_00000000000000000000000000000000000000000002OQ3Z6",
            "hp_o22vL7X3WDAL_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz1zROXi",
            "hp_kJAFZQP0gcYP_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00016700j1az",
        ] {
            let key = ApiKey::parse(vector).unwrap();
            assert_eq!(text(&key), vector);
            assert_eq!(key.id().as_str(), &vector[3..15]);
            assert_eq!(key.secret().expose_secret(), &vector[16..59]);
        }
    }

    #[test]
    fn a_secret_under_another_key_id_is_malformed_and_the_id_is_told() {
        // The checksums fit.
        for (vector, id) in [
            ("hp_4fQz81LmXc0a_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg2fLbt4", "4fQz81LmXc0a"),
            ("hp_000000000000_00000000000000000000000000000000000000000002wY8uD", "000000000000"),
        ] {
            let wrong = ApiKeySyntaxError::WrongSecret(KeyId::parse(id).unwrap());
            assert_eq!(ApiKey::parse(vector).unwrap_err(), wrong);
        }
    }

    #[test]
    fn every_single_typing_error_is_found_without_a_bcrypt() {
        let good = text(&ApiKey::generate());
        for at in 0..good.len() {
            let mut bad = good.clone().into_bytes();
            bad[at] = if bad[at] == b'a' { b'b' } else { b'a' };
            assert!(ApiKey::parse(std::str::from_utf8(&bad).unwrap()).is_err(), "position {at}");
        }
    }

    #[test]
    fn what_has_another_shape_is_no_key() {
        let good = text(&ApiKey::generate());
        for bad in
            ["", "hp_", "hp__", "hp_a_b", "a.b.c", &good[1..], &good[..64], &format!("{good}0")]
        {
            assert_eq!(ApiKey::parse(bad).unwrap_err(), ApiKeySyntaxError::Shape, "{bad:?}");
        }
        assert!(ApiKey::parse(&format!(" {good}")).is_err());
        assert!(ApiKey::parse(&good.replacen("hp_", "HP_", 1)).is_err());
        assert!(ApiKey::parse(&format!("{}ä", &good[..63])).is_err());
    }

    #[test]
    fn generated_keys_are_read_back_and_differ() {
        let (one, two) = (ApiKey::generate(), ApiKey::generate());
        let again = ApiKey::parse(&text(&one)).unwrap();
        assert_eq!(text(&one), text(&again));
        assert_ne!(one.id(), two.id());
        assert_ne!(one.secret().expose_secret(), two.secret().expose_secret());
    }

    #[test]
    fn debug_shows_the_id_and_nothing_of_the_secret() {
        let key = ApiKey::generate();
        let shown = format!("{key:?}");
        assert!(shown.contains(key.id().as_str()));
        assert!(!shown.contains(&key.secret().expose_secret()[..6]));
    }
}
