//! Issues tokens where that holds nobody up: slow signatures are made on the blocking pool.
//!
//! Must not know how a token is asked for or handed over.

use std::sync::Arc;

use actix_web::web;
use jiff::Timestamp;

use crate::{
    authority::{IssueError, IssueRequest},
    principal::Principal,
    tokens::IssuedToken,
};

use crate::server::gate::Gate;

/// Issues a token as [`Authority::issue`](crate::authority::Authority::issue) does.
///
/// # Errors
/// As there.
pub(crate) async fn issue(
    gate: &Gate,
    to: &Arc<Principal>,
    wish: IssueRequest,
    now: Timestamp,
) -> Result<IssuedToken, IssueError> {
    // RSA takes a millisecond and more, all others less than a switch of threads.
    if gate.authority().signing_algorithm() != "RS256" {
        return gate.authority().issue(to, wish, now);
    }
    let (authority, to) = (Arc::clone(gate.shared_authority()), Arc::clone(to));
    let issued = web::block(move || authority.issue(&to, wish, now)).await;
    issued.map_err(|_| IssueError::Signing("the blocking pool is gone".to_owned()))?
}
