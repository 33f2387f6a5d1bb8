//! Who a proven request speaks for.
//!
//! Must not know how it was proven over the wire.

#[cfg(test)]
mod for_tests;
mod from_proofs;
#[expect(clippy::module_inception, reason = "the room is named after its type")]
mod principal;

pub use principal::{Principal, PrincipalKind, Proof};
