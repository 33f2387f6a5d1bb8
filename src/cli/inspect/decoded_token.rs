//! A token decoded without verifying it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::roster::api_key::ApiKey;

/// What a token claims, as far as it can be decoded.
#[derive(Debug, Default)]
pub(super) struct DecodedToken {
    pub(super) header: Option<Map<String, Value>>,
    pub(super) claims: Option<Map<String, Value>>,
}

/// The token in a text that was pasted: alone, after `Bearer`, in quotes, or in the answer of `/login`.
pub(super) fn extract(pasted: &str) -> String {
    let text = pasted.trim();
    if let Ok(Value::Object(answer)) = serde_json::from_str(text)
        && let Some(token) = answer.get("access_token").and_then(Value::as_str)
    {
        return token.trim().to_owned();
    }
    let text = without_prefix(text, "authorization:").trim_matches(['"', '\'']).trim();
    without_prefix(text, "bearer ").to_owned()
}

fn without_prefix<'t>(text: &'t str, prefix: &str) -> &'t str {
    match text.split_at_checked(prefix.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(prefix) => rest.trim(),
        _ => text,
    }
}

impl DecodedToken {
    /// Decodes header and claims into `self`.
    ///
    /// # Errors
    /// Why the text is not a token. Nothing of the text is in it, which may be a secret.
    pub(super) fn decode(&mut self, token: &str) -> Result<(), String> {
        let parts: Vec<_> = token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err(not_three_parts(token, parts.len()));
        };
        self.header = Some(object("header", header)?);
        self.claims = Some(object("payload", claims)?);
        if signature.is_empty() {
            return Err(
                "it has no signature, so anyone may have written it: log in for one that has"
                    .to_owned(),
            );
        }
        base64url("signature", signature).map(|_| ())
    }

    pub(super) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.as_ref()?.get(name)?.as_str()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.header.as_ref().and_then(|header| header.get(name)?.as_str());
        value.unwrap_or_default()
    }

    /// The claims that are times, in the order in which they happen.
    pub(super) fn times(&self) -> impl Iterator<Item = (&'static str, Timestamp)> {
        ["iat", "nbf", "exp"].into_iter().filter_map(|name| {
            let value = self.claims.as_ref()?.get(name)?;
            // NumericDate may have a fraction (RFC 7519 §2).
            let second = value.as_i64().or_else(|| value.as_f64().map(|second| second as i64))?;
            Some((name, Timestamp::from_second(second).ok()?))
        })
    }
}

fn not_three_parts(token: &str, parts: usize) -> String {
    let copy = "copy the whole `access_token` of the answer of /login or /token";
    if token.is_empty() {
        "stdin is empty: pipe the token in, as in `echo \"$TOKEN\" | hallpass token inspect`"
            .to_owned()
    } else if ApiKey::has_prefix(token) {
        "this is an API key, not a token: POST /login issues a token for it".to_owned()
    } else if parts == 5 {
        "it is encrypted (JWE, five parts): only its audience can read it".to_owned()
    } else if parts == 1 {
        format!("this is not a JWT, which has three parts separated by dots: {copy}")
    } else {
        format!("this is not a JWT: it has {parts} parts instead of three: {copy}")
    }
}

fn base64url(what: &str, part: &str) -> Result<Vec<u8>, String> {
    let decoded = URL_SAFE_NO_PAD.decode(part);
    decoded.map_err(|_| {
        format!("its {what} is not base64url: a character was lost or changed, so copy it again")
    })
}

fn object(what: &str, part: &str) -> Result<Map<String, Value>, String> {
    let object = serde_json::from_slice(&base64url(what, part)?);
    object.map_err(|_| {
        format!("its {what} is not a JSON object: a part was lost or changed, so copy it again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_pasted_text() {
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
            assert_eq!(extract(pasted), "a.b.c", "{pasted}");
        }
        assert_eq!(extract(""), "");
        assert_eq!(extract("é"), "é");
    }

    #[test]
    fn times_out_of_range_are_left_out() {
        let claims = serde_json::json!({"iat": 1.9, "nbf": "soon", "exp": 1e300});
        let token = DecodedToken { claims: claims.as_object().cloned(), header: None };
        let found: Vec<_> = token.times().collect();
        assert_eq!(found, [("iat", Timestamp::from_second(1).unwrap())]);
    }
}
