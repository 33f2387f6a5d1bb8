//! A lane of its own for slow work: few threads of low priority, and a bounded queue before them.
//!
//! Must not know what the work is.

#[cfg(test)]
mod tests;

use std::{
    io,
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, oneshot};

/// How many may wait for each thread.
const PLACES: usize = 64;

/// By how much other threads go first (nice(2)): the one that hashes gets a tenth of a busy core.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Work that is done on threads besides those that serve, as many at once as the lane has.
///
/// Whoever comes first is served first. A caller that is dropped while it waits gives its place back, and its work is
/// never begun.
#[derive(Debug)]
pub(crate) struct Lane {
    threads: usize,
    /// A permit for every thread that does nothing.
    idle: Arc<Semaphore>,
    /// A permit for every free place in the queue.
    places: Semaphore,
    done: AtomicU64,
    /// Nanoseconds of all that is done.
    busy: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

/// Nobody else can wait now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    /// When those who wait now will be served, by what work took so far.
    pub(crate) retry_after: Duration,
}

/// A thread of the lane that is ready for one piece of work.
pub(crate) struct Turn {
    lane: Arc<Lane>,
    thread: OwnedSemaphorePermit,
    /// Whether it took a while to get it.
    pub(crate) has_waited: bool,
}

/// A caller in the queue.
struct Waiting<'l> {
    _place: SemaphorePermit<'l>,
    dropped: Option<&'l AtomicU64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Lane {
    /// All cores but one for the work, and at least one.
    pub(crate) fn beside_serving() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::new(cores.saturating_sub(1).max(1))
    }

    /// A lane of so many threads, at least one.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads,
            idle: Arc::new(Semaphore::new(threads)),
            places: Semaphore::new(threads * PLACES),
            done: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Waits for a thread.
    ///
    /// # Errors
    /// [`Full`] at once, if too many wait already.
    pub(crate) async fn turn(self: &Arc<Self>) -> Result<Turn, Full> {
        let (lane, idle) = (Arc::clone(self), Arc::clone(&self.idle));
        if let Ok(thread) = Arc::clone(&idle).try_acquire_owned() {
            return Ok(Turn { lane, thread, has_waited: false });
        }
        let place = self.places.try_acquire().map_err(|_| self.full())?;
        let mut waiting = Waiting { _place: place, dropped: Some(&self.dropped) };
        // It is never closed.
        let thread = idle.acquire_owned().await.map_err(|_| self.full())?;
        waiting.dropped = None;
        Ok(Turn { lane, thread, has_waited: true })
    }

    fn full(&self) -> Full {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed).max(1);
        let mean = Duration::from_nanos(self.busy.load(Ordering::Relaxed) / done);
        let ahead = (self.waiting() + self.running()).div_ceil(self.threads);
        Full { retry_after: mean.saturating_mul(ahead.try_into().unwrap_or(u32::MAX)) }
    }

    /// How much is being done.
    pub(crate) fn running(&self) -> usize {
        self.threads - self.idle.available_permits()
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.threads * PLACES - self.places.available_permits()
    }

    /// How much was done since the start, and how long that took in all.
    pub(crate) fn done(&self) -> (u64, Duration) {
        let busy = Duration::from_nanos(self.busy.load(Ordering::Relaxed));
        (self.done.load(Ordering::Relaxed), busy)
    }

    /// How many were dropped while they waited, since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many found the queue full, since the start.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Turn {
    /// Does the work. Once begun it goes on to its end, whether the caller is still there or not.
    ///
    /// # Errors
    /// The system gives no thread, or the work panicked.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (answer, answered) = oneshot::channel();
        // A thread for each piece of work: next to work worth a lane, making one costs nothing.
        thread::Builder::new().name("lane".to_owned()).spawn(move || {
            give_way();
            let began = Instant::now();
            let done = work();
            self.end(began.elapsed());
            // Nobody may be there to hear it.
            let _ = answer.send(done);
        })?;
        answered.await.map_err(|_| io::Error::other("the work panicked"))
    }

    fn end(self, took: Duration) {
        let nanoseconds = took.as_nanos().try_into().unwrap_or(u64::MAX);
        self.lane.busy.fetch_add(nanoseconds, Ordering::Relaxed);
        self.lane.done.fetch_add(1, Ordering::Relaxed);
        drop(self.thread);
    }
}

/// Lets other threads go first; where that is not possible, the work is done all the same.
fn give_way() {
    // Elsewhere it would be the whole process that gives way.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}
