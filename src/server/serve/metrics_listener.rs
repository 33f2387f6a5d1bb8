//! The listener for Prometheus: `GET /metrics` and nothing else, without a credential.

use std::{
    future::ready,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, guard,
    http::{header, uri::Authority},
    rt::{self, task::JoinHandle},
    web,
};
use url::Url;

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
        let is_read = guard::Any(guard::Get()).or(guard::Head());
        let metrics = web::resource("/metrics").guard(is_read);
        App::new().service(metrics.to(move |request: HttpRequest| {
            let is_meant = is_meant(&request, context.authority.issuer());
            ready(if is_meant { respond(&context) } else { other_host() })
        }))
    };
    let server = HttpServer::new(app).workers(1).max_connections(CONNECTIONS).disable_signals();
    let server = server.bind(bind).map_err(|error| cannot_listen(bind, &error))?;
    for address in server.addrs() {
        log::info!("metrics on http://{address}/metrics");
    }
    Ok(Some(MetricsListener(rt::spawn(server.run()))))
}

/// Whether the request names this listener by an address, as `localhost` or by the host of the issuer. A page of another
/// site whose name leads here (DNS rebinding) has its own name in `Host`.
fn is_meant(request: &HttpRequest, issuer: &str) -> bool {
    let header = || request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = request.uri().authority().map(Authority::as_str).or_else(header);
    let Some(authority) = authority.and_then(|text| text.parse::<Authority>().ok()) else {
        return false;
    };
    let name = authority.host();
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let issuer = Url::parse(issuer).ok();
    let issuer = issuer.as_ref().and_then(Url::host_str);
    let is_name = |known: &str| name.eq_ignore_ascii_case(known);
    is_address || is_name("localhost") || issuer.is_some_and(is_name)
}

fn other_host() -> HttpResponse {
    let body = "ask for the metrics by the address of this listener, localhost, or the host of HALLPASS_ISSUER\n";
    HttpResponse::Forbidden().content_type("text/plain; charset=utf-8").body(body)
}

fn cannot_listen(bind: SocketAddr, error: &io::Error) -> io::Error {
    let what = format!(
        "cannot show metrics on {bind}: {error}; give HALLPASS_METRICS_BIND another address, as in 127.0.0.1:0 for \
         any free port"
    );
    io::Error::new(error.kind(), what)
}
