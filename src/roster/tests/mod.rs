//! Tests of the roster, and what they share.

mod api_key_cache;
mod api_keys;
mod file_replacement;
mod key_edits;
mod parsing;
mod passwords;
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

/// A key of the same id and another secret, with a good checksum.
fn with_wrong_secret(key: &ApiKey) -> ApiKey {
    let text = format!("hp_{}_{}", key.id(), "0".repeat(43));
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut sum = crc32fast::hash(text.as_bytes()) as usize;
    let mut tail = [b'0'; 6];
    for digit in tail.iter_mut().rev() {
        *digit = digits[sum % 62];
        sum /= 62;
    }
    ApiKey::parse(&(text + std::str::from_utf8(&tail).unwrap())).unwrap()
}

fn exposed(key: &ApiKey) -> String {
    key.expose().expose_secret().to_owned()
}
