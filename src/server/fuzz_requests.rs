//! Targets of the fuzzer: credentials as requests carry them, and the address that proxies tell.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is a finding"
)]

use std::net::IpAddr;

use actix_web::{
    http::{
        Method,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    test::TestRequest,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    policy::{
        compile_options::CompileOptions,
        compiled::{Lookup, Policy},
        requirement::Requirement,
    },
    server::{
        credentials::{
            locations::Locations,
            presented::Presented,
            request_credentials::{Credential, RequestCredentials, SchemeCredential},
        },
        http::peer::peer,
    },
};

/// What was found for a scheme.
#[derive(Debug, PartialEq)]
enum Seen {
    Nothing,
    ApiKey(String),
    Token(String),
    Basic(String, String),
}

/// A value of `Authorization`: a credential is found only where its scheme says so.
pub(crate) fn authorization(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, value);
    let text = String::from_utf8_lossy(data);
    let (name, rest) = text.trim().split_once(' ').unwrap_or((&text, ""));
    for scheme in ["bearer", "basic"] {
        let seen = seen(scheme, &headers, "").expect("one value is never ambiguous");
        assert!(seen == Seen::Nothing || name.eq_ignore_ascii_case(scheme), "{seen:?}");
        match seen {
            Seen::Token(token) => assert_eq!(token, rest.trim()),
            Seen::Basic(user, secret) if !(user.is_empty() && secret.is_empty()) => {
                let pair = STANDARD.decode(rest.trim()).expect("it was decoded");
                assert!(pair.contains(&b':'));
            }
            _ => {}
        }
    }
}

/// Lines of `Cookie`: the session is the only cookie of its name, and two are refused.
pub(crate) fn cookies(data: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut values = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(header::COOKIE, value);
        for pair in line.split(|byte| *byte == b';') {
            let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            if pair[..end].trim_ascii() == b"access_token" {
                let value = pair.get(end + 1..).unwrap_or_default();
                values.push(String::from_utf8_lossy(value).trim().to_owned());
            }
        }
    }
    compare(seen("session", &headers, ""), &values, Seen::Token);
}

/// A query: the key is the only parameter of its name, and two are refused.
pub(crate) fn query(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let values: Vec<_> =
        pairs.filter(|(name, _)| name == "api_key").map(|(_, value)| value.into_owned()).collect();
    compare(seen("apiKeyQuery", &HeaderMap::new(), query), &values, Seen::ApiKey);
}

/// A list that a peer sends: whatever it says, the address that a trusted proxy appends counts, and nothing that is sent
/// to us without a proxy does.
pub(crate) fn forwarded(data: &[u8]) {
    const NEAREST: &str = "127.0.0.1:40000";
    const APPENDED: &str = "198.51.100.7";
    let address = |text: &str| text.parse::<IpAddr>().ok();
    let trusted = ["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    for (name, appended) in
        [("x-forwarded-for", APPENDED.to_owned()), ("forwarded", format!("for={APPENDED}"))]
    {
        let lists = [&[data, b", ", appended.as_bytes()].concat(), data];
        for (list, proxies, wanted) in [
            (lists[0], trusted.as_slice(), Some(APPENDED)),
            (lists[0], &[], Some("127.0.0.1")),
            (lists[1], trusted.as_slice(), None),
        ] {
            let Ok(value) = HeaderValue::from_bytes(list) else { return };
            let request = TestRequest::default()
                .peer_addr(NEAREST.parse().unwrap())
                .insert_header((HeaderName::from_static(name), value));
            let found = peer(&request.to_http_request(), proxies);
            assert!(found.is_some());
            if wanted.is_some() {
                assert_eq!(found, wanted.and_then(address), "{name}");
            }
        }
    }
}

/// None is nothing, one is the credential unless it is empty, more are refused.
fn compare(seen: Option<Seen>, values: &[String], kind: fn(String) -> Seen) {
    match values {
        [] => assert_eq!(seen, Some(Seen::Nothing)),
        [one] if one.is_empty() => assert_eq!(seen, Some(Seen::Nothing)),
        [one] => assert_eq!(seen, Some(kind(one.clone()))),
        _ => assert_eq!(seen, None),
    }
}

/// What a request carries for the scheme; none where it is refused as ambiguous.
fn seen(scheme: &str, headers: &HeaderMap, query: &str) -> Option<Seen> {
    let requirement = requirement(scheme);
    let locations = Locations::new(&requirement);
    let presented = Presented {
        method: &Method::GET,
        path: "/a",
        query,
        headers,
        scheme: "http",
        host: None,
        peer: None,
    };
    let read = RequestCredentials::read(&presented, &locations).ok()?;
    let scheme = requirement.schemes().next().expect("the operation has one scheme");
    Some(match read.find(scheme) {
        SchemeCredential::Missing => Seen::Nothing,
        SchemeCredential::CrossSite => panic!("GET is never cross-site"),
        SchemeCredential::Present(Credential::ApiKey(key)) => Seen::ApiKey(key.to_owned()),
        SchemeCredential::Present(Credential::Token(token)) => Seen::Token(token.to_owned()),
        SchemeCredential::Present(Credential::Basic { name, secret, .. }) => {
            Seen::Basic(name.to_owned(), secret.to_owned())
        }
    })
}

/// The requirement of an operation that takes one scheme.
fn requirement(scheme: &str) -> Requirement {
    let document = json!({
        "openapi": "3.1.0",
        "paths": { "/a": { "get": { "security": [{ scheme: [] }] } } },
        "components": { "securitySchemes": {
            "bearer": { "type": "http", "scheme": "bearer" },
            "basic": { "type": "http", "scheme": "basic" },
            "session": { "type": "apiKey", "in": "cookie", "name": "access_token" },
            "apiKeyQuery": { "type": "apiKey", "in": "query", "name": "api_key" },
        } },
    });
    let policy = Policy::compile(&document, &CompileOptions::own("access_token")).unwrap();
    match policy.find("GET", "/a") {
        Lookup::Operation(operation) => operation.requirement.clone(),
        other => panic!("{other:?}"),
    }
}
