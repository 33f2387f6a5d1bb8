//! Serves hallpass' own operations on a listener until told to stop.
//!
//! Must not know where the listener or the order to stop came from.

pub(crate) mod connections;
pub(crate) mod listener;
pub(crate) mod metrics_listener;

use std::{net::TcpListener, sync::Arc};

use actix_cors::Cors;
use actix_web::{
    HttpServer,
    http::header,
    middleware::{Condition, from_fn},
};

use crate::diagnostics::Diagnostics;

use crate::server::{
    enforce::access_log::observe,
    gate::Gate,
    limits,
    serve::{connections::Connections, listener::Entrance},
    site::Site,
};

/// Why the service could not start or go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The document cannot be enforced.
    #[error(transparent)]
    Document(#[from] Diagnostics),
    /// A listener failed.
    #[error(transparent)]
    Listener(#[from] std::io::Error),
}

/// Serves on `listener` until `shutdown` is ready, then lets the requests in hand finish.
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
    let site = Site::own(gate.clone())?;
    let _until_the_end = metrics_listener::serve(&gate)?;
    let entrance = Entrance::of(&listener)?;
    let connections = Connections::new(gate.clone());
    let opened = Arc::clone(&connections);
    let workers = limits::workers(gate.settings().workers);
    let connections_of_worker = limits::connections_of_worker(workers);
    let origins = gate.settings().cors_origins.clone();
    let server = HttpServer::new(move || {
        site.app().wrap(Condition::new(!origins.is_empty(), cors(&origins))).wrap(from_fn(observe))
    })
    .workers(workers)
    .max_connections(connections_of_worker)
    .client_request_timeout(limits::HEAD)
    .keep_alive(limits::IDLE)
    .tls_handshake_timeout(limits::HEAD)
    .max_connection_rate(connections_of_worker)
    .on_connect(move |stream, data| opened.opened(stream, data))
    // Whoever hangs up is not served on: in the queue for hashing it would hold up others.
    .h1_allow_half_closed(false)
    .disable_signals()
    .shutdown_timeout(limits::GRACE.as_secs());
    let server = match gate.tls() {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let handle = server.handle();
    listening();
    actix_web::rt::spawn(async move {
        shutdown.await;
        // A worker that is told to stop leaves unanswered what it has not begun, so it must have begun everything.
        gate.stop();
        entrance.shut();
        connections.at_rest().await;
        handle.stop(true).await;
    });
    Ok(server.await?)
}

fn cors(origins: &[String]) -> Cors {
    let cors = origins.iter().fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
    cors.allow_any_method()
        .allow_any_header()
        .expose_headers([
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            header::HeaderName::from_static("x-request-id"),
        ])
        .max_age(600)
}
