//! How much of everything peers may take: connections, time, and length of an address.
//!
//! Must not know requests. Bodies have their own limits, in `body`; those of headers are the parser's.

use std::{num::NonZeroUsize, thread, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most connections at a time, all workers together: further ones wait in the listener's queue.
const CONNECTIONS: u64 = 4096;
/// Files that a connection needs: its socket, and a second handle of it.
const FILES_OF_CONNECTION: u64 = 2;
/// Files that are open besides: roster, state, standard streams, connections to other issuers.
const FILES_BESIDES: u64 = 64;
/// Files that a worker needs for itself.
const FILES_OF_WORKER: u64 = 8;

/// How many connections wait to be accepted.
pub(crate) const QUEUE: i32 = 1024;
/// How long the first head of a connection may take, and how long a handshake.
pub(crate) const HEAD: Duration = Duration::from_secs(5);
/// How long a connection may lie idle.
pub(crate) const IDLE: Duration = Duration::from_secs(5);
/// How long a connection on which nothing moves is borne, at least; twice as long at most.
pub(crate) const STUCK: Duration = Duration::from_secs(8);
/// How long connections may take to end once the service was told to stop.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// The longest address of a request, from its path on, in bytes: as long as any token.
pub(crate) const ADDRESS: usize = 8 * 1024;

/// The number of workers: as set, or one a core.
pub(crate) fn workers(set: Option<NonZeroUsize>) -> usize {
    let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    // actix-web takes no more.
    set.unwrap_or_else(cores).get().min(512)
}

/// How many connections each of so many workers may have, after this process was allowed the files that they need.
/// Where it may not have as many files, it is fewer connections: accepting never fails for want of a file.
pub(crate) fn connections_of_worker(workers: usize) -> usize {
    let workers = u64::try_from(workers).unwrap_or(u64::MAX);
    let besides = FILES_BESIDES.saturating_add(workers.saturating_mul(FILES_OF_WORKER));
    let files = allowed(CONNECTIONS.saturating_mul(FILES_OF_CONNECTION).saturating_add(besides));
    let connections = CONNECTIONS.min(files.saturating_sub(besides) / FILES_OF_CONNECTION);
    if connections < CONNECTIONS {
        log::warn!(
            "at most {files} files may be open (ulimit -n), which is enough for {connections} connections"
        );
    }
    usize::try_from(connections / workers).unwrap_or(usize::MAX).max(1)
}

/// How many files may be open, after asking for `wanted`.
fn allowed(wanted: u64) -> u64 {
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
