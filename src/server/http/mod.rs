//! The shapes of requests and answers.
//!
//! Must not know operations, or whether a credential is good.

pub(crate) mod activity;
pub(crate) mod body;
pub(crate) mod chunked_body;
pub(crate) mod code;
pub(crate) mod cookie;
pub(crate) mod endpoints;
pub(crate) mod extractors;
pub(crate) mod form;
pub(crate) mod json_error;
pub(crate) mod masked_path;
pub(crate) mod own_routes;
pub(crate) mod peer;
pub(crate) mod problem;
pub(crate) mod refusal;
pub(crate) mod refusal_body;
pub(crate) mod request_info;
pub(crate) mod trace_context;
