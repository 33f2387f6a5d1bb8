//! Revocations in the state file; those that come together share one flush of the disk.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::store::{
    revocation_log::{Revocation, RevocationLog},
    state_error::StateError,
    state_file::StateFile,
};

/// Removing old entries is worth its write after this many additions.
const CLEAN_UP_EVERY: usize = 1024;

/// Two locks: the holder of the file writes for everyone who waits for it, and who waits is in the queue already.
#[derive(Debug)]
pub(crate) struct FileLog {
    queue: Mutex<Queue>,
    written: Mutex<Written>,
}

/// What is not known to be on disk, in the order of its tickets.
#[derive(Debug, Default)]
struct Queue {
    entries: Vec<Revocation>,
    tickets: u64,
}

#[derive(Debug)]
struct Written {
    file: StateFile,
    /// Every ticket up to this one is on disk.
    tickets: u64,
    since_clean_up: usize,
}

impl FileLog {
    /// Opens the state file, or creates it with mode 0600. Until this is dropped, no other process can open it.
    ///
    /// # Errors
    /// The file is in use, is no state file, is damaged or cannot be written. It is never replaced.
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        let written = Written { file: StateFile::open(path)?, tickets: 0, since_clean_up: 0 };
        Ok(Self { queue: Mutex::default(), written: Mutex::new(written) })
    }

    fn enqueue(&self, revocation: Revocation) -> u64 {
        let mut queue = lock(&self.queue);
        queue.entries.push(revocation);
        queue.tickets += 1;
        queue.tickets
    }
}

impl RevocationLog for FileLog {
    fn load(&self, now: i64) -> Result<Vec<Revocation>, StateError> {
        lock(&self.written).file.load(now)
    }

    fn append(&self, revocation: Revocation, now: i64) -> Result<(), StateError> {
        let ticket = self.enqueue(revocation);
        let mut written = lock(&self.written);
        if written.tickets >= ticket {
            return Ok(());
        }
        let (batch, tickets) = {
            let queue = lock(&self.queue);
            (queue.entries.clone(), queue.tickets)
        };
        let clean_up = written.since_clean_up + batch.len() >= CLEAN_UP_EVERY;
        let result = written.file.write(&batch, clean_up.then_some(now));
        let mut queue = lock(&self.queue);
        match &result {
            Ok(()) => {
                // They stayed in the queue until now: wherever this thread fails, none counts as written that is not.
                queue.entries.drain(..batch.len());
                written.tickets = tickets;
                written.since_clean_up =
                    if clean_up { 0 } else { written.since_clean_up + batch.len() };
            }
            Err(_) => queue.entries.retain(|entry| entry.until > now),
        }
        result
    }
}

/// A panic elsewhere leaves these values whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn append(log: &FileLog, id: &str, until: i64, now: i64) -> Result<(), StateError> {
        log.append(Revocation { id: id.to_owned(), until }, now)
    }

    #[test]
    fn what_could_not_be_written_is_written_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let log = FileLog::open(&path).unwrap();
        append(&log, "first", 10, 0).unwrap();
        let aside = folder.path().join("aside");
        lock(&log.written).file.close();
        fs::rename(&path, &aside).unwrap();
        assert!(append(&log, "second", 10, 0).is_err());
        assert!(append(&log, "over", 1, 0).is_err());
        assert!(append(&log, "third", 10, 1).is_err());
        assert!(!path.exists(), "a new file would not hold the first");
        fs::rename(&aside, &path).unwrap();
        append(&log, "fourth", 10, 1).unwrap();
        drop(log);
        let loaded = FileLog::open(&path).unwrap().load(0).unwrap();
        let mut ids: Vec<_> = loaded.iter().map(|entry| (entry.id.as_str(), entry.until)).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["first", "fourth", "second", "third"].map(|id| (id, 10)));
    }

    #[test]
    fn old_entries_are_removed_from_the_file_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let log = FileLog::open(&folder.path().join("state")).unwrap();
        append(&log, "over", 5, 0).unwrap();
        lock(&log.written).since_clean_up = CLEAN_UP_EVERY - 2;
        let has = |id: &str| log.load(i64::MIN).unwrap().iter().any(|entry| entry.id == id);
        append(&log, "one", 10, 5).unwrap();
        assert!(has("over"));
        append(&log, "two", 10, 5).unwrap();
        assert!(!has("over") && has("one") && has("two"));
    }
}
