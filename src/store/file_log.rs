//! Revocations and key uses in the state file; revocations that come together share one flush of the disk.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use crate::store::{
    state_error::StateError,
    state_file::StateFile,
    state_log::{KeyUse, Revocation, StateLog},
};

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
    has_returned_key_uses: bool,
}

impl FileLog {
    /// Opens the state file, or creates it with mode 0600. Until this is dropped, no other process can open it.
    ///
    /// # Errors
    /// The file is in use, is no state file, is damaged or cannot be written. It is never replaced.
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        let written =
            Written { file: StateFile::open(path)?, tickets: 0, has_returned_key_uses: false };
        Ok(Self { queue: Mutex::default(), written: Mutex::new(written) })
    }

    /// All revocations.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) fn load(&self) -> Result<Vec<Revocation>, StateError> {
        lock(&self.written).file.load()
    }

    fn enqueue(&self, revocation: Revocation) -> u64 {
        let mut queue = lock(&self.queue);
        queue.entries.push(revocation);
        queue.tickets += 1;
        queue.tickets
    }

    /// Returns once this ticket is on disk.
    fn write(&self, ticket: u64) -> Result<(), StateError> {
        let mut written = lock(&self.written);
        if written.tickets >= ticket {
            return Ok(());
        }
        let (batch, tickets) = {
            let queue = lock(&self.queue);
            (queue.entries.clone(), queue.tickets)
        };
        written.file.write(&batch, &[])?;
        // They stayed in the queue until now: wherever this thread fails, none counts as written that is not.
        lock(&self.queue).entries.drain(..batch.len());
        written.tickets = tickets;
        Ok(())
    }
}

impl StateLog for FileLog {
    fn append(&self, revocation: Revocation, _: Timestamp) -> Result<(), StateError> {
        let ticket = self.enqueue(revocation);
        self.write(ticket)
    }

    fn remove(&self, revocations: &[Revocation]) -> Result<(), StateError> {
        // What is in the queue is written first, so that it is not written afterwards.
        self.check()?;
        lock(&self.written).file.write(&[], revocations)
    }

    fn check(&self) -> Result<(), StateError> {
        let last = lock(&self.queue).tickets;
        self.write(last)?;
        lock(&self.written).file.check()
    }

    fn exchange_key_uses(&self, uses: &[KeyUse]) -> Result<Vec<KeyUse>, StateError> {
        let mut written = lock(&self.written);
        if !uses.is_empty() {
            written.file.write_key_uses(uses)?;
        }
        if written.has_returned_key_uses {
            return Ok(Vec::new());
        }
        let recorded = written.file.load_key_uses()?;
        written.has_returned_key_uses = true;
        Ok(recorded)
    }

    fn is_shared(&self) -> bool {
        false
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

    fn append(log: &FileLog, id: &str) -> Result<(), StateError> {
        log.append(Revocation { id: id.to_owned(), until: 10 }, Timestamp::UNIX_EPOCH)
    }

    fn ids(log: &FileLog) -> Vec<String> {
        let mut ids: Vec<_> = log.load().unwrap().into_iter().map(|entry| entry.id).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn what_could_not_be_written_is_written_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let log = FileLog::open(&path).unwrap();
        append(&log, "first").unwrap();
        let aside = folder.path().join("aside");
        lock(&log.written).file.close();
        fs::rename(&path, &aside).unwrap();
        assert!(append(&log, "second").is_err());
        assert!(append(&log, "third").is_err());
        assert!(!path.exists(), "a new file would not hold the first");
        fs::rename(&aside, &path).unwrap();
        append(&log, "fourth").unwrap();
        drop(log);
        let log = FileLog::open(&path).unwrap();
        assert_eq!(ids(&log), ["first", "fourth", "second", "third"]);
    }

    #[test]
    fn what_could_not_be_written_is_written_by_a_check_and_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let log = FileLog::open(&path).unwrap();
        let aside = folder.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        assert!(append(&log, "first").is_err() && append(&log, "second").is_err());
        assert!(log.check().is_err());
        fs::rename(&aside, &path).unwrap();
        log.check().unwrap();
        assert_eq!(ids(&log), ["first", "second"]);
        log.remove(&[Revocation { id: "first".to_owned(), until: 10 }]).unwrap();
        assert_eq!(ids(&log), ["second"]);
    }
}
