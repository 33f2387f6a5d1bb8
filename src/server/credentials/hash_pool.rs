//! Bounded threads for hashing, and bounded queues in front of them.

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    io,
    num::NonZero,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

/// How many of a kind may wait for each thread.
const QUEUE_PER_THREAD: usize = 64;

/// The priority of a thread that hashes a password (nice(2)): it gets a tenth of a busy core.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// What is hashed. Only right keys are, so passwords, which strangers can send, wait behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretKind {
    ApiKey,
    Password,
}

/// Runs work on threads beside the workers, a bounded number at once, keys first, and of a kind first come first
/// served. The work of a caller that is dropped while it waits is never begun.
#[derive(Debug)]
pub(crate) struct HashPool {
    threads: usize,
    queues: Mutex<Queues>,
    done: AtomicU64,
    /// Nanoseconds that all finished work took.
    busy: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

/// The idle threads, and the callers that wait for one.
#[derive(Debug, Default)]
struct Queues {
    idle: usize,
    keys: VecDeque<Caller>,
    passwords: VecDeque<Caller>,
    arrivals: u64,
}

#[derive(Debug)]
struct Caller {
    number: u64,
    thread: oneshot::Sender<Thread>,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueFull {
    /// How long the queue as it is now will take, estimated from the work so far.
    pub(crate) retry_after: Duration,
}

/// The right to run one piece of work on a thread of the pool.
#[derive(Debug)]
pub(crate) struct Permit {
    thread: Thread,
    kind: SecretKind,
}

/// A thread of the pool; dropped, it goes to the next caller.
#[derive(Debug)]
struct Thread(Arc<HashPool>);

impl Drop for Thread {
    fn drop(&mut self) {
        let next = {
            let mut queues = self.0.lock();
            let next = queues.keys.pop_front().or_else(|| queues.passwords.pop_front());
            queues.idle += usize::from(next.is_none());
            next
        };
        // One that is gone by now drops it again.
        let _ = next.map(|caller| caller.thread.send(Thread(Arc::clone(&self.0))));
    }
}

/// A caller in the queue.
struct Waiting<'p> {
    pool: &'p HashPool,
    kind: SecretKind,
    number: u64,
    thread: oneshot::Receiver<Thread>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut queues = self.pool.lock();
        let queue = queues.of(self.kind);
        if let Some(at) = queue.iter().position(|caller| caller.number == self.number) {
            queue.remove(at);
            self.pool.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Queues {
    fn of(&mut self, kind: SecretKind) -> &mut VecDeque<Caller> {
        match kind {
            SecretKind::ApiKey => &mut self.keys,
            SecretKind::Password => &mut self.passwords,
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
            queues: Mutex::new(Queues { idle: threads, ..Queues::default() }),
            done: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// Waits for a thread.
    ///
    /// # Errors
    /// [`QueueFull`] at once, if too many of this kind wait already.
    pub(crate) async fn acquire(self: &Arc<Self>, kind: SecretKind) -> Result<Permit, QueueFull> {
        let mut waiting = {
            let mut queues = self.lock();
            if queues.idle > 0 {
                queues.idle -= 1;
                return Ok(Permit { thread: Thread(Arc::clone(self)), kind });
            }
            if queues.of(kind).len() >= self.threads * QUEUE_PER_THREAD {
                drop(queues);
                return Err(self.full());
            }
            let (number, (sender, thread)) = (queues.arrivals, oneshot::channel());
            queues.arrivals += 1;
            queues.of(kind).push_back(Caller { number, thread: sender });
            Waiting { pool: self, kind, number, thread }
        };
        // The sender is not dropped while the pool lives.
        let thread = (&mut waiting.thread).await.map_err(|_| self.full())?;
        Ok(Permit { thread, kind })
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
        self.threads - self.lock().idle
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        let queues = self.lock();
        queues.keys.len() + queues.passwords.len()
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, took: Duration) {
        let nanoseconds = took.as_nanos().try_into().unwrap_or(u64::MAX);
        self.busy.fetch_add(nanoseconds, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
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
            // Not of keys: strangers can cause no such work, and clients wait for their first login.
            if self.kind == SecretKind::Password {
                lower_priority();
            }
            let began = Instant::now();
            let result = work();
            self.thread.0.count(began.elapsed());
            drop(self.thread);
            // The caller may be gone.
            let _ = answer.send(result);
        })?;
        answered.await.map_err(|_| io::Error::other("the work panicked"))
    }
}

/// Where the priority cannot be lowered, the work is done all the same.
fn lower_priority() {
    // Elsewhere nice(2) is of the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}
