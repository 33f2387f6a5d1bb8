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
    /// The claim that lists roles, or a dotted path to it; without one its tokens carry none.
    pub roles_claim: Option<String>,
}
