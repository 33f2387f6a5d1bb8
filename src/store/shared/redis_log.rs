//! Revocations in Redis, shared by all replicas.

use std::{
    fmt, io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use futures_util::future::select;
use jiff::Timestamp;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    time::timeout,
};

use crate::store::{
    revocation_table::RevocationTable,
    shared::{
        key_uses,
        link::{Following, Link},
        redis_connection::{RedisConnection, RedisFault, silent},
        redis_url::RedisUrl,
        replication, revocation_set,
    },
    state_error::{StateError, StateErrorKind},
    state_log::{KeyUse, Revocation, StateLog},
};

/// How long a start waits for Redis.
const START_TIME: Duration = Duration::from_secs(3);

/// How long recording and reading the key uses may take.
const KEY_USES_TIME: Duration = Duration::from_secs(4);

/// Redis, as the requests of a process use it; a thread of its own keeps both in step until the last clone is dropped.
#[derive(Clone)]
pub(crate) struct RedisLog {
    link: Arc<Link>,
    runtime: Handle,
    _alive: Arc<oneshot::Sender<()>>,
}

impl fmt::Debug for RedisLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLog").field("link", &self.link).finish_non_exhaustive()
    }
}

impl RedisLog {
    /// Fills `table` with the revocations in Redis, and keeps it filled. Waits a moment until it is complete, if Redis
    /// can be expected to answer; else it is complete later.
    ///
    /// # Errors
    /// The system provides no thread.
    pub(crate) fn start(
        url: RedisUrl,
        table: Arc<RevocationTable>,
        waits: bool,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, link) = (runtime.handle().clone(), Arc::new(Link::new(url, table)));
        let (alive, ended) = oneshot::channel::<()>();
        let (settled, first) = mpsc::sync_channel(1);
        let followed = Arc::clone(&link);
        thread::Builder::new().name("redis".to_owned()).spawn(move || {
            let run = replication::run(&followed, || {
                let _ = settled.try_send(());
            });
            let _reported = ReportsEnd(&followed);
            runtime.block_on(select(pin!(run), ended));
        })?;
        if waits {
            // What becomes of a first attempt that takes longer is told by the fault.
            let _ = first.recv_timeout(START_TIME);
        }
        Ok(Self { link, runtime: handle, _alive: Arc::new(alive) })
    }

    fn error(&self, fault: RedisFault) -> StateError {
        error(&self.link.url, fault)
    }

    /// The connection for commands.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn connection(&self) -> Result<Arc<RedisConnection>, RedisFault> {
        self.link.connection()
    }

    /// Does something beside the requests.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// How many entries in Redis were not understood, since the start.
    pub(crate) fn unknown(&self) -> u64 {
        self.link.unknown()
    }

    /// How well Redis is followed at the moment.
    pub(crate) fn following(&self) -> Following {
        self.link.following()
    }
}

/// However the thread ends, a panic included, Redis is not followed from then on.
struct ReportsEnd<'l>(&'l Link);

impl Drop for ReportsEnd<'_> {
    fn drop(&mut self) {
        let fault = "it is not followed any more, until a restart";
        self.0.disconnect(RedisFault::Unreachable(fault.to_owned()));
    }
}

fn error(url: &RedisUrl, fault: RedisFault) -> StateError {
    StateError { location: url.to_string(), kind: StateErrorKind::OutOfStep(fault) }
}

/// What is known of Redis before anything listens.
#[derive(Debug)]
pub(crate) struct Probe {
    /// How it makes room, where revocations may be thrown away for that.
    pub(crate) eviction: Option<String>,
}

/// Whether Redis can be reached and read.
///
/// # Errors
/// Why not; [`RedisFault::Unreachable`] may pass by itself.
pub(crate) fn probe(url: &RedisUrl) -> Result<Probe, StateError> {
    // A thread of its own, since the caller may be in an asynchronous context.
    let probed = thread::scope(|scope| scope.spawn(|| run_probe(url)).join());
    let failed = |_| Err(RedisFault::Unreachable("it could not be asked".to_owned()));
    probed.unwrap_or_else(failed).map_err(|fault| error(url, fault))
}

/// When keys were last used, as far as it is recorded in Redis. Not for an asynchronous context.
///
/// # Errors
/// Redis cannot be reached or read.
pub(crate) fn read_key_uses(url: &RedisUrl) -> Result<Vec<KeyUse>, StateError> {
    let read = run_once(url, async |connection| {
        let (cursor, mut uses) = (AtomicU64::new(0), Vec::new());
        loop {
            uses.extend(key_uses::exchange(connection, &[], &cursor).await?);
            if cursor.load(Ordering::Relaxed) == 0 {
                break Ok(uses);
            }
        }
    });
    read.map_err(|fault| error(url, fault))
}

fn run_probe(url: &RedisUrl) -> Result<Probe, RedisFault> {
    run_once(url, async |connection| {
        revocation_set::probe(connection).await?;
        // Whoever may not ask is not warned.
        Ok(Probe { eviction: revocation_set::eviction(connection).await.unwrap_or_default() })
    })
}

/// Asks over a connection of its own.
fn run_once<T>(
    url: &RedisUrl,
    ask: impl AsyncFnOnce(&RedisConnection) -> Result<T, RedisFault>,
) -> Result<T, RedisFault> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| RedisFault::Unreachable(error.to_string()))?;
    let asked = async {
        let (connection, _driver) = RedisConnection::open(url).await?;
        ask(&connection).await
    };
    let probed = runtime.block_on(async { timeout(START_TIME, asked).await });
    // A look-up of the name that hangs is left alone.
    runtime.shutdown_background();
    probed.unwrap_or_else(|_| Err(silent()))
}

impl StateLog for RedisLog {
    fn append(&self, revocation: Revocation, now: Timestamp) -> Result<(), StateError> {
        let written = self.link.connection().and_then(|connection| {
            self.runtime.block_on(revocation_set::add(&connection, &[revocation], now))
        });
        written.map_err(|fault| {
            self.link.fail(fault.clone());
            self.error(fault)
        })
    }

    /// They expire by themselves.
    fn remove(&self, _: &[Revocation]) -> Result<(), StateError> {
        self.check()
    }

    fn check(&self) -> Result<(), StateError> {
        self.link.fault().map_or(Ok(()), |fault| Err(self.error(fault)))
    }

    fn exchange_key_uses(&self, uses: &[KeyUse]) -> Result<Vec<KeyUse>, StateError> {
        let exchanged = self.link.connection().and_then(|connection| {
            let exchange = key_uses::exchange(&connection, uses, &self.link.key_uses);
            // The whole of it: who asks has other things to do.
            let exchanged = self.runtime.block_on(async { timeout(KEY_USES_TIME, exchange).await });
            exchanged.unwrap_or_else(|_| Err(silent()))
        });
        exchanged.map_err(|fault| self.error(fault))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ends_by_a_panic_is_a_fault() {
        let url = RedisUrl::parse("redis://localhost").unwrap();
        let link = Link::new(url, Arc::default());
        link.recover();
        assert_eq!(link.fault(), None);
        thread::scope(|scope| {
            let ended = scope.spawn(|| {
                let _reported = ReportsEnd(&link);
                panic!("as a library could");
            });
            assert!(ended.join().is_err());
        });
        assert!(link.fault().is_some() && link.connection().is_err());
    }
}
