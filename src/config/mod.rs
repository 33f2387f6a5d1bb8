//! Settings: read as they are written, then resolved into values, all diagnostics at once.
//!
//! Must not know HTTP.

pub(crate) mod raw_settings;
pub(crate) mod settings;
#[cfg(test)]
mod tests;
pub(crate) mod tls_files;
pub(crate) mod values;
pub(crate) mod variables;
