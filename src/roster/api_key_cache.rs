//! A cache of verified API keys, so that a key is hashed with bcrypt only once.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::hmac;
use jiff::Timestamp;
use quick_cache::{Weighter, sync::Cache};
use rand::RngExt;
use secrecy::ExposeSecret;

use crate::roster::{
    api_key::ApiKey,
    roster::Roster,
    secret_hash::SecretHash,
    verified_key::{ApiKeyError, VerifiedKey},
};

/// The memory limit, enough for some 80,000 keys. An evicted key is hashed again.
const BYTES: u64 = 16 * 1024 * 1024;

/// HMAC-SHA-256.
type Digest = [u8; 32];

/// Maps a bcrypt hash to the digest of the secret that matched it.
///
/// An entry never becomes stale, because every lookup starts from the key's hash in the current roster. The HMAC key
/// is random and never leaves the process: its memory reveals no more about a secret than the roster does.
pub(crate) struct ApiKeyCache {
    key: hmac::Key,
    digests: Cache<SecretHash, Digest, EntryWeighter>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Default for ApiKeyCache {
    fn default() -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &rand::rng().random::<[u8; 32]>());
        let digests = Cache::with_weighter(1024, BYTES, EntryWeighter);
        Self { key, digests, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }
}

impl ApiKeyCache {
    /// Verifies a cached API key without bcrypt; `None` if the key is not cached. An expired or disabled key is
    /// reported as such, since the caller has proven that it holds the key.
    pub(crate) fn recall(
        &self,
        roster: &Roster,
        presented: &ApiKey,
        now: Timestamp,
    ) -> Option<Result<VerifiedKey, ApiKeyError>> {
        let (client, record) = roster.key(presented.id())?;
        let digest = self.digests.get(&record.hash)?;
        // In constant time.
        hmac::verify(&self.key, presented.secret().expose_secret().as_bytes(), &digest).ok()?;
        self.hits.fetch_add(1, Ordering::Relaxed);
        Some(VerifiedKey::new(client, record, now))
    }

    /// Verifies an API key with [`Roster::verify`] and caches it if it is valid.
    pub(crate) fn verify(
        &self,
        roster: &Roster,
        presented: &ApiKey,
        now: Timestamp,
    ) -> Result<VerifiedKey, ApiKeyError> {
        self.misses.fetch_add(1, Ordering::Relaxed);
        let verified = roster.verify(presented, now)?;
        if let Some((_, record)) = roster.key(presented.id()) {
            let tag = hmac::sign(&self.key, presented.secret().expose_secret().as_bytes());
            if let Ok(digest) = tag.as_ref().try_into() {
                self.digests.insert(record.hash.clone(), digest);
            }
        }
        Ok(verified)
    }

    /// Hits, misses, and the bytes in use.
    pub(crate) fn usage(&self) -> (u64, u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.hits), count(&self.misses), self.digests.weight())
    }
}

impl fmt::Debug for ApiKeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyCache").finish_non_exhaustive()
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
