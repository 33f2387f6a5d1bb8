//! Integration tests of the program over HTTP and at the command line, and of the library.
//!
//! Every test starts its own server in its own directory on its own port.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

mod api_key_names;
mod changed_documents;
mod commands;
mod connection_limits;
mod cors;
mod credentials;
mod cross_site;
mod documents;
mod enforcement;
#[cfg(target_os = "linux")]
mod first_logins;
mod forged_tokens;
mod from_networks;
#[cfg(target_os = "linux")]
mod hash_pool;
mod issuer_reload;
mod key_directory;
mod library;
mod login_and_logout;
mod login_body;
mod logs;
mod metrics;
mod mounted_files;
mod oauth;
mod path_prefix;
mod paths;
mod proxies;
mod random_requests;
mod rate_limit;
mod replicas;
mod role_warnings;
mod rooms;
mod roster_reload;
mod service_manager;
mod services;
mod shutdown;
mod state_file;
mod tls;
mod token_options;
mod undocumented_routes;
mod verify;
mod verify_differential;
mod verify_policy;
mod verify_report;
mod verify_token;
mod watching;
