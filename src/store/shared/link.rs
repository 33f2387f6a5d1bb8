//! What the requests of a process and its thread for Redis share.

use std::{
    fmt, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use crate::store::{
    revocation_table::RevocationTable,
    shared::{
        redis_connection::{RedisConnection, RedisFault},
        redis_url::RedisUrl,
    },
    state_log::Revocation,
};

/// The most that is read, in bytes of memory; more is not ours.
pub(super) const LARGEST_SET: usize = 2 * 1024 * 1024 * 1024;

/// The connection, and whether both sides know the same.
pub(super) struct Link {
    pub(super) url: RedisUrl,
    pub(super) table: Arc<RevocationTable>,
    /// There while Redis is followed.
    connection: ArcSwapOption<RedisConnection>,
    /// Why Redis and this process may not know the same, as found first.
    fault: Mutex<Option<RedisFault>>,
    /// Whether a revocation is known here that Redis may lack.
    is_unwritten: AtomicBool,
    unknown: AtomicU64,
    /// Where reading the key uses goes on.
    pub(super) key_uses: AtomicU64,
    /// When Redis last answered, in seconds since 1970; 0 before it did.
    answered: AtomicI64,
    /// When everything was last known here that was revoked elsewhere, or the start.
    up_to_date: Mutex<Instant>,
}

/// How well a process follows Redis.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Following {
    pub(crate) is_connected: bool,
    /// When Redis last answered, in seconds since 1970; none before it did.
    pub(crate) answered: Option<i64>,
    /// The time since everything was known here that was revoked elsewhere.
    pub(crate) lag: Duration,
}

impl Link {
    pub(super) fn new(url: RedisUrl, table: Arc<RevocationTable>) -> Self {
        Self {
            url,
            table,
            connection: ArcSwapOption::empty(),
            fault: Mutex::new(Some(not_reached())),
            is_unwritten: AtomicBool::new(false),
            unknown: AtomicU64::new(0),
            key_uses: AtomicU64::new(0),
            answered: AtomicI64::new(0),
            up_to_date: Mutex::new(Instant::now()),
        }
    }

    /// The connection for commands.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn connection(&self) -> Result<Arc<RedisConnection>, RedisFault> {
        self.connection.load_full().ok_or_else(|| {
            let lost = || RedisFault::Unreachable("the connection is lost".to_owned());
            self.fault().unwrap_or_else(lost)
        })
    }

    pub(super) fn connect(&self, connection: RedisConnection) {
        self.connection.store(Some(Arc::new(connection)));
    }

    pub(super) fn disconnect(&self, fault: RedisFault) {
        self.connection.store(None);
        self.set_fault(fault);
    }

    /// Why Redis and this process may not know the same.
    pub(super) fn fault(&self) -> Option<RedisFault> {
        self.lock().clone()
    }

    /// Redis knows what this process knows.
    pub(super) fn recover(&self) {
        // A revocation that failed in the meantime is one that Redis lacks.
        if !self.is_unwritten() {
            *self.lock() = None;
        }
    }

    /// A revocation may not have reached Redis.
    pub(super) fn fail(&self, fault: RedisFault) {
        self.is_unwritten.store(true, Ordering::Release);
        self.set_fault(fault);
    }

    pub(super) fn is_unwritten(&self) -> bool {
        self.is_unwritten.load(Ordering::Acquire)
    }

    /// Everything that is known from now on is about to be written.
    pub(super) fn begin_writing(&self) {
        self.is_unwritten.store(false, Ordering::Release);
    }

    /// Adds what others have revoked, as Redis has just answered, and counts what was not understood. Nothing is over
    /// because this clock says so: it may be corrected.
    pub(super) fn learn(&self, revocations: Vec<Revocation>, unknown: u64) {
        self.answered.store(Timestamp::now().as_second(), Ordering::Relaxed);
        self.table.learn(revocations);
        self.unknown.fetch_add(unknown, Ordering::Relaxed);
    }

    /// How many entries were not understood.
    pub(super) fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// Everything is known that was revoked elsewhere before `moment`.
    pub(super) fn catch_up(&self, moment: Instant) {
        *self.up_to_date.lock().unwrap_or_else(PoisonError::into_inner) = moment;
    }

    /// How well Redis is followed at the moment.
    pub(super) fn following(&self) -> Following {
        let up_to_date = *self.up_to_date.lock().unwrap_or_else(PoisonError::into_inner);
        Following {
            is_connected: self.connection.load().is_some(),
            answered: Some(self.answered.load(Ordering::Relaxed)).filter(|second| *second > 0),
            lag: up_to_date.elapsed(),
        }
    }

    /// The first reason of a kind stays, so that an outage is one change in the log, however it looks from time to time.
    fn set_fault(&self, fault: RedisFault) {
        let mut known = self.lock();
        let is_same = known.as_ref().is_some_and(|known| {
            *known != not_reached() && mem::discriminant(known) == mem::discriminant(&fault)
        });
        if !is_same {
            *known = Some(fault);
        }
    }

    /// # Errors
    /// More is known than can be kept in memory.
    pub(super) fn check_size(&self) -> Result<(), RedisFault> {
        if self.table.bytes() > LARGEST_SET { Err(too_large()) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<RedisFault>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn too_large() -> RedisFault {
    RedisFault::Unreachable("it holds too many revocations".to_owned())
}

fn not_reached() -> RedisFault {
    RedisFault::Unreachable("it was not reached yet".to_owned())
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("url", &self.url.to_string()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_when_revocations_are_read_forgets_none() {
        let url = RedisUrl::parse("redis://localhost").unwrap();
        let link = Link::new(url, Arc::default());
        // Redis still has it, so by the right clock it is not over.
        link.learn(vec![Revocation { id: "id".to_owned(), until: 10 }], 0);
        assert!(link.table.contains("id"));
    }
}
