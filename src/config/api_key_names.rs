//! The names under which requests carry API keys.

use crate::oauth::http_token::is_http_token;

/// The header of API keys, where no other one is set.
pub(super) const DEFAULT_HEADER: &str = "X-API-Key";
/// The query parameter of API keys, where no other one is set.
pub(super) const DEFAULT_QUERY: &str = "api_key";
/// The cookie of API keys.
pub(crate) const API_KEY_COOKIE: &str = "api_key";

const LONGEST_NAME: usize = 64;

/// Headers that mean something else, with `-` for all that is neither letter nor digit.
const RESERVED: &[&str] = &[
    "accept",
    "authorization",
    "cache-control",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "path-info",
    "pragma",
    "range",
    "referer",
    "retry-after",
    "script-name",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "www-authenticate",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-real-ip",
    "x-request-id",
    "x-rewrite-url",
];

/// What the names of further such headers begin with.
const RESERVED_BEGINNINGS: &[&str] = &[
    "accept-",
    "access-control-",
    "content-",
    "if-",
    "proxy-",
    "sec-",
    "x-forwarded-",
    "x-hallpass-",
    "x-original-",
];

/// The parameters that `/verify` reads itself.
const RESERVED_PARAMETERS: &[&str] = &["role", "scope"];

/// The names under which requests carry API keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKeyNames {
    /// The header (RFC 9110 §5.1).
    pub header: String,
    /// The query parameter; `None` where the query is not looked at.
    pub query: Option<String>,
}

/// Whether a header means something else, also to a backend that reads `_` or `.` as `-`.
pub(crate) fn is_reserved(header: &str) -> bool {
    let folded = header.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    RESERVED.contains(&folded.as_str())
        || RESERVED_BEGINNINGS.iter().any(|beginning| folded.starts_with(beginning))
}

/// The value of `HALLPASS_API_KEY_HEADER`.
pub(super) fn header(text: &str) -> Result<String, String> {
    refuse_key(text)?;
    if text.is_empty() {
        Err(format!("is empty: write the name of a header, or leave it out for {DEFAULT_HEADER}"))
    } else if text.len() > LONGEST_NAME || !is_http_token(text) {
        Err(format!(
            "is {text:?}: write the name of a header, 1 to {LONGEST_NAME} letters, digits, - or _ (RFC 9110 §5.6.2)"
        ))
    } else if is_switch(text) {
        Err(format!(
            "is {text:?}: this header is always looked at; write its name, or leave it out for {DEFAULT_HEADER}"
        ))
    } else if is_reserved(text) {
        Err(format!(
            "is {text:?}, a header with a meaning of its own: write another name, such as {DEFAULT_HEADER}"
        ))
    } else {
        Ok(text.to_owned())
    }
}

/// The value of `HALLPASS_API_KEY_QUERY`.
pub(super) fn query(text: &str) -> Result<Option<String>, String> {
    refuse_key(text)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if text == "off" {
        Ok(None)
    } else if text.is_empty() {
        Err(format!(
            "is empty: write off, so that no API key is taken from the query, or leave it out for {DEFAULT_QUERY}"
        ))
    } else if text.len() > LONGEST_NAME || !text.bytes().all(is_plain) || is_switch(text) {
        Err(format!(
            "is {text:?}: write off, or the name of a query parameter, 1 to {LONGEST_NAME} letters, digits, -, ., _ or ~"
        ))
    } else if RESERVED_PARAMETERS.contains(&text) {
        Err(format!(
            "is {text:?}, a parameter that /verify reads itself: write another name, such as {DEFAULT_QUERY}"
        ))
    } else {
        Ok(Some(text.to_owned()))
    }
}

fn is_switch(text: &str) -> bool {
    ["on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// An API key that was taken for the name would be published in the document.
fn refuse_key(text: &str) -> Result<(), String> {
    match text.starts_with("hp_") {
        true => Err("begins like an API key: write the name under which keys are sent".to_owned()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_token_that_means_nothing_else() {
        for good in ["X-API-Key", "access_token", "Api.Key", "x", "X-Auth-Token", &"x".repeat(64)] {
            assert_eq!(header(good).as_deref(), Ok(good));
        }
        for bad in ["", "a b", "a:b", "é", "a\"", &"x".repeat(65)] {
            assert!(header(bad).unwrap_err().contains("write the name of a header"), "{bad}");
        }
        for bad in [
            "Authorization",
            "COOKIE",
            "host",
            "Content-Type",
            "content_length",
            "X-Forwarded-For",
            "X_Forwarded.For",
            "X-Original-URI",
            "X-Hallpass-Roles",
            "Sec-Fetch-Site",
            "Accept",
            "Proxy-Authorization",
        ] {
            assert!(header(bad).unwrap_err().contains("such as X-API-Key"), "{bad}");
        }
    }

    #[test]
    fn a_query_parameter_has_a_plain_name_or_is_off() {
        assert_eq!(query("off"), Ok(None));
        for good in ["api_key", "access_token", "key", "x-api.key~"] {
            assert_eq!(query(good), Ok(Some(good.to_owned())));
        }
        for bad in ["", "OFF", "on", "a b", "a=b", "a&b", "é", "a%5F", "a[b]", &"x".repeat(65)] {
            assert!(query(bad).unwrap_err().contains("write off"), "{bad}");
        }
        for bad in ["role", "scope"] {
            assert!(query(bad).unwrap_err().contains("/verify"), "{bad}");
        }
    }

    #[test]
    fn an_api_key_that_is_taken_for_a_name_is_not_repeated() {
        let key = format!("hp_{}", "a".repeat(62));
        for told in [header(&key).unwrap_err(), query(&key).unwrap_err()] {
            assert!(told.contains("like an API key") && !told.contains("aaa"), "{told}");
        }
    }
}
