//! OpenAPI documents compiled to operations and their requirements, and the decision on a request.
//!
//! [`compiled::Policy`] finds the operation that a request asks for. Its [`requirement::Requirement`] is evaluated
//! against what is known about the request's credentials, which gives a [`decision::Decision`].
//!
//! Must not know how credentials are sent over HTTP or authenticated, nor the time.

mod admission;
pub(crate) mod base_path;
pub(crate) mod compile_options;
pub(crate) mod compiled;
pub(crate) mod decision;
pub(crate) mod diff;
pub(crate) mod document_file;
mod document_line;
mod document_value;
pub(crate) mod explanation;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz_policy;
pub(crate) mod matrix;
mod node;
pub(crate) mod operation;
pub(crate) mod outcome;
mod path_items;
pub(crate) mod paths;
mod request_body;
pub(crate) mod requirement;
pub(crate) mod scheme;
mod security;
mod security_schemes;
mod template_tree;
#[cfg(test)]
mod tests;
