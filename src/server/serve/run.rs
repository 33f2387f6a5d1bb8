//! From a listener to a running service, and back.

use std::{
    net::{Shutdown, TcpListener},
    sync::Arc,
};

use actix_web::{HttpServer, dev::ServerHandle, rt::time};
use socket2::SockRef;

use crate::{
    diagnostics::Diagnostics,
    server::{
        context::Context,
        gate::Gate,
        limits,
        serve::{connections::Connections, metrics_listener},
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

/// Serves on `listener` until `shutdown` is ready, then closes the listener and finishes the requests in progress.
///
/// `listening` is called once connections are accepted.
///
/// # Errors
/// A document that cannot be enforced, or a listener that fails, be it the one for metrics.
pub(crate) async fn run(
    listener: TcpListener,
    gate: Gate,
    listening: impl FnOnce(),
    shutdown: impl Future<Output = ()> + 'static,
) -> Result<(), ServeError> {
    let context = Arc::clone(gate.context());
    let site = Site::own(Arc::clone(&context), gate.policy(), gate.publications())?;
    let _until_the_end = metrics_listener::serve(&context)?;
    SockRef::from(&listener).listen(limits::BACKLOG)?;
    let to_close = listener.try_clone()?;
    let workers = limits::workers(context.settings.workers);
    let connections_per_worker = limits::connections_per_worker(workers);
    let connections = Arc::new(Connections::new(
        limits::connections_of_one_address(connections_per_worker * workers),
        context.settings.trusted_proxies.clone(),
        context.counters.connections_refused.clone(),
    ));
    let opened = Arc::clone(&connections);
    let server = HttpServer::new(move || site.app())
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
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let handle = server.handle();
    listening();
    actix_web::rt::spawn(async move {
        shutdown.await;
        stop(&context, &handle, &to_close, &connections).await;
    });
    Ok(server.await?)
}

/// Refuses new connections at once. A connection that the kernel has not handed over yet is reset, as with nginx.
async fn stop(
    context: &Context,
    handle: &ServerHandle,
    listener: &TcpListener,
    connections: &Connections,
) {
    context.stop();
    // actix-web keeps accepting until it is paused, and keeps the socket open until the workers have stopped. Its answer
    // comes before its accepting thread has paused, which would log an error for a socket that is closed.
    handle.pause().await;
    time::sleep(limits::PAUSE_TIME).await;
    if let Err(error) = SockRef::from(listener).shutdown(Shutdown::Both) {
        log::warn!("the listener cannot be closed before the workers stop: {error}");
    }
    // A stopping worker does not answer what it has not begun, so everything must have begun.
    connections.settle().await;
    handle.stop(true).await;
}
