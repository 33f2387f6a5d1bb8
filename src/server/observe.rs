//! Names every request, writes the access and audit lines, gives every refusal its one shape.
//!
//! Must not know what is protected or how.

use std::{fmt, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{CONTENT_TYPE, HeaderName, HeaderValue},
    middleware::Next,
};
use rand::{RngExt, distr::Alphanumeric};

use super::{refusal::Refusal, routes};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of one request in answers and in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestId([u8; 12]);

impl RequestId {
    /// The name that the request has, or a fresh one.
    pub(super) fn of(request: &HttpRequest) -> Self {
        if let Some(id) = request.extensions().get::<Self>() {
            return *id;
        }
        let mut random = rand::rng();
        let id = Self(std::array::from_fn(|_| random.sample(Alphanumeric)));
        request.extensions_mut().insert(id);
        id
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The outermost middleware of the service: request id, access line, one shape for all errors.
pub(super) async fn observe<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let started = Instant::now();
    // The enforcement has HEAD answered as GET.
    let method = request.method().clone();
    let id = RequestId::of(request.request());
    let mut response = reshape(next.call(request).await?, id, is_foreign_error);
    if !response.headers().contains_key(REQUEST_ID) {
        name(&mut response, id);
    }
    log::info!(
        target: "access",
        "{method} {} {} {:.1}ms peer={} request_id={id}",
        response.request().path(),
        response.status().as_u16(),
        started.elapsed().as_secs_f64() * 1000.0,
        Peer(response.request()),
    );
    Ok(response)
}

/// The address of the HTTP peer, as the log shows it.
struct Peer<'r>(&'r HttpRequest);

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.peer_addr().map_or(Ok(()), |peer| peer.ip().fmt(f))
    }
}

/// Gives every answer the request id, a refusal also its body and its line in the audit log.
pub(super) fn shape<B: MessageBody>(
    response: ServiceResponse<B>,
) -> ServiceResponse<EitherBody<B>> {
    let id = RequestId::of(response.request());
    // What handlers of an application answer is theirs, whatever it looks like.
    let mut response = reshape(response, id, |_| false);
    name(&mut response, id);
    response
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
    id: RequestId,
    also: impl Fn(&ServiceResponse<B>) -> bool,
) -> ServiceResponse<EitherBody<B>> {
    let refusal = match response.response().error().and_then(|error| error.as_error::<Refusal>()) {
        Some(refusal) => Some(refusal.clone()),
        None => also(&response).then(|| Refusal::from_status(response.status())),
    };
    match refusal {
        None => response.map_into_left_body(),
        Some(refusal) => {
            audit_refusal(response.request(), &refusal, id);
            let path = response.request().match_info().get_ref().path();
            let shape = routes::refusal_shape(path);
            let (request, _) = response.into_parts();
            ServiceResponse::new(request, refusal.respond(shape, id.as_str())).map_into_right_body()
        }
    }
}

fn name<B>(response: &mut ServiceResponse<B>, id: RequestId) {
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

fn audit_refusal(request: &HttpRequest, refusal: &Refusal, id: RequestId) {
    log::info!(
        target: "audit",
        "refused {} {} code={} reason={:?} key_id={} peer={} request_id={id}",
        request.method(),
        request.path(),
        refusal.word(),
        refusal.reason.as_deref().unwrap_or_default(),
        refusal.key_id.as_deref().unwrap_or("-"),
        Peer(request),
    );
}
