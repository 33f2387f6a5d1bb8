//! Forward-auth: a proxy asks at `/verify` whether a request may pass.
//!
//! Knows where the original request stands, and how the backend is told who sent it. Must not know how a decision is
//! made.

mod backend_token;
mod demands;
pub(crate) mod followed_policy;
mod header_names;
mod identity;
mod original;
mod original_path;
pub(crate) mod verify;
pub(crate) mod verify_operations;
