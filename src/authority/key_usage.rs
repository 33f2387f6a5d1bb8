//! How often each API key authenticated a request since the start of the process, and when last.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use crate::{
    oauth::KeyId,
    store::state_log::{KEY_USE_SECONDS, KeyUse},
};

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
pub(crate) struct KeyUsageTable {
    here: Mutex<HashMap<KeyId, KeyUsage>>,
    /// When each key was last used according to the state, in seconds since 1970.
    recorded: Mutex<HashMap<KeyId, i64>>,
}

impl KeyUsageTable {
    /// Records that a key authenticated a request.
    pub(crate) fn record(&self, key: &KeyId, now: Timestamp) {
        // Fractions of a second mean nothing to people who look for stale keys.
        let last = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let mut table = lock(&self.here);
        match table.get_mut(key) {
            Some(usage) => *usage = KeyUsage { count: usage.count + 1, last },
            None => drop(table.insert(key.clone(), KeyUsage { count: 1, last })),
        }
    }

    /// Forgets all keys but those for which `is_known` holds.
    pub(crate) fn retain(&self, is_known: impl Fn(&KeyId) -> bool) {
        lock(&self.here).retain(|key, _| is_known(key));
        lock(&self.recorded).retain(|key, _| is_known(key));
    }

    /// The usage of a key in this process; none if it was not used here.
    pub(crate) fn find(&self, key: &KeyId) -> Option<KeyUsage> {
        lock(&self.here).get(key).copied()
    }

    /// When a key was last used, here or, to the minute, according to the state; whole seconds.
    pub(crate) fn last_used(&self, key: &KeyId) -> Option<Timestamp> {
        let recorded = lock(&self.recorded).get(key).copied();
        let recorded = recorded.and_then(|second| Timestamp::from_second(second).ok());
        recorded.max(self.find(key).map(|usage| usage.last))
    }

    /// What the state should record: uses that are newer than the recorded ones by a minute.
    pub(crate) fn unrecorded(&self) -> Vec<KeyUse> {
        let recorded = lock(&self.recorded);
        let is_newer = |key: &KeyId, second: i64| {
            recorded.get(key).is_none_or(|known| second >= known.saturating_add(KEY_USE_SECONDS))
        };
        let here = lock(&self.here);
        let uses = here.iter().map(|(key, usage)| (key, usage.last.as_second()));
        let newer = uses.filter(|(key, second)| is_newer(key, *second));
        newer.map(|(key, second)| KeyUse { key_id: key.to_string(), second }).collect()
    }

    /// Takes over what the state has recorded of the keys for which `is_known` holds.
    pub(crate) fn take_over(&self, uses: Vec<KeyUse>, is_known: impl Fn(&KeyId) -> bool) {
        let mut recorded = lock(&self.recorded);
        for KeyUse { key_id, second } in uses {
            if let Some(key) = KeyId::parse(&key_id).ok().filter(&is_known) {
                let known = recorded.entry(key).or_insert(second);
                *known = second.max(*known);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
