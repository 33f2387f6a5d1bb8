//! Bodies of hallpass' own operations: reads a whole one, bounded in size and time; writes JSON.
//! The limits of the application around it are left alone.

use actix_web::{
    FromRequest, HttpRequest, HttpResponse, dev,
    http::header::{CONTENT_TYPE, HeaderValue},
    mime::Mime,
    rt::time::timeout,
    web,
};
use futures_util::future::LocalBoxFuture;
use serde::Serialize;

use crate::server::{
    http::{code::Code, refusal::Refusal},
    limits::{BODY_BYTES, BODY_TIMEOUT},
};

/// A body, complete.
pub(crate) struct Body(pub(crate) web::Bytes);

impl FromRequest for Body {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let payload = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let payload = payload.await.map_err(|_| unreadable())?;
            match timeout(BODY_TIMEOUT, payload.to_bytes_limited(BODY_BYTES)).await {
                Err(_) => Err(Refusal::new(
                    Code::RequestTimeout,
                    format!(
                        "The body did not arrive in {} s: send it at once.",
                        BODY_TIMEOUT.as_secs()
                    ),
                )),
                Ok(Err(_)) => Err(Refusal::new(
                    Code::PayloadTooLarge,
                    format!("The body is larger than this operation takes: {BODY_BYTES} bytes."),
                )),
                Ok(Ok(Err(_))) => Err(unreadable()),
                Ok(Ok(Ok(bytes))) => Ok(Self(bytes)),
            }
        })
    }
}

/// 200 with `answer` as JSON.
pub(crate) fn json(answer: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(answer) {
        Ok(body) => HttpResponse::Ok()
            .insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")))
            .body(body),
        Err(error) => HttpResponse::from_error(Refusal::internal(error.to_string())),
    }
}

/// Whether the body of `request` is declared to be of this type, whatever its parameters.
pub(crate) fn is_content_type(request: &HttpRequest, wanted: &str) -> bool {
    let value = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let found = value.and_then(|value| value.parse::<Mime>().ok());
    found.is_some_and(|found| found.essence_str() == wanted)
}

fn unreadable() -> Refusal {
    Refusal::new(Code::InvalidRequest, "The body ended too early or cannot be decoded.")
}
