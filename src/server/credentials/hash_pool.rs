//! Bounded threads of low priority for hashing, and a bounded queue in front of them.

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
const QUEUE_PER_THREAD: usize = 64;

/// The priority of a hashing thread (nice(2)): it gets a tenth of a busy core.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Runs work on threads beside the workers, a bounded number at once, first come first served. The work of a caller
/// that is dropped while it waits is never begun.
#[derive(Debug)]
pub(crate) struct HashPool {
    threads: usize,
    /// One permit for every idle thread.
    idle: Arc<Semaphore>,
    /// One permit for every free slot in the queue.
    queue: Semaphore,
    done: AtomicU64,
    /// Nanoseconds that all finished work took.
    busy: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueFull {
    /// How long the queue as it is now will take, estimated from the work so far.
    pub(crate) retry_after: Duration,
}

/// The right to run one piece of work on a thread of the pool.
pub(crate) struct Permit {
    pool: Arc<HashPool>,
    thread: OwnedSemaphorePermit,
    /// Whether the caller had to wait for it.
    pub(crate) has_waited: bool,
}

/// A caller in the queue.
struct Waiting<'l> {
    _slot: SemaphorePermit<'l>,
    dropped: Option<&'l AtomicU64>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped {
            dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl HashPool {
    /// A pool of one thread less than there are cores, and at least one.
    pub(crate) fn beside_workers() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::new(cores.saturating_sub(1).max(1))
    }

    /// A pool of so many threads, at least one.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            threads,
            idle: Arc::new(Semaphore::new(threads)),
            queue: Semaphore::new(threads * QUEUE_PER_THREAD),
            done: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Waits for a thread.
    ///
    /// # Errors
    /// [`QueueFull`] at once, if too many wait already.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Result<Permit, QueueFull> {
        let (pool, idle) = (Arc::clone(self), Arc::clone(&self.idle));
        if let Ok(thread) = Arc::clone(&idle).try_acquire_owned() {
            return Ok(Permit { pool, thread, has_waited: false });
        }
        let slot = self.queue.try_acquire().map_err(|_| self.full())?;
        let mut waiting = Waiting { _slot: slot, dropped: Some(&self.dropped) };
        // The semaphore is never closed.
        let thread = idle.acquire_owned().await.map_err(|_| self.full())?;
        waiting.dropped = None;
        Ok(Permit { pool, thread, has_waited: true })
    }

    fn full(&self) -> QueueFull {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let done = self.done.load(Ordering::Relaxed).max(1);
        let mean = Duration::from_nanos(self.busy.load(Ordering::Relaxed) / done);
        let ahead = (self.waiting() + self.running()).div_ceil(self.threads);
        QueueFull { retry_after: mean.saturating_mul(ahead.try_into().unwrap_or(u32::MAX)) }
    }

    /// How many are being hashed.
    pub(crate) fn running(&self) -> usize {
        self.threads - self.idle.available_permits()
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.threads * QUEUE_PER_THREAD - self.queue.available_permits()
    }

    /// How many were hashed since the start, and how long that took in total.
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

impl Permit {
    /// Runs the work. Once begun it runs to its end, even if the caller is gone.
    ///
    /// # Errors
    /// The system provides no thread, or the work panicked.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (answer, answered) = oneshot::channel();
        // A new thread for each piece of work: beside a bcrypt, that costs nothing.
        thread::Builder::new().name("hash".to_owned()).spawn(move || {
            lower_priority();
            let began = Instant::now();
            let result = work();
            self.finish(began.elapsed());
            // The caller may be gone.
            let _ = answer.send(result);
        })?;
        answered.await.map_err(|_| io::Error::other("the work panicked"))
    }

    fn finish(self, took: Duration) {
        let nanoseconds = took.as_nanos().try_into().unwrap_or(u64::MAX);
        self.pool.busy.fetch_add(nanoseconds, Ordering::Relaxed);
        self.pool.done.fetch_add(1, Ordering::Relaxed);
        drop(self.thread);
    }
}

/// Where the priority cannot be lowered, the work is done all the same.
fn lower_priority() {
    // Elsewhere nice(2) is of the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}
