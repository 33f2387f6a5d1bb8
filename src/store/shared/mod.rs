//! What replicas share, in Redis: revocations, failed attempts, and when API keys were last used.

mod key_uses;
pub(crate) mod link;
pub(crate) mod redis_connection;
pub(crate) mod redis_log;
pub(crate) mod redis_url;
mod replication;
mod revocation_set;
mod revocation_stream;
pub(crate) mod shared_attempts;
