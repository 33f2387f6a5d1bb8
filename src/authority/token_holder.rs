//! Who says whether a token that is good in itself is still good for its subject.

use std::sync::Arc;

use crate::{
    principal::Principal,
    tokens::claims::{VerifiedAccountToken, VerifiedToken},
};

/// The subject of a token that was issued here, is alive and not revoked.
#[derive(Debug, Clone)]
pub(crate) enum TokenHolder {
    /// A client or user that the roster still has, with what of the token it allows.
    Known(Arc<Principal>),
    /// A client whose API key is not in the roster: the application may know it.
    Sourced(Arc<VerifiedToken>),
    /// An account: the application says what it may do now.
    Account(Arc<VerifiedAccountToken>),
}
