//! Access tokens: claims, signing keys, issuing, verifying, revocations.
//!
//! Must not know the roster's file or HTTP.
