//! hallpass: API keys in, short-lived tokens out, no database; and the OpenAPI document that is
//! published is the policy that is enforced.

pub mod authority;
pub mod cli;
pub mod config;
pub mod oauth;
pub mod policy;
pub mod principal;
pub mod problem;
pub mod roster;
pub mod server;
pub mod tokens;
