//! Clients and their API keys, users, external issuers: the roster and its file.
//!
//! Must not know JWT or HTTP.

pub(crate) mod api_key;
pub(crate) mod api_key_cache;
pub(crate) mod document;
pub(crate) mod durable;
pub(crate) mod fields;
pub(crate) mod file;
pub(crate) mod load;
pub(crate) mod moment;
pub(crate) mod parse;
pub(crate) mod password;
pub(crate) mod records;
#[expect(clippy::module_inception, reason = "the room is named after its type")]
pub(crate) mod roster;
pub(crate) mod secret_hash;
#[cfg(test)]
mod tests;
pub(crate) mod verified_key;
