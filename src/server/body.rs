//! Reads the whole body of a request to one of our operations: bounded in size and in time.
//!
//! Must not know what is in it, and leaves the limits of the application around it alone.

use std::time::Duration;

use actix_web::{FromRequest, HttpRequest, dev, rt::time::timeout, web};
use futures_util::future::LocalBoxFuture;

use super::refusal::{Code, Refusal};

/// The largest body that an operation of ours takes, in bytes.
const LARGEST: usize = 16 * 1024;

/// Whoever needs longer for so little does not mean to send it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body, complete.
pub(super) struct Body(pub(super) web::Bytes);

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

fn unreadable() -> Refusal {
    Refusal::new(Code::InvalidRequest, "The body ended too early or cannot be decoded.")
}
