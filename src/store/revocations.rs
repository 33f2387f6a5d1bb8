//! Revoked tokens, remembered until they would have expired.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard},
    time::Duration,
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
///
/// A clock may be wrong for a while, so it alone makes nothing forgotten: the process must also have run for as long as
/// any token lives since it learned of the revocation.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    table: RwLock<Table>,
    log: Option<Box<dyn RevocationLog>>,
    /// From the issue of a token to the end of its revocation, at most.
    longest: Duration,
    /// Why a restart would forget some.
    fault: Mutex<Option<StateError>>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<String, Entry>,
    added: usize,
    /// How long the process had run at the last [`Revocations::tend`].
    uptime: Duration,
}

#[derive(Debug)]
struct Entry {
    /// The second from which the token would not be accepted anyway.
    until: i64,
    /// The uptime of the process when it learned of it.
    since: Duration,
}

impl Table {
    fn add(&mut self, Revocation { id, until }: Revocation) {
        self.entries.insert(id, Entry { until, since: self.uptime });
        self.added += 1;
    }
}

impl Revocations {
    /// Revocations that end with the process, of tokens that need them for this long at most.
    pub(crate) fn in_memory(longest: Duration) -> Self {
        Self { longest, ..Self::default() }
    }

    /// Revocations in the state file at `path`, which is created where it is missing.
    ///
    /// # Errors
    /// As [`FileLog::open`].
    pub(crate) fn open(path: &Path, longest: Duration) -> Result<Self, StateError> {
        Self::with_log(Box::new(FileLog::open(path)?), longest)
    }

    /// Revocations in this log; loads all of them.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn with_log(
        log: Box<dyn RevocationLog>,
        longest: Duration,
    ) -> Result<Self, StateError> {
        let mut table = Table::default();
        log.load()?.into_iter().for_each(|revocation| table.add(revocation));
        Ok(Self { table: RwLock::new(table), log: Some(log), ..Self::in_memory(longest) })
    }

    /// Whether the token of this `jti` is revoked.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.table.read().unwrap_or_else(PoisonError::into_inner).entries.contains_key(id)
    }

    /// How many are remembered; some of them may not be needed any more.
    pub(crate) fn len(&self) -> usize {
        self.table.read().unwrap_or_else(PoisonError::into_inner).entries.len()
    }

    /// Revokes the token of this `jti`, which would not be accepted after `until` anyway: in this process at once, and
    /// durably when this returns. It waits for the log, so call it where blocking is fine.
    ///
    /// # Errors
    /// A restart may forget it. Until then it is revoked, and the next call tries to log it again.
    pub(crate) fn add(&self, id: &str, until: Timestamp) -> Result<(), StateError> {
        let revocation = Revocation { id: id.to_owned(), until: second_after(until) };
        self.table().add(revocation.clone());
        let logged = self.log.as_ref().map_or(Ok(()), |log| log.append(revocation));
        if let Err(error) = &logged {
            *self.fault_mut() = Some(error.clone());
        }
        logged
    }

    /// Forgets what is not needed at `now`, and checks that a restart would find the rest; to be called regularly, with
    /// the time since the start of the process by a monotonic clock. It waits for the log.
    ///
    /// # Errors
    /// Why a restart would forget revocations; [`Self::fault`] says so from then on.
    pub(crate) fn tend(&self, now: Timestamp, uptime: Duration) -> Result<(), StateError> {
        let forgotten = self.forget(now.as_second(), uptime);
        let tended = self.log.as_ref().map_or(Ok(()), |log| {
            if forgotten.is_empty() { log.check() } else { log.remove(&forgotten) }
        });
        *self.fault_mut() = tended.clone().err();
        tended
    }

    /// Why a restart would forget revocations.
    pub(crate) fn fault(&self) -> Option<StateError> {
        self.fault_mut().clone()
    }

    fn forget(&self, now: i64, uptime: Duration) -> Vec<Revocation> {
        let mut table = self.table();
        table.uptime = uptime;
        // At least half of the table is new when it is walked, so that the cost per addition does not grow with it.
        if table.added < CLEAN_UP_EVERY.max(table.entries.len() / 2) {
            return Vec::new();
        }
        table.added = 0;
        let is_over = |_: &String, entry: &mut Entry| {
            entry.until <= now && uptime.saturating_sub(entry.since) >= self.longest
        };
        let over = table.entries.extract_if(is_over);
        over.map(|(id, entry)| Revocation { id, until: entry.until }).collect()
    }

    fn table(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault_mut(&self) -> MutexGuard<'_, Option<StateError>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
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

    const LONGEST: Duration = Duration::from_secs(50);

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn state_file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        (folder, path)
    }

    fn open(path: &Path) -> Revocations {
        Revocations::open(path, LONGEST).unwrap()
    }

    fn add_many(revocations: &Revocations, name: &str, until: i64) {
        for index in 0..CLEAN_UP_EVERY {
            let revocation = Revocation { id: format!("{name} {index}"), until };
            revocations.table().add(revocation);
        }
    }

    #[test]
    fn entries_are_removed_when_both_clocks_say_that_they_are_over() {
        let (_folder, path) = state_file();
        let revocations = open(&path);
        let tend =
            |now, uptime| revocations.tend(second(now), Duration::from_secs(uptime)).unwrap();
        tend(0, 5);
        revocations.add("short", second(10)).unwrap();
        revocations.add("long", second(100)).unwrap();
        for (now, uptime) in [(1_000_000, 6), (1_000_000, 54), (9, 55), (9, 1_000_000)] {
            add_many(&revocations, "other", 1_000_000);
            tend(now, uptime);
            assert!(revocations.contains("short"), "now {now}, uptime {uptime}");
        }
        add_many(&revocations, "other", 1_000_000);
        tend(10, 55);
        assert!(!revocations.contains("short") && revocations.contains("long"));
        drop(revocations);
        let reopened = open(&path);
        assert!(!reopened.contains("short"), "it is gone from the file as well");
        assert!(reopened.contains("long"));
    }

    #[test]
    fn a_start_forgets_nothing_whatever_its_clock_says() {
        let (_folder, path) = state_file();
        open(&path).add("id", second(10)).unwrap();
        let wrong = open(&path);
        for uptime in 0..50 {
            add_many(&wrong, "other", 20);
            wrong.tend(second(1_000_000), Duration::from_secs(uptime)).unwrap();
            assert!(wrong.contains("id"), "uptime {uptime}");
        }
        drop(wrong);
        assert!(open(&path).contains("id"));
    }

    #[test]
    fn a_clock_that_jumps_while_serving_forgets_nothing_that_is_alive() {
        let revocations = Revocations::in_memory(LONGEST);
        revocations.add("id", second(10)).unwrap();
        add_many(&revocations, "other", 10);
        revocations.tend(second(1_000_000), Duration::from_secs(49)).unwrap();
        revocations.tend(second(9), Duration::from_secs(50)).unwrap();
        assert!(revocations.contains("id") && revocations.contains("other 0"));
    }

    #[test]
    fn a_file_that_is_gone_is_a_fault_until_it_is_back() {
        let (folder, path) = state_file();
        let revocations = open(&path);
        revocations.add("first", second(10)).unwrap();
        let tend = || revocations.tend(second(0), Duration::ZERO);
        assert_eq!((tend(), revocations.fault()), (Ok(()), None));
        let aside = folder.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        assert!(revocations.add("second", second(10)).is_err());
        assert!(revocations.fault().is_some() && revocations.contains("second"));
        assert_eq!(tend().err(), revocations.fault());
        std::fs::rename(&aside, &path).unwrap();
        assert_eq!((tend(), revocations.fault()), (Ok(()), None));
        drop(revocations);
        assert!(open(&path).contains("second"), "what could not be logged was logged later");
    }

    #[test]
    fn an_entry_is_kept_to_the_end_of_a_fraction_of_a_second() {
        assert_eq!(second_after(Timestamp::from_millisecond(10_001).unwrap()), 11);
        assert_eq!(second_after(second(10)), 10);
    }

    #[test]
    fn concurrent_additions_are_all_remembered() {
        let (_folder, path) = state_file();
        let revocations = open(&path);
        thread::scope(|scope| {
            for thread in 0..8 {
                let revocations = &revocations;
                scope.spawn(move || {
                    for index in 0..25 {
                        revocations.add(&format!("{thread} {index}"), second(10)).unwrap();
                    }
                });
            }
        });
        drop(revocations);
        let revocations = open(&path);
        for thread in 0..8 {
            assert!((0..25).all(|index| revocations.contains(&format!("{thread} {index}"))));
        }
    }
}
