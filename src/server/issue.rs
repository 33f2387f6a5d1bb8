//! Issues tokens where that holds nobody up: slow signatures are made on the blocking pool.
//!
//! Must not know how a token is asked for or handed over.

use std::sync::Arc;

use actix_web::web;
use jiff::Timestamp;

use crate::{
    authority::{Granted, IssueRefusal, Wish},
    principal::Principal,
};

use super::Gate;

/// Issues a token as [`Authority::issue`](crate::authority::Authority::issue) does.
///
/// # Errors
/// As there.
pub(super) async fn issue(
    gate: &Gate,
    to: &Arc<Principal>,
    wish: Wish,
    now: Timestamp,
) -> Result<Granted, IssueRefusal> {
    // RSA takes a millisecond and more, all others less than a switch of threads.
    if gate.authority().signing_algorithm() != "RS256" {
        return gate.authority().issue(to, wish, now);
    }
    let (authority, to) = (Arc::clone(gate.shared_authority()), Arc::clone(to));
    let issued = web::block(move || authority.issue(&to, wish, now)).await;
    issued.map_err(|_| IssueRefusal::Signing("the blocking pool is gone".to_owned()))?
}
