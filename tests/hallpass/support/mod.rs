//! What the tests share: a running server and its clients, API keys and rosters that are made and read without the
//! code under test.

use std::io::Write;

pub(crate) mod accounts;
pub(crate) mod api_key;
pub(crate) mod client;
pub(crate) mod folder;
pub(crate) mod forged_token;
pub(crate) mod load;
pub(crate) mod metrics_text;
pub(crate) mod raw_http;
pub(crate) mod roster;
pub(crate) mod running_service;
pub(crate) mod security_model;
pub(crate) mod server;

/// Says that a test cannot run on this machine, past libtest, which shows only what failing tests print.
pub(crate) fn skip(reason: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
}
