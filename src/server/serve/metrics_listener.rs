//! The listener for Prometheus: `GET /metrics` and nothing else, without a credential.

use std::{future::ready, io, net::SocketAddr, sync::Arc};

use actix_web::{
    App, HttpServer, guard,
    rt::{self, task::JoinHandle},
    web,
};

use crate::server::{context::Context, metrics::respond};

/// The most connections at a time; they do not count as those of the service.
const CONNECTIONS: usize = 16;

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct MetricsListener(JoinHandle<io::Result<()>>);

impl Drop for MetricsListener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts to serve if the settings name an address. Requests here are neither counted nor logged.
///
/// # Errors
/// The address cannot be listened on.
pub(crate) fn serve(context: &Arc<Context>) -> io::Result<Option<MetricsListener>> {
    let Some(bind) = context.settings.metrics_bind else { return Ok(None) };
    let context = Arc::clone(context);
    let app = move || {
        let context = Arc::clone(&context);
        let metrics = web::resource("/metrics").guard(guard::Get());
        App::new().service(metrics.to(move || ready(respond(&context))))
    };
    let server = HttpServer::new(app).workers(1).max_connections(CONNECTIONS).disable_signals();
    let server = server.bind(bind).map_err(|error| cannot_listen(bind, &error))?;
    for address in server.addrs() {
        log::info!("metrics on http://{address}/metrics");
    }
    Ok(Some(MetricsListener(rt::spawn(server.run()))))
}

fn cannot_listen(bind: SocketAddr, error: &io::Error) -> io::Error {
    let what = format!(
        "cannot show metrics on {bind}: {error}; give HALLPASS_METRICS_BIND another address, as in 127.0.0.1:0 for \
         any free port"
    );
    io::Error::new(error.kind(), what)
}
