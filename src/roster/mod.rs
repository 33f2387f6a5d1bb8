//! Who may come in: clients and their API keys, users, trusted issuers.
//!
//! Must not know JWT or HTTP.

use jiff::Timestamp;

use crate::oauth::{KeyId, Roles, Scopes, Subject};

/// The proof that somebody holds the API key of an enabled client; made by one check of its secret.
#[derive(Debug, Clone)]
pub struct VerifiedKey {
    pub(crate) client: Subject,
    pub(crate) roles: Roles,
    pub(crate) scopes: Scopes,
    pub(crate) key_id: KeyId,
    pub(crate) expires: Option<Timestamp>,
}
