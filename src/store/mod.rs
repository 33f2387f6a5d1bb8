//! What outlives a request: revocations, and failed attempts.
//!
//! Must not know JWT, the roster, settings or HTTP.

pub(crate) mod attempts;
pub(crate) mod cell_rate;
pub(crate) mod file_log;
pub(crate) mod revocation_table;
pub(crate) mod revocations;
pub(crate) mod shared;
pub(crate) mod state_error;
pub(crate) mod state_file;
pub(crate) mod state_log;
