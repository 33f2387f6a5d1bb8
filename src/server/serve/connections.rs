//! The connections of the service: stuck ones are closed, and a stopping service waits until all have settled.

use std::{
    any::Any,
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Shutdown, TcpStream},
    os::fd::AsFd,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    dev::Extensions,
    rt::{net, spawn, time},
};
use ipnet::IpNet;
use prometheus::IntCounter;
use tokio::task::AbortHandle;

use crate::{
    server::{http::activity::Activity, limits::STUCK_TIMEOUT},
    store::attempts::network,
};

/// A connection in use is active at least this often.
const INTERVAL: Duration = Duration::from_millis(300);
/// Upper bound on how many intervals a stopping service waits for idle connections.
const INTERVALS: u32 = 20;

/// All connections of a service.
#[derive(Debug)]
pub(crate) struct Connections {
    /// Connections that were opened, and answers that were given.
    events: Arc<AtomicUsize>,
    /// How many each address has open; those of trusted proxies are not counted.
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most_of_one_address: usize,
    trusted_proxies: Vec<IpNet>,
    refused: IntCounter,
}

/// A connection that counts as one of its address until this is dropped.
#[derive(Debug)]
struct CountedConnection {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = open.entry(self.address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Dropped with its connection, and then no longer watches it.
#[derive(Debug)]
struct ConnectionWatch(AbortHandle);

impl Drop for ConnectionWatch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connections {
    /// No connections yet; `refused` counts those that are closed because their address has too many.
    pub(crate) fn new(
        most_of_one_address: usize,
        trusted_proxies: Vec<IpNet>,
        refused: IntCounter,
    ) -> Self {
        let (events, open) = Default::default();
        Self { events, open, most_of_one_address, trusted_proxies, refused }
    }

    /// Watches a connection from now on. actix-web calls this in the worker that serves the connection, and gives
    /// `data` to each of its requests.
    pub(crate) fn opened(&self, stream: &dyn Any, data: &mut Extensions) {
        self.events.fetch_add(1, Ordering::Relaxed);
        let Some(socket) = second_handle(stream) else { return };
        if let Some(address) = self.counted_address(&socket) {
            let Some(counted) = self.count(address) else {
                self.refused.inc();
                log::debug!("closing a connection of {address}, which has too many");
                let _ = socket.shutdown(Shutdown::Both);
                return;
            };
            data.insert(counted);
        }
        let activity = Rc::new(Activity::new(Arc::clone(&self.events)));
        let watch = spawn(close_when_stuck(socket, Rc::clone(&activity))).abort_handle();
        data.insert(activity);
        data.insert(ConnectionWatch(watch));
    }

    /// None for a trusted proxy.
    fn counted_address(&self, socket: &TcpStream) -> Option<IpAddr> {
        let address = socket.peer_addr().ok()?.ip().to_canonical();
        if self.trusted_proxies.iter().any(|network| network.contains(&address)) {
            return None;
        }
        network(Some(address))
    }

    /// None if the address has as many as it may have.
    fn count(&self, address: IpAddr) -> Option<CountedConnection> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_default();
        if *count >= self.most_of_one_address {
            return None;
        }
        *count += 1;
        Some(CountedConnection { open: Arc::clone(&self.open), address })
    }

    /// Waits until no connection was opened and no answer given for an interval: those that are left are idle, or have
    /// a request in progress.
    pub(crate) async fn settle(&self) {
        for _ in 0..INTERVALS {
            let before = self.events.load(Ordering::Relaxed);
            time::sleep(INTERVAL).await;
            if self.events.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

/// Closes a connection without activity that has no request in progress. actix-web does so for the first head and for
/// idle connections; this is for later heads that never end, answers that are never read, and endless bodies that no
/// handler reads.
async fn close_when_stuck(socket: TcpStream, activity: Rc<Activity>) {
    let mut seen = None;
    loop {
        time::sleep(STUCK_TIMEOUT).await;
        let events = Some(activity.events());
        if seen == events && !activity.has_request_in_progress() {
            break;
        }
        seen = events;
    }
    log::debug!("closing a connection that is stuck: peer={:?}", socket.peer_addr().ok());
    let _ = socket.shutdown(Shutdown::Both);
}

fn second_handle(stream: &dyn Any) -> Option<TcpStream> {
    let tcp = match stream.downcast_ref::<TlsStream<net::TcpStream>>() {
        Some(tls) => tls.get_ref().0,
        None => stream.downcast_ref::<net::TcpStream>()?,
    };
    tcp.as_fd().try_clone_to_owned().ok().map(TcpStream::from)
}
