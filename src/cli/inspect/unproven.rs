//! A token taken apart without believing a word of it.
//!
//! Must not know signing keys or the roster.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::roster::api_key::ApiKey;

/// What a token says about itself, as far as it can be read.
#[derive(Debug, Default)]
pub(super) struct Unproven {
    pub(super) header: Option<Map<String, Value>>,
    pub(super) claims: Option<Map<String, Value>>,
    /// Why it is no token at all.
    pub(super) fault: Option<String>,
}

/// The token in what was pasted: alone, behind `Bearer`, in quotes, or in the answer of `/login`.
pub(super) fn bare(presented: &str) -> String {
    let mut text = presented.trim();
    if let Ok(Value::Object(answer)) = serde_json::from_str(text)
        && let Some(token) = answer.get("access_token").and_then(Value::as_str)
    {
        return token.trim().to_owned();
    }
    text = without(text, "authorization:");
    text = text.trim_matches(['"', '\'']).trim();
    without(text, "bearer ").to_owned()
}

fn without<'t>(text: &'t str, start: &str) -> &'t str {
    match text.split_at_checked(start.len()) {
        Some((before, rest)) if before.eq_ignore_ascii_case(start) => rest.trim(),
        _ => text,
    }
}

impl Unproven {
    /// Reads as much as can be read; whatever is wrong is the fault.
    pub(super) fn read(token: &str) -> Self {
        let mut found = Self::default();
        found.fault = found.take_apart(token).err();
        found
    }

    fn take_apart(&mut self, token: &str) -> Result<(), String> {
        let parts: Vec<_> = token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err(not_three(token, parts.len()));
        };
        self.header = Some(object("header", header)?);
        self.claims = Some(object("payload", claims)?);
        if signature.is_empty() {
            return Err(
                "it has no signature, so anybody may have written it: log in for one that has"
                    .to_owned(),
            );
        }
        bytes("signature", signature).map(|_| ())
    }

    /// The text of a claim.
    pub(super) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.as_ref()?.get(name)?.as_str()
    }

    /// The text of a member of the header.
    pub(super) fn of_header(&self, name: &str) -> Option<&str> {
        self.header.as_ref()?.get(name)?.as_str()
    }
}

/// Nothing of it is repeated: it may be a secret.
fn not_three(token: &str, parts: usize) -> String {
    let whole = "copy the whole `access_token` of the answer of /login or /token";
    if token.is_empty() {
        return "stdin is empty: pipe the token in, as in `echo \"$TOKEN\" | hallpass token inspect`".to_owned();
    }
    if ApiKey::parse(token).is_ok() || token.starts_with("hp_") {
        return "this is an API key and no token: POST /login gives a token for it".to_owned();
    }
    match parts {
        5 => {
            "it is encrypted (JWE, five parts): only whoever it is meant for can read it".to_owned()
        }
        1 => format!("this is no JWT, which has three parts with dots between them: {whole}"),
        _ => format!("this is no JWT: it has {parts} parts, and a JWT has three: {whole}"),
    }
}

fn bytes(what: &str, part: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| {
        format!("its {what} is no base64url: a character was lost or changed, so copy it again")
    })
}

fn object(what: &str, part: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_slice(&bytes(what, part)?).map_err(|_| {
        format!("its {what} is no JSON object: a part was lost or changed, so copy it again")
    })
}

/// The claims that are times, in the order in which they happen.
pub(super) fn moments(unproven: &Unproven) -> impl Iterator<Item = (&'static str, Timestamp)> {
    ["iat", "nbf", "exp"].into_iter().filter_map(|name| {
        let value = unproven.claims.as_ref()?.get(name)?;
        // Others may write fractions (RFC 7519 §2, NumericDate); what no calendar holds is left as it is.
        let second = value.as_i64().or_else(|| value.as_f64().map(|second| second as i64))?;
        Some((name, Timestamp::from_second(second).ok()?))
    })
}

/// How far a moment is away, in the two largest units.
pub(super) fn since(moment: Timestamp, now: Timestamp) -> String {
    let seconds = moment.as_second() - now.as_second();
    if seconds == 0 {
        return "now".to_owned();
    }
    let long = humantime::format_duration(Duration::from_secs(seconds.unsigned_abs())).to_string();
    let long = long.split(' ').take(2).collect::<Vec<_>>().join(" ");
    if seconds < 0 { format!("{long} ago") } else { format!("in {long}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_whatever_people_paste() {
        for pasted in [
            "a.b.c",
            "  a.b.c\r\n",
            "Bearer a.b.c",
            "bearer   a.b.c ",
            "Authorization: Bearer a.b.c",
            "\"a.b.c\"",
            "'Bearer a.b.c'",
            "{\"access_token\": \"a.b.c\", \"token_type\": \"Bearer\"}",
        ] {
            assert_eq!(bare(pasted), "a.b.c", "{pasted}");
        }
        assert_eq!(bare(""), "");
        assert_eq!(bare("é"), "é");
    }

    #[test]
    fn times_are_near_or_far_and_before_or_after() {
        let second = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(since(second(10), second(10)), "now");
        assert_eq!(since(second(10), second(3_700)), "1h 1m ago");
        assert_eq!(since(second(100), second(10)), "in 1m 30s");
        assert!(since(Timestamp::MAX, Timestamp::MIN).starts_with("in "));
    }

    #[test]
    fn odd_times_are_left_out() {
        let claims = serde_json::json!({"iat": 1.9, "nbf": "soon", "exp": 1e300});
        let claims = claims.as_object().cloned();
        let found: Vec<_> = moments(&Unproven { claims, ..Unproven::default() }).collect();
        assert_eq!(found, [("iat", Timestamp::from_second(1).unwrap())]);
    }
}
