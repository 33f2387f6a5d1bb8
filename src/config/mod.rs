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

pub use raw::Raw;
pub use settings::{KeySource, LogFormat, RateLimit, Settings, Surface};
pub use tls::TlsFiles;
pub use variables::{VARIABLES, Variable, example, first_env};
