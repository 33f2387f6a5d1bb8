//! Authenticates presented credentials; issues, introspects and revokes tokens: composes roster, tokens and store.
//!
//! Must not know OpenAPI: `policy` decides what an operation demands.

pub(crate) mod account;
pub(crate) mod account_tokens;
#[expect(clippy::module_inception, reason = "the room is named after its type")]
pub(crate) mod authority;
pub(crate) mod backend_tokens;
pub(crate) mod cache_usage;
pub(crate) mod external_tokens;
pub(crate) mod issue_request;
pub(crate) mod key_usage;
mod own_tokens;
mod recent_tokens;
mod revoking;
pub(crate) mod roster_status;
mod secrets;
#[cfg(test)]
mod tests;
mod token_cache;
pub(crate) mod token_holder;
