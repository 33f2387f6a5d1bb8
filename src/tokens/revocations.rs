//! Tokens that were ended before their time, remembered until they would have expired.
//!
//! Must not know why a token was revoked.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use jiff::Timestamp;

/// Clearing out is worth a walk over the table once this many were added since the last time.
const CLEAR_EVERY: usize = 1024;

/// Revoked token ids in memory, each with the time after which it can be forgotten.
#[derive(Debug, Default)]
pub struct Revocations(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    until: HashMap<String, Timestamp>,
    added: usize,
}

impl Revocations {
    /// Whether the token of this `jti` was revoked.
    pub fn holds(&self, id: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).until.contains_key(id)
    }

    /// Revokes the token of this `jti`, which nobody could use after `until` anyway.
    pub fn add(&self, id: &str, until: Timestamp, now: Timestamp) {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if table.added >= CLEAR_EVERY {
            table.until.retain(|_, until| *until > now);
            table.added = 0;
        }
        table.until.insert(id.to_owned(), until);
        table.added += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_could_use_any_more_is_forgotten() {
        let revocations = Revocations::default();
        let second = |second| Timestamp::from_second(second).unwrap();
        for index in 0..CLEAR_EVERY {
            revocations.add(&format!("short {index}"), second(10), second(0));
        }
        revocations.add("long", second(100), second(5));
        assert!(revocations.holds("short 0") && revocations.holds("long"));
        for index in 0..CLEAR_EVERY {
            revocations.add(&format!("later {index}"), second(100), second(50));
        }
        assert!(!revocations.holds("short 0"));
        assert!(revocations.holds("long") && revocations.holds("later 0"));
    }
}
