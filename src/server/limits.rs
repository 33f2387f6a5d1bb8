//! How much of everything peers may use: connections, time, lengths. Limits of headers are the parser's.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most connections at a time, all workers together: further ones wait in the listener's backlog.
const CONNECTIONS: u64 = 4096;
/// Files that a connection needs: its socket, and a second handle of it.
const FILES_PER_CONNECTION: u64 = 2;
/// Files that are open besides: roster, state, standard streams, connections to external issuers.
const OTHER_FILES: u64 = 64;
/// Files that a worker needs for itself.
const FILES_PER_WORKER: u64 = 8;

/// How many connections wait to be accepted.
pub(crate) const BACKLOG: i32 = 1024;
/// How long the first head of a connection may take, and how long a TLS handshake.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may be idle.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection without activity is kept, at least; twice as long at most.
pub(crate) const STUCK_TIMEOUT: Duration = Duration::from_secs(8);
/// How long connections may take to end once the service is stopping.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest URL of a request, from its path on, in bytes: as long as any token.
pub(crate) const URL_BYTES: usize = 8 * 1024;
/// The largest body that an operation of hallpass takes.
pub(crate) const BODY_BYTES: usize = 16 * 1024;
/// How long a body may take to arrive.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How many passwords of one address are hashed or wait for it at a time; its other callers wait behind them.
pub(crate) const PASSWORDS_PER_ADDRESS: usize = 2;
/// How many new API keys of one address count as failed attempts at a time; its other callers wait behind them.
pub(crate) const COUNTED_KEYS_PER_ADDRESS: usize = 2;
/// How long a password waits until it is counted for all replicas. Later than that, this process counts alone.
pub(crate) const PASSWORD_COUNT_TIME: Duration = Duration::from_secs(1);
/// The same of a new API key: it is nearly always right, and many may come at once.
pub(crate) const KEY_COUNT_TIME: Duration = Duration::from_millis(250);
/// How long the application may take to say what an account may do, or whose an API key is.
pub(crate) const LOOKUP_TIME: Duration = Duration::from_secs(5);
/// How long the answer is remembered which client of the application an API key belongs to.
pub(crate) const CLIENT_REMEMBERED: Duration = Duration::from_secs(5);
/// How many such answers are remembered.
pub(crate) const CLIENTS_REMEMBERED: usize = 10_000;
/// How many tokens one client or user gets at once.
pub(crate) const TOKENS_AT_ONCE: NonZeroU32 = NonZeroU32::new(500).unwrap();
/// How soon it gets another one then.
pub(crate) const TOKEN_INTERVAL: Duration = Duration::from_millis(20);
/// The most bytes of a large answer that are copied for one peer at a time.
pub(crate) const CHUNK_BYTES: usize = 16 * 1024;
/// The most characters of a refusal's detail, which may quote what was sent.
pub(crate) const DETAIL_CHARACTERS: usize = 1024;
/// The longest time, in seconds, that `Retry-After` says.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 60 * 60;
/// The time, in seconds, that `Retry-After` says while the state that replicas share is out of reach.
pub(crate) const STATE_RETRY_SECONDS: u64 = 5;

/// The number of workers: as set, or one a core.
pub(crate) fn workers(set: Option<NonZeroUsize>) -> usize {
    let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    // actix-web takes no more.
    set.unwrap_or_else(cores).get().min(512)
}

/// How many connections each worker may have. Raises the limit of open files as far as that takes; where it cannot be
/// raised enough, there are fewer connections, so that accepting never fails for lack of a file.
pub(crate) fn connections_per_worker(workers: usize) -> usize {
    let workers = u64::try_from(workers).unwrap_or(u64::MAX);
    let others = OTHER_FILES.saturating_add(workers.saturating_mul(FILES_PER_WORKER));
    let files =
        allowed_files(CONNECTIONS.saturating_mul(FILES_PER_CONNECTION).saturating_add(others));
    let connections = CONNECTIONS.min(files.saturating_sub(others) / FILES_PER_CONNECTION);
    if connections < CONNECTIONS {
        log::warn!(
            "at most {files} files may be open (ulimit -n), which is enough for {connections} connections"
        );
    }
    usize::try_from(connections / workers).unwrap_or(usize::MAX).max(1)
}

/// How many of all connections one address may have that is no trusted proxy: further ones are closed at once, so that
/// one peer cannot make all others wait.
pub(crate) fn connections_of_one_address(connections: usize) -> usize {
    (connections / 8).max(1)
}

/// How many files may be open, after the limit was raised to `wanted` if possible.
fn allowed_files(wanted: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(wanted, |most| most.min(wanted));
    match limit.current {
        None => wanted,
        Some(current) if current >= most => current,
        Some(current) => {
            let raised = Rlimit { current: Some(most), maximum: limit.maximum };
            setrlimit(Resource::Nofile, raised).map_or(current, |()| most)
        }
    }
}
