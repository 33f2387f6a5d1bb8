//! Whether a token would be accepted now.
//!
//! Must not know how the answer is shown.

use std::{net::SocketAddr, path::Path};

use jiff::Timestamp;

use super::reason::explained;
use super::unproven::Unproven;

use crate::{
    config::{raw_settings::RawSettings, settings::Settings},
    diagnostics::Diagnostics,
    principal::Principal,
    roster::roster::Roster,
    server::prepare::prepare,
    store::{revocations::Revocations, state_error::StateErrorKind},
};

/// What would happen to the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Accepted,
    Refused,
    /// Something is missing without which nobody can say.
    Unknown,
}

/// What would happen to the token, why, and what was not looked at.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) standing: Standing,
    pub(super) reason: String,
    pub(super) notes: Vec<String>,
}

impl Verdict {
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self { standing: Standing::Refused, reason: reason.into(), notes: Vec::new() }
    }

    fn unknown(reason: impl Into<String>) -> Self {
        Self { standing: Standing::Unknown, reason: reason.into(), notes: Vec::new() }
    }
}

/// Judges a token that could be read, as `serve` in this folder would.
pub(super) fn judge(
    token: &str,
    unproven: &Unproven,
    raw: &RawSettings,
    now: Timestamp,
) -> Verdict {
    let prepared = match prepare(raw) {
        Ok(prepared) => prepared,
        Err(diagnostics) => return without_settings(&diagnostics),
    };
    let at = format!("http://{}", prepared.settings.bind);
    let ours = prepared.settings.issuer.clone().unwrap_or_else(|| at.clone());
    let iss = unproven.claim("iss").unwrap_or_default().to_owned();
    if iss != ours
        && let Some(verdict) = of_the_roster(&prepared.loaded.roster, &iss)
    {
        return verdict;
    }
    let elsewhere = is_elsewhere(&prepared.settings, &iss, &ours);
    let (revocations, note) = revocations(prepared.settings.state.as_deref(), now);
    let authority = prepared.into_authority(if elsewhere { &iss } else { &at }, revocations);
    match authority.authenticate_token(token, now) {
        Ok(_) if elsewhere => Verdict::refused(format!(
            "`iss` is {iss} and serve here would be {ours}, all else is good: serve at the address of the token \
             (--bind), or set HALLPASS_ISSUER, so that the address does not matter"
        )),
        Ok(principal) => Verdict {
            standing: Standing::Accepted,
            reason: spoken_for(&principal),
            notes: note.into_iter().collect(),
        },
        Err(refusal) => Verdict::refused(explained(refusal, unproven, &authority, now)),
    }
}

fn without_settings(diagnostics: &Diagnostics) -> Verdict {
    let diagnostics: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    Verdict::unknown(format!(
        "its signature and the rest need settings and roster without faults: {}",
        diagnostics.join("; ")
    ))
}

/// Tokens of other issuers are named and no more.
fn of_the_roster(roster: &Roster, iss: &str) -> Option<Verdict> {
    let issuer = roster.issuers().find(|issuer| issuer.url.as_str() == iss)?;
    Some(Verdict::unknown(format!(
        "it is a token of {iss:?}, the issuer {} of the roster, whose keys are not fetched here: send it to GET \
         /request of a running serve, which fetches them",
        issuer.name
    )))
}

/// Whether `iss` differs from ours by nothing but the address that `serve` happened to be bound to.
fn is_elsewhere(settings: &Settings, iss: &str, ours: &str) -> bool {
    let is_address = |rest: &str| rest.parse::<SocketAddr>().is_ok();
    settings.issuer.is_none() && iss != ours && iss.strip_prefix("http://").is_some_and(is_address)
}

/// The revocations, and what must be said where they are not known. A missing file is not made.
fn revocations(state: Option<&Path>, now: Timestamp) -> (Revocations, Option<String>) {
    let ask = "whether it was revoked was not looked at; POST /introspect asks a running serve";
    let Some(path) = state else {
        let note = format!("HALLPASS_STATE is memory, which only the running serve knows: {ask}");
        return (Revocations::in_memory(), Some(note));
    };
    if !path.exists() {
        return (Revocations::in_memory(), None);
    }
    match Revocations::open(path, now) {
        Ok(revocations) => (revocations, None),
        Err(error) => {
            let note = match error.kind {
                StateErrorKind::InUse => {
                    format!("{} is held by a running serve: {ask}", path.display())
                }
                _ => format!("{error}: {ask}"),
            };
            (Revocations::in_memory(), Some(note))
        }
    }
}

fn spoken_for(principal: &Principal) -> String {
    let listed =
        |words: Vec<&str>| if words.is_empty() { "none".to_owned() } else { words.join(" ") };
    let roles = listed(principal.roles().iter().map(|role| role.as_str()).collect());
    let scopes = listed(principal.scopes().iter().map(|scope| scope.as_str()).collect());
    format!("it speaks for {}, roles: {roles}, scopes: {scopes}", principal.subject())
}
