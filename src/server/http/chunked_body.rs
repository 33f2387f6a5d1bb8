//! The body of a large answer, handed to the connection in chunks as they are sent.

use std::{
    convert::Infallible,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpRequest,
    body::{BodySize, MessageBody},
    web::Bytes,
};

use crate::server::{http::activity::Activity, limits::CHUNK_BYTES};

/// Bytes that several answers share: a peer that does not read holds one chunk, not a copy of everything.
pub(crate) struct ChunkedBody {
    rest: Bytes,
    activity: Option<Rc<Activity>>,
}

impl ChunkedBody {
    /// The body of the answer to `request`.
    pub(crate) fn new(bytes: impl Into<Bytes>, request: &HttpRequest) -> Self {
        Self { rest: bytes.into(), activity: Activity::find(request) }
    }
}

impl MessageBody for ChunkedBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        if let Some(activity) = &self.activity {
            activity.record();
        }
        let length = self.rest.len().min(CHUNK_BYTES);
        Poll::Ready((length > 0).then(|| Ok(self.rest.split_to(length))))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn no_chunk_is_too_large_and_together_they_are_the_whole() {
        let whole: Vec<u8> = (0..3 * CHUNK_BYTES + 1).map(|index| (index % 251) as u8).collect();
        let mut body = ChunkedBody::new(whole.clone(), &TestRequest::default().to_http_request());
        assert_eq!(body.size(), BodySize::Sized(whole.len() as u64));
        let mut chunks = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(chunk)) = Pin::new(&mut body).poll_next(&mut context) {
            chunks.push(chunk.unwrap());
        }
        assert_eq!(chunks.iter().map(Bytes::len).max(), Some(CHUNK_BYTES));
        assert!(chunks.concat() == whole);
    }
}
