//! From a listener to a running service, and back.

use std::{
    net::{Shutdown, TcpListener},
    sync::Arc,
};

use actix_web::{HttpServer, dev::ServerHandle};
use socket2::SockRef;

use crate::{
    diagnostics::Diagnostics,
    server::{
        context::Context,
        gate::Gate,
        limits,
        serve::{connections::Connections, heartbeats::Heartbeats, metrics_listener},
        site::Site,
    },
};

/// Why the service could not start or continue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The document cannot be enforced.
    #[error(transparent)]
    Document(#[from] Diagnostics),
    /// A listener failed.
    #[error(transparent)]
    Listener(#[from] std::io::Error),
}

/// The socket that the service listens on.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    /// Another process has it too, and goes on when this one has stopped: connections wait in its queue meanwhile.
    pub(crate) is_shared: bool,
}

/// Serves on `listener` until `shutdown` is ready, then closes the listener and finishes the requests in progress.
///
/// `listening` is called once connections are accepted; the workers show in `heartbeats` that they run.
///
/// # Errors
/// A document that cannot be enforced, or a listener that fails, be it the one for metrics.
pub(crate) async fn run(
    listener: Listener,
    gate: Gate,
    heartbeats: Option<Heartbeats>,
    listening: impl FnOnce(),
    shutdown: impl Future<Output = ()> + 'static,
) -> Result<(), ServeError> {
    let context = Arc::clone(gate.context());
    let site = Site::own(gate.parts())?;
    let _until_the_end = metrics_listener::serve(&context)?;
    let Listener { socket, is_shared } = listener;
    SockRef::from(&socket).listen(limits::BACKLOG)?;
    let to_close = if is_shared { None } else { Some(socket.try_clone()?) };
    let workers = limits::workers(context.settings.workers);
    let connections_per_worker = limits::connections_per_worker(workers);
    let connections = Arc::new(Connections::new(
        limits::connections_of_one_address(connections_per_worker * workers),
        context.settings.trusted_proxies.clone(),
        context.counters.connections_refused.clone(),
    ));
    let opened = Arc::clone(&connections);
    let server = HttpServer::new(move || {
        heartbeats.iter().for_each(Heartbeats::begin);
        site.app()
    })
    .workers(workers)
    .max_connections(connections_per_worker)
    .client_request_timeout(limits::HEAD_TIMEOUT)
    .keep_alive(limits::IDLE_TIMEOUT)
    .tls_handshake_timeout(limits::HEAD_TIMEOUT)
    .max_connection_rate(connections_per_worker)
    .on_connect(move |stream, data| opened.opened(stream, data))
    // A caller that hangs up is not served on: in the queue of the hash pool it would delay others.
    .h1_allow_half_closed(false)
    .disable_signals()
    .shutdown_timeout(limits::SHUTDOWN_TIMEOUT.as_secs());
    let server = match gate.tls() {
        Some(tls) => server.listen_rustls_0_23(socket, tls)?,
        None => server.listen(socket)?,
    };
    let server = server.run();
    let handle = server.handle();
    listening();
    actix_web::rt::spawn(async move {
        shutdown.await;
        stop(&context, &handle, to_close.as_ref(), &connections).await;
    });
    Ok(server.await?)
}

/// Refuses new connections at once, unless the listener is another process' too. A connection that is in the kernel's
/// queue at that moment is reset, as with nginx.
async fn stop(
    context: &Context,
    handle: &ServerHandle,
    to_close: Option<&TcpListener>,
    connections: &Connections,
) {
    // Before accepting is paused, so that the queue is as good as empty. The accepting thread then reports that it cannot
    // accept, which the log leaves out. actix-web would keep the socket open until the workers have stopped.
    let closed = to_close.map(|listener| SockRef::from(listener).shutdown(Shutdown::Both));
    if let Some(Err(error)) = closed {
        log::warn!("the listener cannot be closed before the workers stop: {error}");
    }
    handle.pause().await;
    // Only now: whoever is told `Connection: close` connects again at once.
    context.stop();
    // A stopping worker does not answer what it has not begun, so everything must have begun.
    connections.settle().await;
    handle.stop(true).await;
}
