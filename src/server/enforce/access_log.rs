//! Names every request, writes the access and audit lines, gives every refusal its one shape.
//!
//! Must not know what is protected or how.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{CONTENT_TYPE, HeaderName, HeaderValue},
    middleware::Next,
    web,
};
use rand::RngExt;

use crate::server::{
    gate::Gate,
    http::{peer::shown::Peer, refusal::Refusal},
    routes,
    serve::connections::InHand,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The name of one request in answers and in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestId([u8; 12]);

impl RequestId {
    /// The name that the request has, or a fresh one.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        if let Some(id) = request.extensions().get::<Self>() {
            return *id;
        }
        let mut bytes = [0; 12];
        rand::rng().fill(&mut bytes);
        let id = Self(bytes.map(digit));
        request.extensions_mut().insert(id);
        id
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// One of 62 characters. That some come a little more often than others matters to nobody here.
fn digit(byte: u8) -> u8 {
    match byte % 62 {
        value @ 0..10 => b'0' + value,
        value @ 10..36 => b'A' + (value - 10),
        value => b'a' + (value - 36),
    }
}

/// The outermost middleware of the service: request id, access line, one shape for all errors.
pub(crate) async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    let _in_hand = InHand::take(request.request());
    let started = Instant::now();
    // The enforcement has HEAD answered as GET.
    let method = request.method().clone();
    let id = RequestId::of(request.request());
    let response = next.call(request).await?.map_into_boxed_body();
    let response = if is_foreign_error(&response) {
        let refusal = Refusal::from_status(response.status());
        refuse(response.into_parts().0, &refusal)
    } else if response.headers().contains_key(REQUEST_ID) {
        response
    } else {
        named(response)
    };
    if log::log_enabled!(target: "access", log::Level::Info) {
        log::info!(
            target: "access",
            method = method.as_str(),
            path = response.request().path(),
            status = response.status().as_u16(),
            duration_ms = started.elapsed().as_secs_f64() * 1000.0,
            peer = Peer::of(response.request()),
            request_id = id.as_str();
            "request"
        );
    }
    Ok(response)
}

/// Gives an answer of a handler the request id; one that is a refusal also its body and its line in the audit log.
///
/// What handlers of an application answer else is theirs, whatever it looks like.
pub(crate) fn shape(response: ServiceResponse) -> ServiceResponse {
    match refusal_in(&response) {
        Some(refusal) => refuse(response.into_parts().0, &refusal),
        None => named(response),
    }
}

/// The answer to a request that is refused; it is counted, and stands in the audit log.
pub(crate) fn refuse(request: HttpRequest, refusal: &Refusal) -> ServiceResponse {
    let id = RequestId::of(&request);
    audit_refusal(&request, refusal, id);
    if let Some(gate) = request.app_data::<web::Data<Gate>>() {
        gate.counted().refused(refusal);
    }
    let shape = routes::refusal_shape(request.match_info().get_ref().path());
    named(ServiceResponse::new(request, refusal.respond(shape, id.as_str())))
}

fn refusal_in<B>(response: &ServiceResponse<B>) -> Option<Refusal> {
    response.response().error()?.as_error::<Refusal>().cloned()
}

fn named(mut response: ServiceResponse) -> ServiceResponse {
    let id = RequestId::of(response.request());
    if let Ok(id) = HeaderValue::from_bytes(&id.0) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Errors of other layers (CORS, the router, actix-web itself) come as plain text or nothing.
fn is_foreign_error<B>(response: &ServiceResponse<B>) -> bool {
    let status = response.status();
    let shaped = |kind: &HeaderValue| kind.as_bytes().ends_with(b"json");
    (status.is_client_error() || status.is_server_error())
        && !response.headers().get(CONTENT_TYPE).is_some_and(shaped)
}

fn audit_refusal(request: &HttpRequest, refusal: &Refusal, id: RequestId) {
    if log::log_enabled!(target: "audit", log::Level::Info) {
        log::info!(
            target: "audit",
            method = request.method().as_str(),
            path = request.path(),
            code = refusal.word(),
            reason = refusal.reason.as_deref(),
            key_id = refusal.key_id.as_deref(),
            peer = Peer::of(request),
            request_id = id.as_str();
            "refused"
        );
    }
}
