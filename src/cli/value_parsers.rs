//! Parsers of command line values: durations, roles and scopes, key ids.

use std::{ffi::OsStr, time::Duration};

use clap::{
    Arg, Command,
    builder::TypedValueParser,
    error::{Error, ErrorKind},
};
use ipnet::IpNet;
use serde_json::Value;

use crate::{
    notation::{duration::parse_duration, network::parse_network},
    oauth::{Audience, KeyId, Role, Scope, custom_claims::CustomClaims},
    roster::{
        api_key::{ApiKey, ApiKeySyntaxError},
        key_label::check_label,
        secret_hash::COSTS,
    },
};

const DAY: u64 = 24 * 60 * 60;
/// A hundred years; a key without an end needs no duration.
const LONGEST: Duration = Duration::from_secs(36_525 * DAY);

/// The roster holds whole seconds.
pub(super) fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = parse_duration(text)?;
    if lifetime < Duration::from_secs(1) {
        return Err("a key must be valid for at least a second".to_owned());
    }
    if lifetime > LONGEST {
        return Err(
            "that is more than 100 years: leave --expires out, and the key is valid until it \
                    is revoked"
                .to_owned(),
        );
    }
    Ok(lifetime)
}

/// How long older keys stay valid.
pub(super) fn overlap(text: &str) -> Result<Duration, String> {
    let overlap = parse_duration(text)?;
    if overlap > LONGEST {
        return Err("that is more than 100 years: `hallpass key add` makes a key and leaves the \
                    older ones as they are"
            .to_owned());
    }
    Ok(overlap)
}

/// A bcrypt cost that the roster takes.
pub(super) fn cost(text: &str) -> Result<u32, String> {
    let (least, most) = (COSTS.start(), COSTS.end());
    text.parse()
        .ok()
        .filter(|cost| COSTS.contains(cost))
        .ok_or_else(|| format!("a bcrypt cost is a number from {least} to {most}"))
}

/// One role. A list with commas would be a role of its own that no operation demands.
pub(super) fn role(text: &str) -> Result<Role, String> {
    let role = Role::parse(text).map_err(|error| error.to_string());
    repeated(text, "--role").map_or(role, Err)
}

/// One scope, likewise.
pub(super) fn scope(text: &str) -> Result<Scope, String> {
    let scope = Scope::parse(text).map_err(|error| error.to_string());
    repeated(text, "--scope").map_or(scope, Err)
}

/// An address or a network.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    repeated(text, "--from").map_or(parse_network(text).map_err(str::to_owned), Err)
}

/// A lifetime of tokens.
pub(super) fn token_lifetime(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("every token would be expired when issued".to_owned()),
        lifetime => Ok(lifetime),
    }
}

/// One audience.
pub(super) fn audience(text: &str) -> Result<Audience, String> {
    let audience = Audience::parse(text).map_err(|error| error.to_string());
    repeated(text, "--audience").map_or(audience, Err)
}

/// `NAME=VALUE`, where the value is JSON, or else a text.
pub(super) fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) =
        text.split_once('=').ok_or("write NAME=VALUE, as in tenant=acme".to_owned())?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    CustomClaims::default().insert(name, value.clone()).map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value))
}

/// The label of a key.
pub(super) fn label(text: &str) -> Result<String, String> {
    check_label(text).map_err(|error| format!("the label {error}"))?;
    Ok(text.to_owned())
}

/// What to write instead of a list.
fn repeated(text: &str, flag: &str) -> Option<String> {
    let parts = || text.split([',', ' ']).filter(|part| !part.is_empty());
    let flags = || parts().map(|part| format!("{flag} {part}")).collect::<Vec<_>>().join(" ");
    (parts().count() > 1 || text.contains(','))
        .then(|| format!("repeat the flag for each: {}", flags()))
}

/// Takes a key id or a whole API key, as the finder of a leaked key has it. An error does not repeat the
/// value, as clap would, because it may be a key with a typing error.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyIdParser;

impl TypedValueParser for KeyIdParser {
    type Value = KeyId;

    fn parse_ref(
        &self,
        command: &Command,
        _arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<KeyId, Error> {
        let text = value.to_str().unwrap_or_default();
        match ApiKey::parse(text) {
            Ok(key) => Ok(key.id().clone()),
            // A key of an older hallpass may leak too.
            Err(ApiKeySyntaxError::WrongSecret(id)) => Ok(id),
            Err(ApiKeySyntaxError::Shape | ApiKeySyntaxError::Checksum) => KeyId::parse(text).map_err(|_| {
                let what = if text.starts_with("hp_") {
                    "this is not an API key: its checksum is wrong, so a character was lost or mistyped; the 12 \
                     characters after hp_ are its key id, which is enough\n"
                } else {
                    "this is not a key id, which is 12 of 0-9 A-Z a-z; `hallpass key list` shows all\n"
                };
                Error::raw(ErrorKind::ValueValidation, what).with_cmd(command)
            }),
        }
    }
}
