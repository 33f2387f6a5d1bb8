//! Which external issuer to trust.

use crate::oauth::{ProviderUrl, Subject};

/// An external issuer to trust, and how to read its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalIssuerSettings {
    /// The roster's name of it.
    pub name: Subject,
    /// Its `iss`, to be compared exactly.
    pub url: ProviderUrl,
    /// The `aud` that its tokens must carry.
    pub audience: String,
    /// Where the claim that lists roles is looked for, in this order, each time as a path of names; without any its tokens
    /// have no roles.
    pub roles_claim: Vec<Vec<String>>,
}
