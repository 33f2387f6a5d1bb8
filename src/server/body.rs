//! The body of one of our own operations.
//!
//! Must not know what it says. An application's limits do not apply here, nor ours to its operations.

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::StatusCode,
    web::{self, Bytes},
};
use futures_util::future::LocalBoxFuture;

use super::refusal::Refusal;

/// The largest body that an operation of ours takes, in bytes.
const LARGEST: usize = 16 * 1024;

/// All of a body.
pub(super) struct Body(pub(super) Bytes);

impl FromRequest for Body {
    type Error = Refusal;
    type Future = LocalBoxFuture<'static, Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = web::Payload::from_request(request, payload);
        Box::pin(async move {
            let refuse = |error: actix_web::Error| {
                Refusal::from_status(error.as_response_error().status_code())
            };
            match payload.await.map_err(refuse)?.to_bytes_limited(LARGEST).await {
                Ok(body) => Ok(Self(body.map_err(refuse)?)),
                Err(_) => Err(Refusal::from_status(StatusCode::PAYLOAD_TOO_LARGE)),
            }
        })
    }
}
