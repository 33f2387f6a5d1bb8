//! Names every request, writes the access and audit lines, gives every refusal its one shape.
//!
//! Must not know what is protected or how.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{CONTENT_TYPE, HeaderName, HeaderValue},
    middleware::Next,
};
use rand::distr::{Alphanumeric, SampleString};

use super::{refusal::Refusal, routes};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of one request in answers and in the log.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

impl RequestId {
    /// The name that the request has, or a fresh one.
    pub(super) fn of(request: &HttpRequest) -> Self {
        if let Some(id) = request.extensions().get::<Self>() {
            return id.clone();
        }
        let id = Self(Alphanumeric.sample_string(&mut rand::rng(), 12));
        request.extensions_mut().insert(id.clone());
        id
    }
}

/// The outermost middleware of the service: request id, access line, one shape for all errors.
pub(super) async fn observe<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let started = Instant::now();
    let id = RequestId::of(request.request());
    let line = format!("{} {}", request.method(), request.path());
    let peer = request.peer_addr();
    let response = reshape(next.call(request).await?, &id, is_foreign_error);
    log::info!(
        target: "access",
        "{line} {} {:.1}ms peer={} request_id={}",
        response.status().as_u16(),
        started.elapsed().as_secs_f64() * 1000.0,
        peer.map(|peer| peer.ip().to_string()).unwrap_or_default(),
        id.0,
    );
    Ok(response)
}

/// Gives every answer the request id, a refusal also its body and its line in the audit log.
pub(super) fn shape<B: MessageBody>(
    response: ServiceResponse<B>,
) -> ServiceResponse<EitherBody<B>> {
    let id = RequestId::of(response.request());
    // What handlers of an application answer is theirs, whatever it looks like.
    reshape(response, &id, |_| false)
}

/// Errors of other layers (CORS, the router, actix-web itself) come as plain text or nothing.
fn is_foreign_error<B>(response: &ServiceResponse<B>) -> bool {
    let status = response.status();
    let kind = response.headers().get(CONTENT_TYPE);
    let shaped = kind.is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    (status.is_client_error() || status.is_server_error()) && !shaped
}

fn reshape<B: MessageBody>(
    response: ServiceResponse<B>,
    id: &RequestId,
    also: impl Fn(&ServiceResponse<B>) -> bool,
) -> ServiceResponse<EitherBody<B>> {
    let refusal = match response.response().error().and_then(|error| error.as_error::<Refusal>()) {
        Some(refusal) => Some(refusal.clone()),
        None => also(&response).then(|| Refusal::from_status(response.status())),
    };
    let mut response = match refusal {
        None => response.map_into_left_body(),
        Some(refusal) => {
            audit_refusal(response.request(), &refusal, id);
            let path = response.request().match_info().get_ref().path();
            let shape = routes::refusal_shape(path);
            let (request, _) = response.into_parts();
            ServiceResponse::new(request, refusal.respond(shape, &id.0)).map_into_right_body()
        }
    };
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn audit_refusal(request: &HttpRequest, refusal: &Refusal, id: &RequestId) {
    let peer = request.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default();
    log::info!(
        target: "audit",
        "refused {} {} code={} reason={:?} key_id={} peer={peer} request_id={}",
        request.method(),
        request.path(),
        refusal.word(),
        refusal.reason.as_deref().unwrap_or_default(),
        refusal.key_id.as_deref().unwrap_or("-"),
        id.0,
    );
}
