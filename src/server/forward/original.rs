//! The original request: what a proxy says that its client has sent.
//!
//! Proxies write one family of headers and pass on the others as the client sent them, so every source that is there
//! must say the same: to prefer one of them would let the client choose what is judged.

use actix_web::http::{
    Method,
    header::{HeaderMap, HeaderName},
};

use crate::server::forward::original_path::{Rejected, split};

static URL: HeaderName = HeaderName::from_static("x-original-url");
static TARGETS: [HeaderName; 2] =
    [HeaderName::from_static("x-forwarded-uri"), HeaderName::from_static("x-original-uri")];
static METHODS: [HeaderName; 2] =
    [HeaderName::from_static("x-forwarded-method"), HeaderName::from_static("x-original-method")];
/// Frameworks take the method of these in place of the request's own.
static METHOD_OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];
/// Frameworks take the path of this in place of the request's own.
static REWRITE_URL: HeaderName = HeaderName::from_static("x-rewrite-url");
static HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static SCHEME: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The request that a proxy asks about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Original<'r> {
    pub(super) method: Method,
    /// As it was sent, still encoded.
    pub(super) path: &'r str,
    pub(super) query: &'r str,
    /// What pages of the same origin have.
    pub(super) scheme: Option<&'r str>,
    pub(super) host: Option<&'r str>,
}

/// The original target in the target of the asking request: what follows the path `verify`, if anything does.
pub(super) fn embedded<'t>(target: &'t str, verify: &str) -> Option<&'t str> {
    target.strip_prefix(verify).filter(|rest| rest.starts_with('/'))
}

/// What is asked about, before it is known whether it can be judged.
#[derive(Debug)]
pub(super) struct Asked<'r> {
    pub(super) method: Method,
    target: &'r str,
    /// What the original URL says of it, if it is there.
    url: Option<&'r str>,
}

impl<'r> Asked<'r> {
    /// Reads what all sources of the asking request say; `embedded` is the original target in its own.
    ///
    /// # Errors
    /// A source is missing, there twice or differs from another one; the method is malformed.
    pub(super) fn read(
        method: &'r Method,
        embedded: Option<&'r str>,
        headers: &'r HeaderMap,
    ) -> Result<Self, Rejected> {
        let url = only(headers, &URL)?;
        let target = agreed(
            [
                embedded,
                url.map(target_of),
                only(headers, &TARGETS[0])?,
                only(headers, &TARGETS[1])?,
            ],
            "no header says which path is asked about",
            "headers differ about the path that is asked about",
        )?;
        let own_method = embedded.map(|_| method.as_str());
        let method = agreed(
            [own_method, only(headers, &METHODS[0])?, only(headers, &METHODS[1])?, None],
            "no header says which method is asked about",
            "headers differ about the method that is asked about",
        )?;
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|_| "the method is malformed")?;
        Ok(Self { method, target, url })
    }

    /// The path as it was sent, whether it can be judged or not.
    pub(super) fn path(&self) -> &'r str {
        self.target.find(['?', '#']).map_or(self.target, |end| self.target.split_at(end).0)
    }
}

impl<'r> Original<'r> {
    /// Reads the original request from what is asked about.
    ///
    /// # Errors
    /// The path could be read in two ways; the method is not one that may pass; a header replaces one of them.
    pub(super) fn read(asked: Asked<'r>, headers: &'r HeaderMap) -> Result<Self, Rejected> {
        let Asked { method, target, url } = asked;
        if [Method::TRACE, Method::CONNECT].contains(&method) {
            return Err("the method is never allowed");
        }
        refuse_overrides(headers, method.as_str(), target)?;
        let (path, query) = split(target)?;
        if method == Method::POST && has_other_method(query) {
            return Err("the query replaces the method by another one");
        }
        let origin = url.and_then(origin_of);
        let host = only(headers, &HOST)?;
        let scheme = only(headers, &SCHEME)?;
        Ok(Self {
            method,
            path,
            query,
            scheme: scheme.or(origin.map(|(scheme, _)| scheme)),
            host: host.or(origin.map(|(_, host)| host)),
        })
    }
}

/// The one value of a header, if it is there.
fn only<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Result<Option<&'r str>, Rejected> {
    let mut values = headers.get_all(name);
    let first = values.next();
    if values.next().is_some() {
        return Err("a header that says what is asked about is there twice");
    }
    let text = first.map(|value| std::str::from_utf8(value.as_bytes())).transpose();
    text.map_err(|_| "a header that says what is asked about is not UTF-8")
}

/// What all sources that are there say.
fn agreed(
    sources: [Option<&str>; 4],
    missing: Rejected,
    differ: Rejected,
) -> Result<&str, Rejected> {
    let mut said = sources.into_iter().flatten();
    let first = said.next().ok_or(missing)?;
    if said.all(|other| other == first) { Ok(first) } else { Err(differ) }
}

/// What would make a framework run something else than what is judged.
fn refuse_overrides(headers: &HeaderMap, method: &str, target: &str) -> Result<(), Rejected> {
    for name in &METHOD_OVERRIDES {
        if headers.get_all(name).any(|value| value.as_bytes() != method.as_bytes()) {
            return Err("a header replaces the method by another one");
        }
    }
    let is_same = |text: &str| target_of(text) == target;
    let mut rewritten = headers.get_all(&REWRITE_URL);
    if !rewritten.all(|value| std::str::from_utf8(value.as_bytes()).is_ok_and(is_same)) {
        return Err("a header replaces the path by another one");
    }
    Ok(())
}

/// Whether a query has another method than POST in `_method`, where Laravel and Symfony look for it. To PHP `.method`
/// and ` _method` are the same name.
fn has_other_method(query: &str) -> bool {
    let is_mark = |letter: char| !letter.is_ascii_alphanumeric();
    let is_parameter =
        |name: &str| name.starts_with(is_mark) && name.trim_matches(is_mark) == "method";
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.any(|(name, method)| is_parameter(&name) && !method.eq_ignore_ascii_case("POST"))
}

/// Path and query of a URL, or of what is only these.
fn target_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => {
            rest.find(['/', '?', '#']).map_or("", |at| rest.split_at(at).1)
        }
        _ => url,
    }
}

/// Scheme and authority of a URL.
fn origin_of(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    (!scheme.contains(['/', '?', '#'])).then(|| (scheme, rest.split_at(end).0))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const URI: &str = "X-Forwarded-Uri";
    const ORIGINAL_URI: &str = "X-Original-URI";
    const ORIGINAL_URL: &str = "X-Original-URL";
    const METHOD: &str = "X-Forwarded-Method";
    const ORIGINAL_METHOD: &str = "X-Original-Method";

    /// Method, path and query that are read, joined; or an empty text.
    fn read(asking: &str, target: &str, lines: &[(&str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let method = asking.parse().unwrap();
        Asked::read(&method, embedded(target, "/verify"), &headers)
            .and_then(|asked| Original::read(asked, &headers))
            .map(|original| format!("{} {}?{}", original.method, original.path, original.query))
            .unwrap_or_default()
    }

    #[test]
    fn each_source_alone_is_enough() {
        for (name, value) in [
            (URI, "/a?b"),
            (ORIGINAL_URI, "/a?b"),
            (ORIGINAL_URL, "https://h.test/a?b"),
            (ORIGINAL_URL, "http://h.test:8080/a?b"),
            (ORIGINAL_URL, "/a?b"),
        ] {
            for method in [METHOD, ORIGINAL_METHOD] {
                let lines = [(name, value), (method, "PUT")];
                assert_eq!(read("GET", "/verify", &lines), "PUT /a?b", "{name} {method}");
                assert_eq!(read("GET", "/verify?role=x", &lines), "PUT /a?b", "{name} {method}");
            }
        }
        assert_eq!(read("PUT", "/verify/a?b", &[]), "PUT /a?b");
        assert_eq!(read("PUT", "/verify/", &[]), "PUT /?");
        assert_eq!(read("PUT", "/verify/verify/a", &[]), "PUT /verify/a?");
    }

    #[test]
    fn sources_that_agree_are_one() {
        let all = [
            (URI, "/a?b"),
            (ORIGINAL_URI, "/a?b"),
            (ORIGINAL_URL, "https://h.test/a?b"),
            (METHOD, "PUT"),
            (ORIGINAL_METHOD, "PUT"),
        ];
        assert_eq!(read("GET", "/verify", &all), "PUT /a?b");
        assert_eq!(read("PUT", "/verify/a?b", &all), "PUT /a?b");
    }

    #[test]
    fn a_missing_source_refuses() {
        for target in ["/verify", "/verify?x", "/verify?/a"] {
            assert_eq!(read("GET", target, &[(URI, "/a")]), "");
            assert_eq!(read("GET", target, &[(METHOD, "GET")]), "");
            assert_eq!(read("GET", target, &[]), "");
        }
        assert_eq!(
            read("GET", "/verify", &[(METHOD, "GET"), (ORIGINAL_URL, "https://h.test")]),
            ""
        );
        assert_eq!(
            read("GET", "/verify", &[(METHOD, "GET"), (ORIGINAL_URL, "https://h.test?a")]),
            ""
        );
    }

    #[test]
    fn sources_that_differ_refuse() {
        let good = [
            (URI, "/a?b"),
            (ORIGINAL_URI, "/a?b"),
            (ORIGINAL_URL, "https://h.test/a?b"),
            (METHOD, "PUT"),
            (ORIGINAL_METHOD, "PUT"),
        ];
        for (at, others) in [
            (0, &["/", "/a", "/a?", "/a?b&c", "/A?b", "/%61?b", "", " /a?b,/a?b"][..]),
            (1, &["/", "/a", "/a?b/"]),
            (2, &["https://h.test/", "https://h.test/a", "/c", "https://h.test/a?b#", "x"]),
            (3, &["GET", "put", "PUT,PUT", ""]),
            (4, &["GET", "Put", "PUT;"]),
        ] {
            for other in others {
                let mut lines = good;
                lines[at].1 = other;
                assert_eq!(read("GET", "/verify", &lines), "", "{lines:?}");
            }
            assert_eq!(read("GET", "/verify", &[&good[..], &good[at..=at]].concat()), "", "{at}");
        }
        assert_eq!(read("PUT", "/verify/a", &good), "");
        assert_eq!(read("GET", "/verify/a?b", &good), "");
        assert_eq!(read("GET", "/verify/a", &[(METHOD, "PUT")]), "");
        assert_eq!(read("GET", "/verify/a", &[(ORIGINAL_URI, "/b")]), "");
    }

    #[test]
    fn methods_are_compared_as_they_are() {
        for (method, read_as) in [
            ("GET", "GET /a?"),
            ("PROPFIND", "PROPFIND /a?"),
            ("TRACE", ""),
            ("CONNECT", ""),
            ("G T", ""),
            ("", ""),
        ] {
            assert_eq!(read("GET", "/verify", &[(METHOD, method), (URI, "/a")]), read_as);
        }
        assert_eq!(read("TRACE", "/verify/a", &[]), "");
        assert_eq!(read("TRACE", "/verify", &[(METHOD, "GET"), (URI, "/a")]), "GET /a?");
    }

    #[test]
    fn overrides_must_say_what_is_judged() {
        for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
            assert_eq!(read("POST", "/verify/a", &[(name, "POST")]), "POST /a?");
            for other in ["DELETE", "post", ""] {
                assert_eq!(read("POST", "/verify/a", &[(name, other)]), "", "{name}: {other}");
            }
            assert_eq!(read("POST", "/verify/a", &[(name, "POST"), (name, "DELETE")]), "");
        }
        for (query, allowed) in [
            ("_method=DELETE", false),
            ("x=y&_method=put", false),
            ("%5Fmethod=DELETE", false),
            (".method=DELETE", false),
            ("+_method=DELETE", false),
            ("_method[]=DELETE", false),
            ("_method", false),
            ("_method=POST&_method=DELETE", false),
            ("_method=post", true),
            ("method=card", true),
            ("payment_method=card", true),
            ("x=_method=DELETE", true),
        ] {
            let target = format!("/verify/a?{query}");
            let read_as = if allowed { format!("POST /a?{query}") } else { String::new() };
            assert_eq!(read("POST", &target, &[]), read_as);
            // Only a POST can be taken for another method.
            assert_eq!(read("GET", &target, &[]), format!("GET /a?{query}"));
        }
        assert_eq!(read("GET", "/verify/a?b", &[("X-Rewrite-URL", "/a?b")]), "GET /a?b");
        for other in ["/a", "/b", ""] {
            assert_eq!(read("GET", "/verify/a?b", &[("X-Rewrite-URL", other)]), "");
        }
    }

    #[test]
    fn the_origin_is_that_of_the_forwarded_host_or_of_the_url() {
        for (lines, origin) in [
            (&[][..], (None, None)),
            (&[(ORIGINAL_URL, "https://h.test:1/a")], (Some("https"), Some("h.test:1"))),
            (&[(ORIGINAL_URL, "/a")], (None, None)),
            (
                &[
                    (ORIGINAL_URL, "http://h.test/a"),
                    ("X-Forwarded-Host", "f.test"),
                    ("X-Forwarded-Proto", "https"),
                ],
                (Some("https"), Some("f.test")),
            ),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                let name: HeaderName = name.parse().unwrap();
                headers.append(name, HeaderValue::from_static(value));
            }
            let asked = Asked::read(&Method::GET, Some("/a"), &headers).unwrap();
            let read = Original::read(asked, &headers).unwrap();
            assert_eq!((read.scheme, read.host), origin);
        }
    }
}
