//! The body of a large answer, handed over in slices as they are sent.
//!
//! Must not know what is in it.

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

use crate::server::serve::connections::Pulse;

/// The most bytes that are copied for a peer before it has read others.
const SLICE: usize = 16 * 1024;

/// Bytes that are shared between answers: whoever does not read them holds a slice, and not a copy of all.
pub(crate) struct Slices {
    rest: Bytes,
    pulse: Option<Rc<Pulse>>,
}

impl Slices {
    /// The body of the answer to `request`.
    pub(crate) fn new(bytes: impl Into<Bytes>, request: &HttpRequest) -> Self {
        Self { rest: bytes.into(), pulse: Pulse::of(request) }
    }
}

impl MessageBody for Slices {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        if let Some(pulse) = &self.pulse {
            pulse.beat();
        }
        let length = self.rest.len().min(SLICE);
        Poll::Ready((length > 0).then(|| Ok(self.rest.split_to(length))))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn no_slice_is_large_and_all_together_are_the_whole() {
        let whole: Vec<u8> = (0..3 * SLICE + 1).map(|index| (index % 251) as u8).collect();
        let mut body = Slices::new(whole.clone(), &TestRequest::default().to_http_request());
        assert_eq!(body.size(), BodySize::Sized(whole.len() as u64));
        let mut slices = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(slice)) = Pin::new(&mut body).poll_next(&mut context) {
            slices.push(slice.unwrap());
        }
        assert_eq!(slices.iter().map(Bytes::len).max(), Some(SLICE));
        assert!(slices.concat() == whole);
    }
}
