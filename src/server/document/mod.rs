//! What is added to a document that utoipa collected: security schemes, refusals, grammars.
//!
//! Must not know how requirements are enforced.

pub(crate) mod complete;
pub(crate) mod draft;
mod headers;
pub(crate) mod introduction;
mod issuer_schemes;
pub(crate) mod merge;
pub(crate) mod refusals;
pub(crate) mod schemas;
pub(crate) mod schemes;
pub(crate) mod upgrade;
pub(crate) mod yaml;
