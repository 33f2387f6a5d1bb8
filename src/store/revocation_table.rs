//! The revocations that are known in memory, where they are looked up.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::store::state_log::Revocation;

/// Cleaning up walks over the table, which is worth it after this many additions.
pub(super) const CLEAN_UP_EVERY: usize = 1024;

/// Revoked token ids.
///
/// A clock may be wrong for a while, so it alone makes nothing forgotten: the process must also have run for as long as
/// any token lives since it learned of the revocation.
#[derive(Debug, Default)]
pub(crate) struct RevocationTable {
    table: RwLock<Table>,
    /// Whether everything that was revoked before the start is here.
    is_complete: AtomicBool,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<String, Entry>,
    added: usize,
    /// The memory of the entries.
    bytes: usize,
    /// How long the process had run when it last forgot some.
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
        let bytes = entry_bytes(id.len());
        if self.entries.insert(id, Entry { until, since: self.uptime }).is_none() {
            self.bytes += bytes;
        }
        self.added += 1;
    }
}

/// About the memory that an entry takes whose id has so many bytes.
pub(super) fn entry_bytes(id: usize) -> usize {
    id + 2 * size_of::<(String, Entry)>()
}

impl RevocationTable {
    /// Whether this `jti` is revoked.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.read().entries.contains_key(id)
    }

    /// How many there are; some of them may not be needed any more.
    pub(crate) fn len(&self) -> usize {
        self.read().entries.len()
    }

    /// About the memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.read().bytes
    }

    /// Adds a revocation.
    pub(crate) fn add(&self, revocation: Revocation) {
        self.write().add(revocation);
    }

    /// Adds those that are not there, as others have added them.
    pub(crate) fn learn(&self, revocations: impl IntoIterator<Item = Revocation>) {
        let mut table = self.write();
        for revocation in revocations {
            if !table.entries.contains_key(&revocation.id) {
                table.add(revocation);
            }
        }
    }

    /// Those that are still needed at the second `now`.
    pub(crate) fn living(&self, now: i64) -> Vec<Revocation> {
        let table = self.read();
        let living = table.entries.iter().filter(|(_, entry)| entry.until > now);
        living.map(|(id, entry)| Revocation { id: id.clone(), until: entry.until }).collect()
    }

    /// Removes what is not needed at the second `now`, once in a while, and returns it. `longest` is the time from the
    /// issue of a token to the end of its revocation, at most.
    pub(crate) fn forget(&self, now: i64, uptime: Duration, longest: Duration) -> Vec<Revocation> {
        let mut table = self.write();
        table.uptime = uptime;
        // At least half of the table is new when it is walked, so that the cost per addition does not grow with it.
        if table.added < CLEAN_UP_EVERY.max(table.entries.len() / 2) {
            return Vec::new();
        }
        table.added = 0;
        let is_over = |_: &String, entry: &mut Entry| {
            entry.until <= now && uptime.saturating_sub(entry.since) >= longest
        };
        let over = table.entries.extract_if(is_over);
        let over: Vec<_> = over.map(|(id, entry)| Revocation { id, until: entry.until }).collect();
        table.bytes -=
            over.iter().map(|revocation| entry_bytes(revocation.id.len())).sum::<usize>();
        over
    }

    /// Whether everything that was revoked before the start is here: until then no token can be judged.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// From now on it is.
    pub(crate) fn complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}
