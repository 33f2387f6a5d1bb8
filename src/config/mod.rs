//! Settings: read as written, then resolved into values, all problems at once.
//!
//! Must not know HTTP, nor what the values are used for.

mod raw;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod values;
mod variables;

pub(crate) use raw::RawSettings;
pub(crate) use settings::{DocumentSettings, KeySource, LogFormat, RateLimit, Settings};
pub(crate) use tls::TlsFiles;
pub(crate) use variables::{example, first_env};
