//! The listener for Prometheus: `GET /metrics` and nothing else, for whoever reaches it.
//!
//! Must not know what is shown.

use std::{io, net::SocketAddr};

use actix_web::{
    App, HttpServer, guard,
    rt::{self, task::JoinHandle},
    web,
};

use crate::server::{gate::Gate, metrics::answer};

/// So many may look at a time: they take no connections from the service.
const CONNECTIONS: usize = 16;

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener(JoinHandle<io::Result<()>>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to serve where the settings say so; where they say nothing, nothing listens. What is asked here is
/// neither counted nor logged.
///
/// # Errors
/// The address cannot be listened on.
pub(crate) fn serve(gate: &Gate) -> io::Result<Option<Listener>> {
    let Some(bind) = gate.settings().metrics_bind else { return Ok(None) };
    let gate = gate.clone();
    let app = move || {
        let gate = gate.clone();
        let metrics = web::resource("/metrics").guard(guard::Get());
        App::new().service(metrics.to(move || std::future::ready(answer(&gate))))
    };
    let server = HttpServer::new(app).workers(1).max_connections(CONNECTIONS).disable_signals();
    let server = server.bind(bind).map_err(|error| taken(bind, &error))?;
    for address in server.addrs() {
        log::info!("metrics on http://{address}/metrics");
    }
    Ok(Some(Listener(rt::spawn(server.run()))))
}

fn taken(bind: SocketAddr, error: &io::Error) -> io::Error {
    let what = format!(
        "cannot show metrics on {bind}: {error}; give HALLPASS_METRICS_BIND another address, as in 127.0.0.1:0 for \
         any free port"
    );
    io::Error::new(error.kind(), what)
}
