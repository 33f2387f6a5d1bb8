//! Why a token is refused and what to do about it, in one line.
//!
//! Must not know how it was found out.

use jiff::Timestamp;

use super::unproven::Unproven;
use super::unproven::moments;
use super::unproven::since;

use crate::{
    authority::authority::Authority,
    oauth::KeyId,
    roster::{roster::Roster, verified_key::ApiKeyError},
    tokens::token_error::TokenError,
};

/// Why, and what to do. What the token says is quoted with escapes: it may be anybody's.
pub(super) fn explained(
    refusal: TokenError,
    unproven: &Unproven,
    authority: &Authority,
    now: Timestamp,
) -> String {
    match unproven.claim("iss") {
        None => {
            "it names no issuer (`iss`), as every token of hallpass does: log in for one".to_owned()
        }
        Some(iss) if iss != authority.issuer() => foreign(refusal, iss, authority.issuer()),
        Some(_) => {
            let details = match refusal {
                TokenError::Audience => format!(
                    ": ours is {}; log in again, or set HALLPASS_AUDIENCE to that of the token",
                    authority.audience()
                ),
                TokenError::Withdrawn => {
                    format!(": {}", withdrawn(unproven, &authority.roster(), now))
                }
                refusal => of_itself(refusal, unproven, now),
            };
            format!("it {refusal}{details}")
        }
    }
}

fn foreign(refusal: TokenError, iss: &str, ours: &str) -> String {
    let known = format!("its issuer {iss:?} is neither ours ({ours}) nor one of the roster");
    match refusal {
        TokenError::Issuer => format!(
            "{known}, though our key signed it: log in again, or, if our address has changed, set HALLPASS_ISSUER"
        ),
        _ => format!("{known}: log in here, or name its issuer in the roster"),
    }
}

/// What is wrong with a token that no setting and no roster mends.
fn of_itself(refusal: TokenError, unproven: &Unproven, now: Timestamp) -> String {
    let quoted = |name: &str| unproven.of_header(name).unwrap_or_default();
    let away = |name: &str| {
        let moment = moments(unproven).find(|(found, _)| *found == name);
        moment.map_or_else(String::new, |(name, at)| format!(" ({name}: {})", since(at, now)))
    };
    match refusal {
        TokenError::Header => format!(
            " (`typ` is {:?} and must be \"at+jwt\", with `alg` and `kid` and nothing else): it is no access \
             token of hallpass; log in for one",
            quoted("typ")
        ),
        TokenError::UnknownKey => format!(
            " ({:?}): the key has changed, as at every start of `serve --dev`; log in again, or name the former \
             key in HALLPASS_PREVIOUS_SECRET_KEYS or HALLPASS_PREVIOUS_SIGNING_KEYS",
            quoted("kid")
        ),
        TokenError::Algorithm => {
            format!(" ({:?}): it was tampered with; log in again", quoted("alg"))
        }
        TokenError::Signature => {
            ": it was changed, or not copied as a whole; copy it again, or log in again".to_owned()
        }
        TokenError::Claims => ": it is no access token of this version; log in again".to_owned(),
        TokenError::Expired => format!("{}: log in again", away("exp")),
        TokenError::NotYet => format!(
            "{}{}: set the clocks right, or tolerate more with HALLPASS_LEEWAY",
            away("nbf"),
            away("iat")
        ),
        _ => ": log in again".to_owned(),
    }
}

/// What of the roster ended a token that is good in itself.
fn withdrawn(unproven: &Unproven, roster: &Roster, now: Timestamp) -> String {
    let subject = unproven.claim("sub").unwrap_or_default();
    let Some(id) = unproven.claim("key_id").and_then(|id| KeyId::parse(id).ok()) else {
        return without_user(subject, roster);
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
        Err(refusal @ ApiKeyError::WrongSecret) => refusal.to_string(),
        Ok(client) => format!("its API key {id} is now that of {}; log in again", client.name),
    }
}

fn without_user(subject: &str, roster: &Roster) -> String {
    match roster.users().find(|user| user.name.as_str() == subject) {
        None => {
            format!("the roster has no user {subject}; `hallpass user add {subject}` makes one")
        }
        Some(user) if user.disabled => {
            format!("the user {subject} is disabled; take `disabled` out of the roster")
        }
        Some(_) => format!(
            "{subject} was added anew since, or came through a client that is gone or disabled; log in again"
        ),
    }
}
