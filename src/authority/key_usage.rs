//! How often and when last each API key authenticated a request, since the start of the process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use crate::oauth::KeyId;

/// The usage of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyUsage {
    /// How many requests it authenticated.
    pub(crate) count: u64,
    /// When that was last; whole seconds.
    pub(crate) last: Timestamp,
}

/// The usage of every API key that was used.
#[derive(Debug, Default)]
pub(crate) struct KeyUsageTable(Mutex<HashMap<KeyId, KeyUsage>>);

impl KeyUsageTable {
    /// Records that a key authenticated a request.
    pub(crate) fn record(&self, key: &KeyId, now: Timestamp) {
        // Fractions of a second mean nothing to people who look for stale keys.
        let last = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let mut table = self.lock();
        match table.get_mut(key) {
            Some(usage) => *usage = KeyUsage { count: usage.count + 1, last },
            None => drop(table.insert(key.clone(), KeyUsage { count: 1, last })),
        }
    }

    /// Forgets all keys but those for which `is_known` holds.
    pub(crate) fn retain(&self, is_known: impl Fn(&KeyId) -> bool) {
        self.lock().retain(|key, _| is_known(key));
    }

    /// The usage of a key; none if it was not used.
    pub(crate) fn find(&self, key: &KeyId) -> Option<KeyUsage> {
        self.lock().get(key).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, KeyUsage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
