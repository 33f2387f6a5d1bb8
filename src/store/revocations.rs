//! Revoked tokens, remembered until they would have expired.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::store::{
    file_log::FileLog,
    revocation_table::RevocationTable,
    state_error::StateError,
    state_log::{Revocation, StateLog},
};

/// Revoked token ids: in memory, where they are looked up, and in a durable log, where there is one.
#[derive(Debug)]
pub(crate) struct Revocations {
    table: Arc<RevocationTable>,
    log: Option<Box<dyn StateLog>>,
    /// From the issue of a token to the end of its revocation, at most.
    longest: Duration,
    durability: Mutex<Durability>,
}

/// Whether a restart would find all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Durability {
    /// Why it would not.
    pub(crate) fault: Option<StateError>,
    /// Since when; none if that has been so since the start.
    pub(crate) since: Option<Timestamp>,
}

impl Default for Revocations {
    fn default() -> Self {
        Self::in_memory(Duration::ZERO)
    }
}

impl Revocations {
    /// Revocations that end with the process, of tokens that need them for this long at most.
    pub(crate) fn in_memory(longest: Duration) -> Self {
        let table = Arc::new(RevocationTable::default());
        table.complete();
        Self { table, log: None, longest, durability: Mutex::default() }
    }

    /// Revocations in the state file at `path`, which is created where it is missing.
    ///
    /// # Errors
    /// As [`FileLog::open`].
    pub(crate) fn open(path: &Path, longest: Duration) -> Result<Self, StateError> {
        let revocations = Self::in_memory(longest);
        let log = FileLog::open(path)?;
        log.load()?.into_iter().for_each(|revocation| revocations.table.add(revocation));
        Ok(Self { log: Some(Box::new(log)), ..revocations })
    }

    /// Revocations in this table, which others fill as well; those that are added here go to this log too.
    pub(crate) fn shared(
        table: Arc<RevocationTable>,
        log: Box<dyn StateLog>,
        longest: Duration,
    ) -> Self {
        Self { table, log: Some(log), longest, durability: Mutex::default() }
    }

    /// Whether the token of this `jti` is revoked.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.table.contains(id)
    }

    /// Whether everything that was revoked before the start is known: until then no token can be judged.
    pub(crate) fn are_known(&self) -> bool {
        self.table.is_complete()
    }

    /// Whether other processes find them too.
    pub(crate) fn are_shared(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.is_shared())
    }

    /// What outlives the process, if anything does.
    pub(crate) fn log(&self) -> Option<&dyn StateLog> {
        self.log.as_deref()
    }

    /// How many are remembered; some of them may not be needed any more.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Revokes the token of this `jti`, which would not be accepted after `until` anyway: in this process at once, and
    /// durably when this returns. It waits for the log, so call it where blocking is fine.
    ///
    /// # Errors
    /// A restart may forget it. Until then it is revoked, and the next call tries to log it again.
    pub(crate) fn add(&self, id: &str, until: Timestamp, now: Timestamp) -> Result<(), StateError> {
        let revocation = Revocation { id: id.to_owned(), until: second_after(until) };
        self.table.add(revocation.clone());
        let logged = self.log.as_ref().map_or(Ok(()), |log| log.append(revocation, now));
        if let Err(error) = &logged {
            self.set_fault(Some(error.clone()), now);
        }
        logged
    }

    /// Forgets what is not needed at `now`, and checks that a restart would find the rest; to be called regularly, with
    /// the time since the start of the process by a monotonic clock. It waits for the log.
    ///
    /// # Errors
    /// Why a restart would forget revocations; [`Self::durability`] says so from then on.
    pub(crate) fn tend(&self, now: Timestamp, uptime: Duration) -> Result<(), StateError> {
        let forgotten = self.table.forget(now.as_second(), uptime, self.longest);
        let tended = self.log.as_ref().map_or(Ok(()), |log| {
            if forgotten.is_empty() { log.check() } else { log.remove(&forgotten) }
        });
        self.set_fault(tended.clone().err(), now);
        tended
    }

    /// Whether a restart would find all of them.
    pub(crate) fn durability(&self) -> Durability {
        self.durability_mut().clone()
    }

    fn set_fault(&self, fault: Option<StateError>, now: Timestamp) {
        let mut durability = self.durability_mut();
        if durability.fault.is_some() != fault.is_some() {
            durability.since = Some(now);
        }
        durability.fault = fault;
    }

    fn durability_mut(&self) -> MutexGuard<'_, Durability> {
        self.durability.lock().unwrap_or_else(PoisonError::into_inner)
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
    use crate::store::revocation_table::CLEAN_UP_EVERY;

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
            revocations.table.add(revocation);
        }
    }

    #[test]
    fn entries_are_removed_when_both_clocks_say_that_they_are_over() {
        let (_folder, path) = state_file();
        let revocations = open(&path);
        let tend =
            |now, uptime| revocations.tend(second(now), Duration::from_secs(uptime)).unwrap();
        tend(0, 5);
        revocations.add("short", second(10), second(0)).unwrap();
        revocations.add("long", second(100), second(0)).unwrap();
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
        open(&path).add("id", second(10), second(0)).unwrap();
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
        revocations.add("id", second(10), second(0)).unwrap();
        add_many(&revocations, "other", 10);
        revocations.tend(second(1_000_000), Duration::from_secs(49)).unwrap();
        revocations.tend(second(9), Duration::from_secs(50)).unwrap();
        assert!(revocations.contains("id") && revocations.contains("other 0"));
    }

    #[test]
    fn a_file_that_is_gone_is_a_fault_until_it_is_back() {
        let (folder, path) = state_file();
        let revocations = open(&path);
        revocations.add("first", second(10), second(0)).unwrap();
        let tend = || revocations.tend(second(0), Duration::ZERO);
        assert_eq!((tend(), revocations.durability().fault), (Ok(()), None));
        let aside = folder.path().join("aside");
        std::fs::rename(&path, &aside).unwrap();
        assert!(revocations.add("second", second(10), second(0)).is_err());
        assert!(revocations.durability().fault.is_some() && revocations.contains("second"));
        assert_eq!(tend().err(), revocations.durability().fault);
        std::fs::rename(&aside, &path).unwrap();
        assert_eq!((tend(), revocations.durability().fault), (Ok(()), None));
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
                        revocations
                            .add(&format!("{thread} {index}"), second(10), second(0))
                            .unwrap();
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
