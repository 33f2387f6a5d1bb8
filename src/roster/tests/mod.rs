//! Tests of the roster, and what they share.

mod api_keys;
mod file_replacement;
mod key_edits;
mod parsing;
mod passwords;
mod secret_cache;
mod user_edits;

use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::{
    oauth::{
        role::{Role, Roles},
        scope::{Scope, Scopes},
        subject::Subject,
    },
    roster::{api_key::ApiKey, roster::Roster},
};

/// The lowest cost: these tests are about other things than slowness.
const COST: u32 = 4;
/// A well-formed hash of cost 10.
const HASH: &str = "$2b$10$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";

fn now() -> Timestamp {
    "2026-11-23T10:00:00.5Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

fn name(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

fn roles(names: &[&str]) -> Roles {
    names.iter().map(|name| Role::parse(name).unwrap()).collect()
}

fn scopes(names: &[&str]) -> Scopes {
    names.iter().map(|name| Scope::parse(name).unwrap()).collect()
}

/// A roster with the client `billing` and its key.
fn demo() -> (Roster, ApiKey) {
    let (roles, scopes) = (roles(&["reader"]), scopes(&["a:b"]));
    Roster::default().with_client(&name("billing"), roles, scopes, COST, now()).unwrap()
}

/// The roster of `demo` with the hash of another key's secret.
fn with_other_hash(mut roster: Roster) -> Roster {
    let (other, _) = demo();
    roster.clients[0].keys[0].hash = other.clients[0].keys[0].hash.clone();
    roster
}

fn exposed(key: &ApiKey) -> String {
    key.expose().expose_secret().to_owned()
}
