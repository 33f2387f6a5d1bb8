//! Access tokens: claims, signing keys, issuing, verifying (RFC 7519, RFC 9068); the tokens of external issuers.
//!
//! Must not know the roster, revocations, or HTTP beyond fetching the keys of external issuers.

pub(crate) mod access_tokens;
pub(crate) mod claims;
mod ed25519;
pub(crate) mod external;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz_tokens;
pub(crate) mod jwk;
pub(crate) mod key_directory;
pub(crate) mod key_rotation;
pub(crate) mod keyring;
pub(crate) mod new_signing_key;
mod pem;
mod pkcs8;
mod signer;
pub(crate) mod signing_error;
pub(crate) mod signing_key;
mod signing_key_error;
#[cfg(test)]
mod tests;
pub(crate) mod token_error;
