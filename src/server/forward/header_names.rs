//! Names that a backend may take for those of other headers: `X_API_Key` is `X-API-Key` to WSGI, `X.API.Key` to PHP,
//! and `X~API~Key` to CGI programs behind servers that make `_` of all that is neither letter nor digit.

use actix_web::http::header::{HeaderMap, HeaderName};

use crate::server::forward::original_path::Rejected;

/// What the identity headers begin with.
const IDENTITY: &str = "x-hallpass-";

/// The other headers that are read here or that an answer has.
const KNOWN: &[&str] = &[
    "access-control-request-method",
    "authorization",
    "cache-control",
    "cookie",
    "forwarded",
    "host",
    "origin",
    // gunicorn takes the path from `PATH_INFO` and `SCRIPT_NAME`.
    "path-info",
    "retry-after",
    "script-name",
    "sec-fetch-site",
    "sec-websocket-version",
    "upgrade",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-proto",
    "x-forwarded-uri",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-request-id",
    "x-rewrite-url",
];

/// Requires that no header is an alias: with all that is neither letter nor digit read as `-` it has the name of a
/// header that is read or sent here, and is not spelt like it. `key_headers` are further names that are read.
///
/// # Errors
/// There is one.
pub(super) fn refuse_aliases(
    headers: &HeaderMap,
    key_headers: &[HeaderName],
) -> Result<(), Rejected> {
    let has_unusual_keys = !key_headers.iter().all(is_plain);
    for name in headers.keys() {
        let is_plain = is_plain(name);
        if is_plain && !has_unusual_keys || key_headers.contains(name) {
            continue;
        }
        let folded = folded(name);
        let is_known = folded.starts_with(IDENTITY) || KNOWN.contains(&folded.as_str());
        if is_known && !is_plain || key_headers.iter().any(|key| self::folded(key) == folded) {
            return Err("a header has a name that some backends read as another one");
        }
    }
    Ok(())
}

/// Whether a name is folded to itself.
fn is_plain(name: &HeaderName) -> bool {
    name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn folded(name: &HeaderName) -> String {
    name.as_str().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;
    use crate::config::api_key_names::is_reserved;

    #[test]
    fn no_header_that_is_read_or_sent_can_be_named_for_api_keys() {
        for name in KNOWN.iter().copied().chain(["x-hallpass-subject"]) {
            assert!(is_reserved(name), "{name}");
        }
    }

    #[test]
    fn aliases_of_headers_that_are_read_or_sent_are_refused() {
        for (name, good) in [
            ("x-hallpass-subject", true),
            ("x-hallpass_subject", false),
            ("x_hallpass_roles", false),
            ("x-hallpass-token", true),
            ("x_hallpass_token", false),
            ("x.hallpass.roles", false),
            ("x~hallpass~roles", false),
            ("x-hallpass+roles", false),
            ("x!forwarded#uri", false),
            ("x_hallpass_anything", false),
            ("x-forwarded-uri", true),
            ("x_forwarded_uri", false),
            ("x-original.method", false),
            ("x_http_method_override", false),
            ("x-api-key", true),
            ("x_api_key", false),
            ("script_name", false),
            ("path_info", false),
            ("x-api_key", false),
            ("x_other", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
            let aliases = refuse_aliases(&headers, &[HeaderName::from_static("x-api-key")]);
            assert_eq!(aliases.is_ok(), good, "{name}");
        }
        // The name of the header itself may have an underscore.
        for (name, good) in
            [("api_key", true), ("api-key", false), ("api.key", false), ("host", true)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
            let aliases = refuse_aliases(&headers, &[HeaderName::from_static("api_key")]);
            assert_eq!(aliases.is_ok(), good, "{name}");
        }
    }
}
