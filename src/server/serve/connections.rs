//! The connections of this service: an end for those that are stuck, and whether all have come to rest.
//!
//! Must not know what a request asks for.

use std::{
    any::Any,
    cell::Cell,
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{
    HttpRequest,
    dev::Extensions,
    rt::{net, spawn, time},
};
use tokio::task::AbortHandle;

use crate::server::{gate::Gate, limits::STUCK};

/// A connection in use is not still for longer, in the middle of its use.
const MOMENT: Duration = Duration::from_millis(300);
/// So many moments are waited for rest at most.
const MOMENTS: u32 = 20;

/// All connections of a service.
#[derive(Debug)]
pub(crate) struct Connections {
    gate: Gate,
    /// Connections that were opened, and answers that were given since the service is stopping.
    moves: AtomicUsize,
}

/// What a request knows of its connection. It is dropped with the connection, and its watch with it.
#[derive(Debug)]
pub(crate) struct Connection {
    all: Arc<Connections>,
    pulse: Rc<Pulse>,
    watch: AbortHandle,
}

/// What moves on a connection.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    requests_in_hand: Cell<usize>,
    moves: Cell<usize>,
}

impl Pulse {
    /// The pulse of the connection that a request came on; `None` where nobody watches it.
    pub(crate) fn of(request: &HttpRequest) -> Option<Rc<Self>> {
        request.conn_data::<Connection>().map(|connection| Rc::clone(&connection.pulse))
    }

    /// Notes that something moves.
    pub(crate) fn beat(&self) {
        self.moves.set(self.moves.get().wrapping_add(1));
    }
}

/// A request that is being answered: as long as it is held, its connection is not stuck.
#[derive(Debug)]
pub(crate) struct InHand {
    all: Arc<Connections>,
    pulse: Rc<Pulse>,
}

impl Connections {
    pub(crate) fn new(gate: Gate) -> Arc<Self> {
        Arc::new(Self { gate, moves: AtomicUsize::new(0) })
    }

    /// Watches a connection from its opening on. actix-web calls it in the worker that serves the connection, and
    /// gives `data` to each of its requests.
    pub(crate) fn opened(self: &Arc<Self>, stream: &dyn Any, data: &mut Extensions) {
        self.moves.fetch_add(1, Ordering::Relaxed);
        let Some(socket) = second_handle(stream) else { return };
        let pulse = Rc::new(Pulse::default());
        let watch = spawn(end_when_stuck(socket, Rc::clone(&pulse))).abort_handle();
        data.insert(Connection { all: Arc::clone(self), pulse, watch });
    }

    /// Ready once no connection was opened and no answer given for a moment: what is left is idle, or has a request
    /// in hand.
    pub(crate) async fn at_rest(&self) {
        for _ in 0..MOMENTS {
            let before = self.moves.load(Ordering::Relaxed);
            time::sleep(MOMENT).await;
            if self.moves.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl InHand {
    /// Takes a request in hand; `None` where nobody watches its connection.
    pub(crate) fn take(request: &HttpRequest) -> Option<Self> {
        let Connection { all, pulse, .. } = request.conn_data()?;
        pulse.requests_in_hand.set(pulse.requests_in_hand.get() + 1);
        Some(Self { all: Arc::clone(all), pulse: Rc::clone(pulse) })
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.pulse.requests_in_hand.set(self.pulse.requests_in_hand.get().saturating_sub(1));
        self.pulse.beat();
        if self.all.gate.is_stopping() {
            self.all.moves.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Ends a connection on which nothing moves and no request is in hand. actix-web does so for the first head and for
/// idle connections; this is for later heads that never end, answers that are never read, and bodies without end that
/// nobody reads.
async fn end_when_stuck(socket: TcpStream, pulse: Rc<Pulse>) {
    let mut seen = None;
    loop {
        time::sleep(STUCK).await;
        let moves = Some(pulse.moves.get());
        if seen == moves && pulse.requests_in_hand.get() == 0 {
            break;
        }
        seen = moves;
    }
    log::debug!("a connection is stuck and ends here: peer={:?}", socket.peer_addr().ok());
    let _ = socket.shutdown(Shutdown::Both);
}

fn second_handle(stream: &dyn Any) -> Option<TcpStream> {
    let tcp = match stream.downcast_ref::<TlsStream<net::TcpStream>>() {
        Some(tls) => tls.get_ref().0,
        None => stream.downcast_ref::<net::TcpStream>()?,
    };
    tcp.as_fd().try_clone_to_owned().ok().map(TcpStream::from)
}
