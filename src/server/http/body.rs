//! Bodies of our own operations: reads a whole one, bounded in size and in time; writes JSON.
//!
//! Must not know what is in them, and leaves the limits of the application around it alone.

use std::time::Duration;

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, ResponseError, dev,
    http::header::{CONTENT_TYPE, HeaderValue},
    rt::time::timeout,
    web,
};
use futures_util::future::LocalBoxFuture;
use serde::Serialize;

use crate::server::http::{code::Code, refusal::Refusal};

/// The largest body that an operation of ours takes, in bytes.
const LARGEST: usize = 16 * 1024;

/// Whoever needs longer for so little does not mean to send it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body, complete.
pub(crate) struct Body(pub(crate) web::Bytes);

impl FromRequest for Body {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let payload = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let payload = payload.await.map_err(|_| unreadable())?;
            match timeout(PATIENCE, payload.to_bytes_limited(LARGEST)).await {
                Err(_) => Err(Refusal::new(
                    Code::RequestTimeout,
                    "The body did not arrive in 10 seconds: send it at once.",
                )),
                Ok(Err(_)) => Err(Refusal::new(
                    Code::PayloadTooLarge,
                    format!("The body is larger than this operation takes: {LARGEST} bytes."),
                )),
                Ok(Ok(Err(_))) => Err(unreadable()),
                Ok(Ok(Ok(bytes))) => Ok(Self(bytes)),
            }
        })
    }
}

/// Most answers fit, and need not be moved while they grow.
const USUAL: usize = 1024;

/// 200 with `answer` as JSON.
pub(crate) fn json(answer: &impl Serialize) -> HttpResponse {
    let mut body = Vec::with_capacity(USUAL);
    match serde_json::to_writer(&mut body, answer) {
        Ok(()) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .body(body),
        Err(error) => Refusal::internal(error.to_string()).error_response(),
    }
}

fn unreadable() -> Refusal {
    Refusal::new(Code::InvalidRequest, "The body ended too early or cannot be decoded.")
}
