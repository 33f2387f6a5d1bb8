//! hallpass: API keys in, short-lived tokens out, no database; and the OpenAPI document that is
//! published is the policy that is enforced.

pub mod cli;
pub mod oauth;
pub mod policy;
pub mod principal;
pub mod problem;
pub mod roster;
pub mod tokens;
