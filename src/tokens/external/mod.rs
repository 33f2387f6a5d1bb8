//! Tokens of external issuers: which to trust, and their keys.

pub(crate) mod external_claims;
pub(crate) mod external_issuer;
pub(crate) mod external_issuer_settings;
pub(crate) mod external_issuers;
pub(crate) mod external_token_error;
pub(crate) mod fetch;
mod fetched_jwk_set;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz_external;
mod json;
#[cfg(test)]
mod tests;
mod verify_external_token;
