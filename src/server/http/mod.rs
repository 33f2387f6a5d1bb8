//! The shapes of requests and answers.
//!
//! Must not know operations, credentials or who is asking.

pub(crate) mod body;
pub(crate) mod chunked_body;
pub(crate) mod code;
pub(crate) mod cookie;
pub(crate) mod extractors;
pub(crate) mod form;
pub(crate) mod peer;
pub(crate) mod refusal;
