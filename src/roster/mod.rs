//! Clients and their API keys, users, trusted issuers, and the file that holds them.
//!
//! Must not know JWT or HTTP.

pub(crate) mod api_key;
pub(crate) mod client_record;
pub(crate) mod edit;
pub(crate) mod edit_error;
pub(crate) mod entry_fields;
pub(crate) mod expiring_keys;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz_roster;
pub(crate) mod key_label;
mod locked_file;
mod named_tables;
pub(crate) mod new_api_key;
pub(crate) mod parse;
#[expect(clippy::module_inception, reason = "the room is named after its type")]
pub(crate) mod roster;
pub(crate) mod roster_entries;
pub(crate) mod roster_file;
pub(crate) mod secret_cache;
pub(crate) mod secret_hash;
mod table_reader;
#[cfg(test)]
mod tests;
mod text_diagnostics;
mod toml_edits;
mod toml_timestamp;
pub(crate) mod verified_key;
pub(crate) mod verified_password;
