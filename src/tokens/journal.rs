//! Writing revocations so that those who come together share one flush of the disk.
//!
//! Must not know how the state file is laid out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::state::{StateError, StateFile};

/// Forgetting is worth its write once this many were added since the last time.
const FORGET_EVERY: usize = 1024;

/// Two locks: whoever holds the file writes for all who wait, and to wait is to be in the queue already.
#[derive(Debug)]
pub(super) struct Journal {
    queue: Mutex<Queue>,
    file: Mutex<Written>,
}

/// What is not known to be on the disk, in the order of its tickets.
#[derive(Debug, Default)]
struct Queue {
    entries: Vec<(i64, String)>,
    tickets: u64,
}

#[derive(Debug)]
struct Written {
    file: StateFile,
    /// Every ticket up to this one is on the disk.
    tickets: u64,
    since_forgetting: usize,
}

impl Journal {
    /// Takes over an open file.
    pub(super) fn new(file: StateFile) -> Self {
        let written = Written { file, tickets: 0, since_forgetting: 0 };
        Self { queue: Mutex::default(), file: Mutex::new(written) }
    }

    /// Writes an entry; when this returns, it is on the disk.
    ///
    /// # Errors
    /// When it may not be there. It stays in the queue and goes with the next one.
    pub(super) fn add(&self, id: &str, until: i64, now: i64) -> Result<(), StateError> {
        let ticket = self.enqueue(id, until);
        let mut written = lock(&self.file);
        if written.tickets >= ticket {
            return Ok(());
        }
        let (batch, tickets) = {
            let queue = lock(&self.queue);
            (queue.entries.clone(), queue.tickets)
        };
        let forget = written.since_forgetting + batch.len() >= FORGET_EVERY;
        let done = written.file.write(&batch, forget.then_some(now));
        let mut queue = lock(&self.queue);
        match &done {
            Ok(()) => {
                // They were queued until now: whatever stops this thread half way, none is taken for written.
                queue.entries.drain(..batch.len());
                written.tickets = tickets;
                written.since_forgetting =
                    if forget { 0 } else { written.since_forgetting + batch.len() };
            }
            Err(_) => queue.entries.retain(|(until, _)| *until > now),
        }
        done
    }

    fn enqueue(&self, id: &str, until: i64) -> u64 {
        let mut queue = lock(&self.queue);
        queue.entries.push((until, id.to_owned()));
        queue.tickets += 1;
        queue.tickets
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

    #[test]
    fn what_could_not_be_written_goes_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let journal = Journal::new(StateFile::open(&path).unwrap());
        journal.add("first", 10, 0).unwrap();
        let aside = folder.path().join("aside");
        lock(&journal.file).file.close();
        fs::rename(&path, &aside).unwrap();
        assert!(journal.add("second", 10, 0).is_err());
        assert!(journal.add("over", 1, 0).is_err());
        assert!(journal.add("third", 10, 1).is_err());
        assert!(!path.exists(), "a new file would not know the first");
        fs::rename(&aside, &path).unwrap();
        journal.add("fourth", 10, 1).unwrap();
        drop(journal);
        let mut ids: Vec<_> = StateFile::open(&path).unwrap().load(0).unwrap();
        ids.sort();
        assert_eq!(ids, ["first", "fourth", "second", "third"].map(|id| (10, id.to_owned())));
    }

    #[test]
    fn the_file_forgets_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut file = StateFile::open(&path).unwrap();
        file.write(&[(5, "over".to_owned())], None).unwrap();
        let journal = Journal::new(file);
        lock(&journal.file).since_forgetting = FORGET_EVERY - 2;
        let held = |id: &str| {
            let all = lock(&journal.file).file.load(i64::MIN).unwrap();
            all.iter().any(|(_, held)| held == id)
        };
        journal.add("one", 10, 5).unwrap();
        assert!(held("over"));
        journal.add("two", 10, 5).unwrap();
        assert!(!held("over") && held("one") && held("two"));
    }
}
