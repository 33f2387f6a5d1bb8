//! Secrets that bcrypt has verified, so that each is hashed only once.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use quick_cache::{Weighter, sync::Cache};
use rand::RngExt;
use secrecy::{ExposeSecret, SecretString};

use crate::roster::secret_hash::SecretHash;

/// The memory limit, enough for some 80,000 secrets. An evicted one is hashed again.
const BYTES: u64 = 16 * 1024 * 1024;

/// HMAC-SHA-256.
type Digest = [u8; 32];

/// Maps a bcrypt hash to the digest of the secret that matched it.
///
/// An entry never becomes stale, because every lookup starts from the hash in the current roster. The HMAC key is
/// random and never leaves the process.
pub(crate) struct SecretCache {
    key: hmac::Key,
    digests: Cache<SecretHash, Digest, EntryWeighter>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Default for SecretCache {
    fn default() -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &rand::rng().random::<[u8; 32]>());
        let digests = Cache::with_weighter(1024, BYTES, EntryWeighter);
        Self { key, digests, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }
}

impl SecretCache {
    /// Whether this is the secret that matched the hash before. Takes as long without a hash as with one.
    pub(super) fn recalls(&self, hash: Option<&SecretHash>, secret: &SecretString) -> bool {
        let presented = self.digest(secret);
        let known = hash.and_then(|hash| self.digests.get(hash));
        let recalled =
            known.is_some_and(|known| verify_slices_are_equal(&known, presented.as_ref()).is_ok());
        self.hits.fetch_add(recalled.into(), Ordering::Relaxed);
        recalled
    }

    /// Whether the secret matches the hash, by one bcrypt. A match is remembered.
    pub(super) fn matches(&self, hash: &SecretHash, secret: &SecretString) -> bool {
        self.misses.fetch_add(1, Ordering::Relaxed);
        let matches = hash.matches(secret);
        if matches && let Ok(digest) = self.digest(secret).as_ref().try_into() {
            self.digests.insert(hash.clone(), digest);
        }
        matches
    }

    fn digest(&self, secret: &SecretString) -> hmac::Tag {
        hmac::sign(&self.key, secret.expose_secret().as_bytes())
    }

    /// Hits, misses, and the bytes in use.
    pub(crate) fn usage(&self) -> (u64, u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.hits), count(&self.misses), self.digests.weight())
    }
}

impl fmt::Debug for SecretCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretCache").finish_non_exhaustive()
    }
}

/// The size of an entry in bytes, the cache's overhead included.
#[derive(Clone)]
struct EntryWeighter;

impl Weighter<SecretHash, Digest> for EntryWeighter {
    fn weight(&self, hash: &SecretHash, digest: &Digest) -> u64 {
        const CACHE: usize = 80;
        (size_of_val(hash) + hash.as_str().len() + digest.len() + CACHE) as u64
    }
}
