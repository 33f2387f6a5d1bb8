//! API keys that bcrypt has found right before, known again by keyed digests.
//!
//! Must not know what may have changed since: the roster as it is now is asked at every recall.

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

/// The most memory that is spent on it: some 80,000 keys. What is forgotten is hashed again.
const BYTES: u64 = 16 * 1024 * 1024;

/// HMAC-SHA-256.
type Digest = [u8; 32];

/// For bcrypt hashes, the digest of the secret that was found to have this hash.
///
/// That a secret has a hash stays true whatever happens, so nothing here grows stale: a key that was taken out of
/// the roster, has expired or was given another hash is not found or not good there. The key of the digests is
/// random and never leaves the process, so that its memory shows no more of a secret than the roster file does.
pub(crate) struct ApiKeyCache {
    key: hmac::Key,
    digests: Cache<SecretHash, Digest, Size>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Default for ApiKeyCache {
    fn default() -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &rand::rng().random::<[u8; 32]>());
        let digests = Cache::with_weighter(1024, BYTES, Size);
        Self { key, digests, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }
}

impl ApiKeyCache {
    /// Checks an API key that was proven before, without bcrypt; `None` if it was not. Whoever holds it may learn that
    /// it is good no more.
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

    /// Checks an API key as [`Roster::verify`] does, and remembers one that is good.
    ///
    /// # Errors
    /// As [`Roster::verify`].
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

    /// How many were known again, how many had to be hashed, and the bytes in use.
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

/// Bytes in memory, the cache's own among them.
#[derive(Clone)]
struct Size;

impl Weighter<SecretHash, Digest> for Size {
    fn weight(&self, hash: &SecretHash, digest: &Digest) -> u64 {
        const CACHE: usize = 80;
        (size_of_val(hash) + hash.as_str().len() + digest.len() + CACHE) as u64
    }
}
