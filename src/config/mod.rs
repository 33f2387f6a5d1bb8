//! Settings: read as written, then resolved into values; everything that is wrong is reported at once.
//!
//! Must not know HTTP, nor what the values are used for.

pub(crate) mod api_key_names;
mod cors_origins;
pub(crate) mod document_settings;
mod env_file;
pub(crate) mod key_source;
pub(crate) mod log_format;
pub(crate) mod policy_settings;
pub(crate) mod rate_limit;
pub(crate) mod raw_settings;
pub(crate) mod settings;
mod settings_reader;
pub(crate) mod state_location;
#[cfg(test)]
mod tests;
pub(crate) mod tls_files;
pub(crate) mod values;
pub(crate) mod variables;
