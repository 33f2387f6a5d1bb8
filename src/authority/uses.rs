//! How often and when last each API key was proven, since the start of the process.
//!
//! Must not know the roster.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use super::Authority;
use crate::oauth::KeyId;

/// What is noted of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyUse {
    /// How often it was proven.
    pub count: u64,
    /// When that was last; whole seconds.
    pub last: Timestamp,
}

/// What is noted of every API key that was proven.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<HashMap<KeyId, KeyUse>>);

impl Uses {
    /// Notes that a key was proven.
    pub(super) fn note(&self, key: &KeyId, now: Timestamp) {
        let last = whole_second(now);
        let mut uses = self.lock();
        match uses.get_mut(key) {
            Some(known) => *known = KeyUse { count: known.count + 1, last },
            None => drop(uses.insert(key.clone(), KeyUse { count: 1, last })),
        }
    }

    /// Forgets the keys of which this does not hold.
    pub(super) fn keep(&self, is_known: impl Fn(&KeyId) -> bool) {
        self.lock().retain(|key, _| is_known(key));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<KeyId, KeyUse>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authority {
    /// When an API key was last proven, since the start of the process.
    pub(crate) fn last_used(&self, key: &KeyId) -> Option<Timestamp> {
        self.uses.lock().get(key).map(|known| known.last)
    }

    /// What is noted of an API key since the start of the process; `None` if it was not proven.
    pub(crate) fn key_use(&self, key: &KeyId) -> Option<KeyUse> {
        self.uses.lock().get(key).copied()
    }
}

/// Fractions of a second say nothing to people who look for stale keys.
fn whole_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}
