//! API keys, made and parsed as the design describes them, independently of the code under test.

use std::fmt;

use aws_lc_rs::{digest, rand};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The lowest bcrypt cost that a roster accepts, to keep the tests fast.
const COST: u32 = 4;

/// `hp_`, 12 characters of key id, `_`, 43 characters of secret, 6 characters of checksum.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ApiKey(String);

impl ApiKey {
    /// A random key, unknown to every roster.
    pub(crate) fn generate() -> Self {
        let mut random = [0; 43];
        rand::fill(&mut random).unwrap();
        let secret = base62(&random);
        Self::from_parts(&id_of(&secret), &secret)
    }

    /// A key with the checksum that fits.
    fn from_parts(id: &str, secret: &str) -> Self {
        let body = format!("hp_{id}_{secret}");
        let checksum = checksum(&body);
        Self(body + &checksum)
    }

    /// Parses a key; fails the test unless shape, checksum and id are right.
    pub(crate) fn parse(text: &str) -> Self {
        let key = Self(text.to_owned());
        assert_eq!((text.len(), &text[..3], &text[15..16]), (65, "hp_", "_"), "{text}");
        assert_eq!(text[59..], checksum(&text[..59]), "the checksum of {text}");
        assert_eq!(key.id(), id_of(key.secret()), "the id of {text}");
        key
    }

    /// The id of this key with the secret of another, and the checksum that fits.
    pub(crate) fn with_wrong_secret(&self) -> Self {
        Self::from_parts(self.id(), Self::generate().secret())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn id(&self) -> &str {
        &self.0[3..15]
    }

    /// The 43 characters that bcrypt hashes.
    pub(crate) fn secret(&self) -> &str {
        &self.0[16..59]
    }

    /// The hash that a roster keeps.
    pub(crate) fn hash(&self) -> String {
        bcrypt::hash(self.secret(), COST).unwrap()
    }

    /// The key's entry in a roster.
    pub(crate) fn entry(&self, client: &str) -> String {
        format!(
            "[[clients.{client}.keys]]\nid = \"{}\"\nhash = \"{}\"\ncreated = 2020-01-01T00:00:00Z\n",
            self.id(),
            self.hash()
        )
    }
}

/// Shows the id only, so that a failing test prints no key.
impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({})", self.id())
    }
}

/// The key id of a secret.
fn id_of(secret: &str) -> String {
    base62(&digest::digest(&digest::SHA256, secret.as_bytes()).as_ref()[..12])
}

fn base62(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(DIGITS[usize::from(*byte) % 62])).collect()
}

/// CRC-32 as six base62 digits, big-endian.
fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes()) as usize;
    let mut digits = [0; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    String::from_utf8(digits.to_vec()).unwrap()
}
