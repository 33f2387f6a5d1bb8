//! Tokens that were issued a short time ago, with whom they speak for.

use std::{
    fmt, ptr,
    sync::{Arc, Weak},
    time::Duration,
};

use jiff::Timestamp;
use quick_cache::{Weighter, sync::Cache};
use secrecy::ExposeSecret;

use crate::{
    authority::cache_usage::CacheUsage,
    principal::Principal,
    roster::roster::Roster,
    tokens::{access_tokens::IssuedToken, keyring::Keyring},
};

/// The most memory that is spent on it: some 20,000 tokens. What is forgotten is issued again.
const BYTES: u64 = 32 * 1024 * 1024;

struct RecentToken {
    token: Arc<IssuedToken>,
    since: Timestamp,
    until: Timestamp,
    /// The roster in use when it was issued. As long as this is remembered, no other one can have its address.
    roster: Weak<Roster>,
    /// The keys in use when it was issued.
    keyring: Weak<Keyring>,
}

/// By the principal with its proof: whoever has other roles now, or another proof, has no recent token.
pub(super) struct RecentTokens(Cache<Arc<Principal>, Arc<RecentToken>, EntrySize>);

impl Default for RecentTokens {
    fn default() -> Self {
        Self::of(BYTES)
    }
}

impl RecentTokens {
    /// Room for so many bytes.
    pub(super) fn of(bytes: u64) -> Self {
        Self(Cache::with_weighter(1024, bytes, EntrySize))
    }

    /// The token of just this principal, if its time is not over, and roster and keys are still these.
    pub(super) fn find(
        &self,
        of: &Principal,
        roster: &Arc<Roster>,
        keyring: &Arc<Keyring>,
        now: Timestamp,
    ) -> Option<Arc<IssuedToken>> {
        let recent = self.0.get(of)?;
        let is_current = ptr::eq(recent.roster.as_ptr(), Arc::as_ptr(roster))
            && ptr::eq(recent.keyring.as_ptr(), Arc::as_ptr(keyring));
        // Before `since` too: a clock that is put back must not make it live longer.
        let is_recent = recent.since <= now && now < recent.until;
        (is_current && is_recent).then(|| Arc::clone(&recent.token))
    }

    /// Remembers for `time` what was issued at `now`.
    pub(super) fn add(
        &self,
        of: &Arc<Principal>,
        token: &Arc<IssuedToken>,
        roster: &Arc<Roster>,
        keyring: &Arc<Keyring>,
        now: Timestamp,
        time: Duration,
    ) {
        let recent = RecentToken {
            token: Arc::clone(token),
            since: now,
            until: now.saturating_add(time).unwrap_or(now),
            roster: Arc::downgrade(roster),
            keyring: Arc::downgrade(keyring),
        };
        self.0.insert(Arc::clone(of), Arc::new(recent));
    }

    pub(super) fn usage(&self) -> CacheUsage {
        CacheUsage { hits: self.0.hits(), misses: self.0.misses(), bytes: self.0.weight() }
    }
}

impl fmt::Debug for RecentTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecentTokens").finish_non_exhaustive()
    }
}

/// Bytes in memory, about: the token, the principal, and what holds them together.
#[derive(Clone)]
struct EntrySize;

impl Weighter<Arc<Principal>, Arc<RecentToken>> for EntrySize {
    fn weight(&self, principal: &Arc<Principal>, recent: &Arc<RecentToken>) -> u64 {
        const WORD: usize = 64;
        const REST: usize = 512;
        // The scopes are also in the issued token. Claims take no more than three times their text in it.
        let words = principal.roles().len() + 2 * principal.scopes().iter().count();
        let fixed = size_of::<Principal>() + size_of::<RecentToken>() + size_of::<IssuedToken>();
        (4 * recent.token.token.expose_secret().len() + WORD * words + fixed + REST) as u64
    }
}
