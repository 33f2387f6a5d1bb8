//! Tokens that were ended before their time, remembered until they would have expired.
//!
//! Must not know why a token was revoked.

use std::{
    collections::HashMap,
    path::Path,
    sync::{PoisonError, RwLock},
};

use jiff::Timestamp;

use super::{
    journal::Journal,
    state::{self, StateError, StateFile},
};

/// Clearing out is worth a walk over the table once this many were added since the last time.
const CLEAR_EVERY: usize = 1024;

/// Revoked token ids, each with the time after which it can be forgotten: all in memory, where they are
/// looked up, and in a state file, where there is one.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    table: RwLock<Table>,
    journal: Option<Journal>,
}

#[derive(Debug, Default)]
struct Table {
    /// The second from which an id is worth nothing.
    until: HashMap<String, i64>,
    added: usize,
}

impl Revocations {
    /// Revocations that end with the process.
    pub(crate) fn in_memory() -> Self {
        Self::default()
    }

    /// Revocations that outlive the process: opens the state file, or makes it with mode 0600, and loads what
    /// is not over at `now`. Until this is dropped, no other process can open the file.
    ///
    /// # Errors
    /// When the file is in use, is no state file, is damaged or cannot be written. It is never replaced.
    pub(crate) fn open(path: &Path, now: Timestamp) -> Result<Self, StateError> {
        let mut file = StateFile::open(path)?;
        let entries = file.load(now.as_second())?;
        let until = entries.into_iter().map(|(until, id)| (id, until)).collect();
        let table = RwLock::new(Table { until, added: 0 });
        Ok(Self { table, journal: Some(Journal::new(file)) })
    }

    /// Whether [`open`](Self::open) would find a folder and a file that may be written. Makes and locks nothing.
    ///
    /// # Errors
    /// When it would not.
    pub(crate) fn check(path: &Path) -> Result<(), StateError> {
        state::check(path)
    }

    /// Whether the token of this `jti` was revoked.
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.table.read().unwrap_or_else(PoisonError::into_inner).until.contains_key(id)
    }

    /// How many revoked tokens are remembered; some of them may be over, and not cleared out yet.
    pub(crate) fn held(&self) -> usize {
        self.table.read().unwrap_or_else(PoisonError::into_inner).until.len()
    }

    /// Revokes the token of this `jti`, which nobody could use after `until` anyway: at once, and when this
    /// returns, for good. It waits for the disk, so call it where blocking is fine.
    ///
    /// # Errors
    /// When a restart may forget it. Until then it is revoked, and the next call tries to write it again.
    pub(crate) fn add(&self, id: &str, until: Timestamp, now: Timestamp) -> Result<(), StateError> {
        let (until, now) = (second_after(until), now.as_second());
        self.remember(id, until, now);
        self.journal.as_ref().map_or(Ok(()), |journal| journal.add(id, until, now))
    }

    fn remember(&self, id: &str, until: i64, now: i64) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        // At least half of the table is new when it is walked: a large one costs no more for each that is added.
        if table.added >= CLEAR_EVERY.max(table.until.len() / 2) {
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
    use std::{path::PathBuf, thread, time::Duration};

    use super::{
        super::{Keyring, Tokens},
        *,
    };

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn place() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.redb");
        (folder, path)
    }

    #[test]
    fn what_nobody_could_use_any_more_is_forgotten() {
        let revocations = Revocations::in_memory();
        let add = |id: &str, until, now| {
            revocations.add(id, second(until), second(now)).unwrap();
        };
        for index in 0..CLEAR_EVERY {
            add(&format!("short {index}"), 10, 0);
        }
        add("long", 100, 5);
        assert!(revocations.holds("short 0") && revocations.holds("long"));
        for index in 0..CLEAR_EVERY {
            add(&format!("later {index}"), 100, 50);
        }
        assert!(!revocations.holds("short 0"));
        assert!(revocations.holds("long") && revocations.holds("later 0"));
    }

    #[test]
    fn a_reopened_file_remembers_and_forgets_what_is_over() {
        let (_folder, path) = place();
        let revocations = Revocations::open(&path, second(0)).unwrap();
        revocations.add("short", second(10), second(0)).unwrap();
        revocations.add("long", second(100), second(0)).unwrap();
        drop(revocations);
        let revocations = Revocations::open(&path, second(9)).unwrap();
        assert!(revocations.holds("short") && revocations.holds("long"));
        drop(revocations);
        let revocations = Revocations::open(&path, second(10)).unwrap();
        assert!(!revocations.holds("short") && revocations.holds("long"));
        drop(revocations);
        let earlier = Revocations::open(&path, second(0)).unwrap();
        assert!(!earlier.holds("short"), "it is gone from the file as well");
    }

    #[test]
    fn fractions_of_a_second_are_remembered_to_their_end() {
        let (_folder, path) = place();
        let revocations = Revocations::open(&path, second(0)).unwrap();
        let until = Timestamp::from_millisecond(10_001).unwrap();
        revocations.add("id", until, second(0)).unwrap();
        drop(revocations);
        assert!(Revocations::open(&path, second(10)).unwrap().holds("id"));
    }

    #[test]
    fn a_restart_with_a_larger_leeway_still_remembers() {
        let (_folder, path) = place();
        let tokens = Tokens {
            keyring: Keyring::new(
                crate::tokens::SigningKey::from_secret(&"x".repeat(32).into()).unwrap(),
                Vec::new(),
            )
            .unwrap(),
            issuer: String::new(),
            audience: String::new(),
            lifetime: Duration::from_secs(60),
            leeway: Duration::ZERO,
            revocations: Revocations::open(&path, second(0)).unwrap(),
        };
        tokens.revoke("id", second(60), second(0)).unwrap();
        drop(tokens);
        // The last second in which the largest leeway accepts it.
        assert!(Revocations::open(&path, second(60 + 599)).unwrap().holds("id"));
        assert!(!Revocations::open(&path, second(60 + 601)).unwrap().holds("id"), "and no longer");
    }

    #[test]
    fn those_who_come_together_are_all_remembered() {
        let (_folder, path) = place();
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
            assert!((0..25).all(|index| revocations.holds(&format!("{thread} {index}"))));
        }
    }
}
