//! Tests of the whole program over real HTTP and at the command line, and of its library where a document must be changed.
//!
//! Every test has a server of its own, in a directory of its own, on a port of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod cast;
mod client;
mod exposition;
mod forge;
mod load;
mod oracle;
mod server;
mod support;
mod wire;

mod attempts;
mod commands;
mod cors;
mod credentials;
mod csrf;
mod documents;
mod forged_tokens;
mod hostile;
mod library;
mod login_body;
mod logs;
mod metrics;
mod mutation;
mod noise;
mod oauth;
#[cfg(target_os = "linux")]
mod overload;
mod paths;
mod proxies;
mod reload;
mod rooms;
mod state;
mod stopping;
mod story;
mod table;
mod tls;
mod undocumented;
