//! Revoked tokens, remembered until they would have expired.

use std::{
    collections::HashMap,
    path::Path,
    sync::{PoisonError, RwLock},
};

use jiff::Timestamp;

use crate::store::{
    file_log::FileLog,
    revocation_log::{Revocation, RevocationLog},
    state_error::StateError,
};

/// Cleaning up walks over the table, which is worth it after this many additions.
const CLEAN_UP_EVERY: usize = 1024;

/// Revoked token ids: in memory, where they are looked up, and in a durable log, where there is one.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    table: RwLock<Table>,
    log: Option<Box<dyn RevocationLog>>,
}

#[derive(Debug, Default)]
struct Table {
    /// The second from which an id is not needed.
    until: HashMap<String, i64>,
    added: usize,
}

impl Revocations {
    /// Revocations that end with the process.
    pub(crate) fn in_memory() -> Self {
        Self::default()
    }

    /// Revocations in the state file at `path`, which is created where it is missing.
    ///
    /// # Errors
    /// As [`FileLog::open`].
    pub(crate) fn open(path: &Path, now: Timestamp) -> Result<Self, StateError> {
        Self::with_log(Box::new(FileLog::open(path)?), now)
    }

    /// Revocations in this log; loads those that are still needed at `now`.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn with_log(
        log: Box<dyn RevocationLog>,
        now: Timestamp,
    ) -> Result<Self, StateError> {
        let entries = log.load(now.as_second())?;
        let until = entries.into_iter().map(|entry| (entry.id, entry.until)).collect();
        let table = RwLock::new(Table { until, added: 0 });
        Ok(Self { table, log: Some(log) })
    }

    /// Whether the token of this `jti` is revoked.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.table.read().unwrap_or_else(PoisonError::into_inner).until.contains_key(id)
    }

    /// How many are remembered; some of them may not be needed any more.
    pub(crate) fn len(&self) -> usize {
        self.table.read().unwrap_or_else(PoisonError::into_inner).until.len()
    }

    /// Revokes the token of this `jti`, which would not be accepted after `until` anyway: in this process at once, and
    /// durably when this returns. It waits for the log, so call it where blocking is fine.
    ///
    /// # Errors
    /// A restart may forget it. Until then it is revoked, and the next call tries to log it again.
    pub(crate) fn add(&self, id: &str, until: Timestamp, now: Timestamp) -> Result<(), StateError> {
        let (until, now) = (second_after(until), now.as_second());
        self.remember(id, until, now);
        let revocation = || Revocation { id: id.to_owned(), until };
        self.log.as_ref().map_or(Ok(()), |log| log.append(revocation(), now))
    }

    fn remember(&self, id: &str, until: i64, now: i64) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        // At least half of the table is new when it is walked, so that the cost per addition does not grow with it.
        if table.added >= CLEAN_UP_EVERY.max(table.until.len() / 2) {
            table.until.retain(|_, until| *until > now);
            table.added = 0;
        }
        table.until.insert(id.to_owned(), until);
        table.added += 1;
    }
}

/// The first whole second that is not before `moment`.
fn second_after(moment: Timestamp) -> i64 {
    moment.as_second() + i64::from(moment.subsec_nanosecond() > 0)
}

#[cfg(test)]
mod tests {
    use std::{path::PathBuf, thread};

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn state_file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        (folder, path)
    }

    #[test]
    fn entries_that_are_not_needed_are_removed() {
        let revocations = Revocations::in_memory();
        let add = |id: &str, until, now| {
            revocations.add(id, second(until), second(now)).unwrap();
        };
        for index in 0..CLEAN_UP_EVERY {
            add(&format!("short {index}"), 10, 0);
        }
        add("long", 100, 5);
        assert!(revocations.contains("short 0") && revocations.contains("long"));
        for index in 0..CLEAN_UP_EVERY {
            add(&format!("later {index}"), 100, 50);
        }
        assert!(!revocations.contains("short 0"));
        assert!(revocations.contains("long") && revocations.contains("later 0"));
    }

    #[test]
    fn a_reopened_file_remembers_what_is_still_needed() {
        let (_folder, path) = state_file();
        let revocations = Revocations::open(&path, second(0)).unwrap();
        revocations.add("short", second(10), second(0)).unwrap();
        revocations.add("long", second(100), second(0)).unwrap();
        drop(revocations);
        let revocations = Revocations::open(&path, second(9)).unwrap();
        assert!(revocations.contains("short") && revocations.contains("long"));
        drop(revocations);
        let revocations = Revocations::open(&path, second(10)).unwrap();
        assert!(!revocations.contains("short") && revocations.contains("long"));
        drop(revocations);
        let earlier = Revocations::open(&path, second(0)).unwrap();
        assert!(!earlier.contains("short"), "it is gone from the file as well");
    }

    #[test]
    fn an_entry_is_kept_to_the_end_of_a_fraction_of_a_second() {
        let (_folder, path) = state_file();
        let revocations = Revocations::open(&path, second(0)).unwrap();
        let until = Timestamp::from_millisecond(10_001).unwrap();
        revocations.add("id", until, second(0)).unwrap();
        drop(revocations);
        assert!(Revocations::open(&path, second(10)).unwrap().contains("id"));
    }

    #[test]
    fn concurrent_additions_are_all_remembered() {
        let (_folder, path) = state_file();
        let revocations = Revocations::open(&path, second(0)).unwrap();
        thread::scope(|scope| {
            for thread in 0..8 {
                let revocations = &revocations;
                scope.spawn(move || {
                    for index in 0..25 {
                        let id = format!("{thread} {index}");
                        revocations.add(&id, second(10), second(0)).unwrap();
                    }
                });
            }
        });
        drop(revocations);
        let revocations = Revocations::open(&path, second(0)).unwrap();
        for thread in 0..8 {
            assert!((0..25).all(|index| revocations.contains(&format!("{thread} {index}"))));
        }
    }
}
