//! The text of an API key: `hp_`, 12 characters key id, `_`, 43 characters secret, 6 of checksum.

use std::fmt;

use rand::{RngExt, distr::Alphanumeric};
use secrecy::{ExposeSecret, SecretString};

use crate::oauth::key_id::KeyId;

/// The digits of base62, in the order of their values.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: &str = "hp_";
const SECRET: usize = 43;
const CHECKSUM: usize = 6;

/// Why a text is not an API key. It does not contain the text, which may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiKeySyntaxError {
    #[error("is no API key: expected `hp_`, 12 characters, `_`, and 49 characters of 0-9 A-Z a-z")]
    Shape,
    #[error("is mistyped or cut: the checksum at its end does not fit")]
    Checksum,
}

/// A complete API key. It is wiped from memory when dropped, and `Debug` shows only its id.
#[derive(Clone)]
pub(crate) struct ApiKey {
    id: KeyId,
    secret: SecretString,
}

impl ApiKey {
    /// Parses a key and verifies its checksum, without bcrypt.
    ///
    /// # Errors
    /// [`ApiKeySyntaxError`] when `text` has another shape or the checksum does not fit.
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
        Ok(Self { id, secret: secret.into() })
    }

    /// Whether `text` is an API key or a mistyped one, and nothing else.
    pub(crate) fn has_shape(text: &str) -> bool {
        !matches!(Self::parse(text), Err(ApiKeySyntaxError::Shape))
    }

    /// Generates a key with 256 random bits, which are 43 characters.
    ///
    /// # Panics
    /// If the system provides no randomness.
    pub(crate) fn generate() -> Self {
        // Every such text is a key id, so the loop ends at once; it replaces an `expect`.
        let id = loop {
            if let Ok(id) = KeyId::parse(&random_text(KeyId::LENGTH)) {
                break id;
            }
        };
        Self { id, secret: random_text(SECRET).into() }
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

/// The CRC-32 of everything before it, in base62, big-endian, padded with zeros.
fn checksum(id: &KeyId, secret: &str) -> [u8; CHECKSUM] {
    let mut hasher = crc32fast::Hasher::new();
    for part in [PREFIX, id.as_str(), "_", secret] {
        hasher.update(part.as_bytes());
    }
    let mut rest = hasher.finalize() as usize;
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS.get(rest % DIGITS.len()).copied().unwrap_or(b'0');
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
    fn the_checksum_is_the_crc_32_that_others_compute() {
        // Computed with Python's zlib.crc32; the last has leading zeros.
        for vector in [
            "hp_4fQz81LmXc0a_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg2fLbt4",
            "hp_000000000000_00000000000000000000000000000000000000000002wY8uD",
            "hp_zzzzzzzzzzzz_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz17O9eP",
            "hp_000000000098_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00PEdS",
        ] {
            let key = ApiKey::parse(vector).unwrap();
            assert_eq!(text(&key), vector);
            assert_eq!(key.id().as_str(), &vector[3..15]);
            assert_eq!(key.secret().expose_secret(), &vector[16..59]);
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
