//! Enforces the document: the room to review.
//!
//! Must not know bcrypt, JWT or any single operation.

pub(crate) mod access_log;
pub(crate) mod audit;
pub(crate) mod authenticated;
pub(crate) mod caller;
pub(crate) mod challenge;
pub(crate) mod enforced_document;
pub(crate) mod guard;
pub(crate) mod middleware;
pub(crate) mod site_rules;
