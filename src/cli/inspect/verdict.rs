//! Whether `serve` in this directory would accept a token, and if not, why, and what to do.

use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    authority::authority::Authority,
    cli::inspect::decoded_token::DecodedToken,
    config::{raw_settings::RawSettings, state_location::StateLocation},
    oauth::KeyId,
    principal::Principal,
    roster::{roster::Roster, roster_entries::Issuer, verified_key::ApiKeyError},
    server::prepare::prepare,
    store::{revocations::Revocations, state_error::StateErrorKind},
    tokens::token_error::TokenError,
};

#[derive(Debug)]
pub(super) struct Verdict {
    /// None where that cannot be judged.
    pub(super) is_accepted: Option<bool>,
    pub(super) reason: String,
    /// What was not checked.
    pub(super) notes: Vec<String>,
}

impl Verdict {
    pub(super) fn refused(reason: String) -> Self {
        Self { is_accepted: Some(false), reason, notes: Vec::new() }
    }

    fn unknown(reason: String) -> Self {
        Self { is_accepted: None, reason, notes: Vec::new() }
    }

    /// Judges a token that could be decoded.
    pub(super) fn new(
        token: &str,
        decoded: &DecodedToken,
        raw: &RawSettings,
        now: Timestamp,
    ) -> Self {
        let prepared = match prepare(raw) {
            Ok(prepared) => prepared,
            Err(diagnostics) => {
                let diagnostics: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
                return Self::unknown(format!(
                    "its signature and the rest cannot be checked without valid settings and roster: {}",
                    diagnostics.join("; ")
                ));
            }
        };
        let settings = &prepared.settings;
        let address = format!("http://{}", settings.bind);
        let ours = settings.issuer.clone().unwrap_or_else(|| address.clone());
        let iss = decoded.claim("iss").unwrap_or_default().to_owned();
        let is_its_issuer = |issuer: &&Issuer| iss != ours && issuer.url.as_str() == iss;
        if let Some(issuer) = prepared.loaded.roster.issuers().find(is_its_issuer) {
            return Self::unknown(format!(
                "it is a token of {iss:?}, the issuer {} of the roster, whose keys are not fetched here: send it to GET \
                 /request of a running serve, which fetches them",
                issuer.name
            ));
        }
        // The issuer may differ only in the address that `serve` was bound to.
        let is_address = |rest: &str| rest.parse::<SocketAddr>().is_ok();
        let is_elsewhere = settings.issuer.is_none()
            && iss != ours
            && iss.strip_prefix("http://").is_some_and(is_address);
        let (revocations, note) = revocations(&settings.state);
        let base_url = if is_elsewhere { &iss } else { &address };
        let authority = prepared.into_authority(base_url, revocations);
        match authority.authenticate_token(token, now) {
            Ok(_) if is_elsewhere => Self::refused(format!(
                "`iss` is {iss} and serve here would be {ours}, all else is valid: serve at the address of the token \
                 (--bind), or set HALLPASS_ISSUER, so that the address does not matter"
            )),
            Ok(principal) => Self {
                is_accepted: Some(true),
                reason: describe(&principal),
                notes: note.into_iter().chain(taken_away(decoded, &principal)).collect(),
            },
            Err(TokenError::Account) => Self::unknown(format!(
                "it is for {}, an account of an application, which alone knows whether it may come in: send it to GET \
                 /request of the running application; serve here refuses it",
                decoded.claim("sub").unwrap_or_default()
            )),
            Err(error) => Self::refused(explain(error, decoded, &authority, now)),
        }
    }
}

/// The revocations, and a note where they are not known. A missing state file is not created.
fn revocations(state: &StateLocation) -> (Revocations, Option<String>) {
    let reason = match state {
        StateLocation::Memory => {
            "HALLPASS_STATE is memory, which only the running serve knows".to_owned()
        }
        StateLocation::Redis(_) => "HALLPASS_STATE is Redis, which is not read here".to_owned(),
        StateLocation::File(path) if !path.exists() => return (Revocations::default(), None),
        StateLocation::File(path) => match Revocations::open(path, Duration::ZERO) {
            Ok(revocations) => return (revocations, None),
            Err(error) if error.kind == StateErrorKind::InUse => {
                format!("{} is held by a running serve", path.display())
            }
            Err(error) => error.to_string(),
        },
    };
    let note = format!(
        "{reason}: whether it was revoked was not checked; POST /introspect asks a running serve"
    );
    (Revocations::default(), Some(note))
}

fn describe(principal: &Principal) -> String {
    let list =
        |words: Vec<&str>| if words.is_empty() { "none".to_owned() } else { words.join(" ") };
    let roles = list(principal.roles().iter().map(|role| role.as_str()).collect());
    let scopes = list(principal.scopes().iter().map(|scope| scope.as_str()).collect());
    format!("it speaks for {}, roles: {roles}, scopes: {scopes}", principal.subject())
}

/// What the token claims and the roster does not grant any more.
fn taken_away(token: &DecodedToken, principal: &Principal) -> Vec<String> {
    let roles = token.claims.as_ref().and_then(|claims| claims.get("roles")?.as_array());
    let roles = roles.into_iter().flatten().filter_map(Value::as_str);
    let has_role = |name: &&str| principal.roles().iter().any(|role| role.as_str() == *name);
    let roles: Vec<_> = roles.filter(|name| !has_role(name)).collect();
    let scopes = token.claim("scope").unwrap_or_default().split_ascii_whitespace();
    let has_scope = |name: &&str| principal.scopes().iter().any(|scope| scope.as_str() == *name);
    let scopes: Vec<_> = scopes.filter(|name| !has_scope(name)).collect();
    let lost = [("roles", roles), ("scopes", scopes)];
    let lost = lost.into_iter().filter(|(_, words)| !words.is_empty());
    let note = |(what, words): (&str, Vec<&str>)| {
        format!("it also claims {what} that the roster no longer grants: {}", words.join(" "))
    };
    lost.map(note).collect()
}

/// Why a token is refused, and what to do. What it claims is quoted with escapes, because anyone may have written it.
fn explain(
    error: TokenError,
    token: &DecodedToken,
    authority: &Authority,
    now: Timestamp,
) -> String {
    let ours = authority.issuer();
    let Some(iss) = token.claim("iss") else {
        return "it names no issuer (`iss`), as every token of hallpass does: log in for one"
            .to_owned();
    };
    if iss != ours {
        let unknown = format!(
            "unknown issuer: its `iss` {iss:?} is neither ours ({ours}) nor one of the roster"
        );
        return match error {
            TokenError::Issuer => format!(
                "{unknown}, though our key signed it: log in again, or, if our address has changed, set HALLPASS_ISSUER"
            ),
            _ => format!("{unknown}: log in here, or name its issuer in the roster"),
        };
    }
    let time = |name: &str| {
        let time = token.times().find(|(found, _)| *found == name);
        time.map_or_else(String::new, |(name, time)| format!(" ({name}: {})", distance(time, now)))
    };
    let details = match error {
        TokenError::Audience => format!(
            ": ours is {}; log in again, or set HALLPASS_AUDIENCE to that of the token",
            authority.audience()
        ),
        TokenError::Withdrawn => format!(": {}", withdrawn(token, &authority.roster(), now)),
        TokenError::Header => format!(
            " (`typ` is {:?} and must be \"at+jwt\", with `alg` and `kid` and nothing else): it is no access \
             token of hallpass; log in for one",
            token.header("typ")
        ),
        TokenError::UnknownKey => format!(
            " ({:?}): the key has changed, as at every start of `serve --dev`; log in again, or name the former \
             key in HALLPASS_PREVIOUS_SECRET_KEYS or HALLPASS_PREVIOUS_SIGNING_KEYS",
            token.header("kid")
        ),
        TokenError::Algorithm => {
            format!(" ({:?}): it was tampered with; log in again", token.header("alg"))
        }
        TokenError::Signature => {
            ": it was changed, or not copied as a whole; copy it again, or log in again".to_owned()
        }
        TokenError::Claims => ": it is no access token of this version; log in again".to_owned(),
        TokenError::Expired => format!("{}: log in again", time("exp")),
        TokenError::NotYet => format!(
            "{}{}: correct the clocks, or tolerate more with HALLPASS_LEEWAY",
            time("nbf"),
            time("iat")
        ),
        _ => ": log in again".to_owned(),
    };
    format!("it {error}{details}")
}

/// What in the roster ended a token that is valid in itself.
fn withdrawn(token: &DecodedToken, roster: &Roster, now: Timestamp) -> String {
    let subject = token.claim("sub").unwrap_or_default();
    let Some(id) = token.claim("key_id").and_then(|id| KeyId::parse(id).ok()) else {
        return match roster.users().find(|user| user.name.as_str() == subject) {
            None => {
                format!("the roster has no user {subject}; `hallpass user add {subject}` makes one")
            }
            Some(user) if user.disabled => {
                format!("the user {subject} is disabled; take `disabled` out of the roster")
            }
            Some(_) => format!(
                "{subject} was added again since, or came through a client that is gone or disabled; log in again"
            ),
        };
    };
    match roster.check_key(&id, now) {
        Err(ApiKeyError::UnknownKey) => format!(
            "its API key {id} is not in the roster (revoked?); log in with another, `hallpass key add {subject}` \
             makes one"
        ),
        Err(ApiKeyError::Disabled) => {
            format!("the client {subject} is disabled; take `disabled` out of the roster")
        }
        Err(ApiKeyError::Expired) => {
            format!("its API key {id} has expired; `hallpass key rotate {subject}` makes a new one")
        }
        Err(error @ (ApiKeyError::OtherHash | ApiKeyError::Elsewhere | ApiKeyError::NameTaken)) => {
            error.to_string()
        }
        Ok(client) => format!("its API key {id} is now that of {}; log in again", client.name),
    }
}

/// How far away a time is, in the two largest units.
pub(super) fn distance(time: Timestamp, now: Timestamp) -> String {
    let seconds = time.as_second() - now.as_second();
    let duration =
        humantime::format_duration(Duration::from_secs(seconds.unsigned_abs())).to_string();
    let duration = duration.split(' ').take(2).collect::<Vec<_>>().join(" ");
    match seconds {
        0 => "now".to_owned(),
        ..0 => format!("{duration} ago"),
        _ => format!("in {duration}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_shown_in_the_two_largest_units() {
        let second = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(distance(second(10), second(10)), "now");
        assert_eq!(distance(second(10), second(3_700)), "1h 1m ago");
        assert_eq!(distance(second(100), second(10)), "in 1m 30s");
        assert!(distance(Timestamp::MAX, Timestamp::MIN).starts_with("in "));
    }
}
