//! A request as plain values, as far as a decision depends on it.

use std::net::IpAddr;

use actix_web::http::{
    Method,
    header::{self, HeaderMap},
    uri::Authority,
};

/// What a request presents. The caller says what the original request is: the one at hand, or the one that a proxy
/// asks about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented<'r> {
    pub(crate) method: &'r Method,
    /// The path as the router matches it.
    pub(crate) path: &'r str,
    /// The query, still encoded.
    pub(crate) query: &'r str,
    pub(crate) headers: &'r HeaderMap,
    /// The scheme of the service's own pages: `http` or `https`.
    pub(crate) scheme: &'r str,
    /// The host that the request was sent to, with its port.
    pub(crate) host: Option<&'r [u8]>,
    pub(crate) peer: Option<IpAddr>,
}

impl Presented<'_> {
    /// Whether a page of another site caused the request, so that its cookies do not count.
    ///
    /// Safe requests change nothing. A request with neither `Sec-Fetch-Site` nor `Origin` is not a browser's.
    pub(crate) fn is_cross_site(&self) -> bool {
        if self.is_safe() {
            return false;
        }
        let mut sites = self.headers.get_all("sec-fetch-site").peekable();
        if sites.peek().is_some() {
            return !sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
        }
        let mut origins = self.headers.get_all(header::ORIGIN);
        !origins.all(|origin| self.is_own_origin(origin.as_bytes()))
    }

    /// Whether the request only reads. One that upgrades opens a connection over which a page can send whatever it
    /// likes, and browsers let any page open it (RFC 6455 §10.2); over HTTP/2 its method is CONNECT (RFC 8441 §4).
    /// Proxies that ask about a web socket may keep `Upgrade` to themselves, which is hop-by-hop.
    fn is_safe(&self) -> bool {
        let upgrades = [header::UPGRADE, header::SEC_WEBSOCKET_VERSION];
        [Method::GET, Method::HEAD, Method::OPTIONS].contains(self.method)
            && !upgrades.iter().any(|name| self.headers.contains_key(name))
    }

    /// Whether an origin is that of the service: scheme, host and port (RFC 6454 §5).
    fn is_own_origin(&self, origin: &[u8]) -> bool {
        let origin = std::str::from_utf8(origin).ok().and_then(|text| text.split_once("://"));
        let (Some((scheme, authority)), Some(host)) = (origin, self.host) else { return false };
        let own = host_and_port(host, self.scheme);
        scheme.eq_ignore_ascii_case(self.scheme)
            && own.is_some()
            && own == host_and_port(authority.as_bytes(), scheme)
    }
}

/// The host in lower case, and the port, by default that of the scheme; none if there is more or less.
fn host_and_port(authority: &[u8], scheme: &str) -> Option<(String, u16)> {
    let authority = Authority::try_from(authority).ok()?;
    let host = authority.host();
    // A user name would be in front of the host.
    let port = authority.as_str().strip_prefix(host)?;
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None if scheme.eq_ignore_ascii_case("https") => 443,
        None => 80,
    };
    Some((host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    /// Whether a request to `host` is another site's.
    fn is_cross_site(
        method: &str,
        scheme: &str,
        host: Option<&str>,
        lines: &[(&str, &str)],
    ) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let method = method.parse().unwrap();
        let host = host.map(str::as_bytes);
        let (path, query, headers) = ("/", "", &headers);
        Presented { method: &method, path, query, headers, scheme, host, peer: None }
            .is_cross_site()
    }

    #[test]
    fn an_origin_is_own_if_scheme_host_and_port_are() {
        for (scheme, host, origin, own) in [
            ("http", "a.test", "http://a.test", true),
            ("http", "a.test", "http://a.test:80", true),
            ("http", "a.test:80", "http://a.test", true),
            ("https", "a.test", "https://a.test:443", true),
            ("https", "a.test:443", "https://a.test", true),
            ("HTTPS", "A.test", "https://a.TEST", true),
            ("http", "[::1]:8080", "http://[::1]:8080", true),
            ("https", "a.test", "http://a.test", false),
            ("http", "a.test", "https://a.test", false),
            ("https", "a.test:80", "https://a.test", false),
            ("http", "a.test:443", "https://a.test", false),
            ("http", "a.test", "http://a.test:443", false),
            ("https", "a.test", "http://a.test:443", false),
            ("http", "a.test:8080", "http://a.test:8081", false),
            ("http", "a.test", "http://b.test", false),
            ("http", "a.test", "http://a.test.", false),
            ("http", "a.test", "http://x.a.test", false),
            ("http", "a.test", "http://u@a.test", false),
            ("http", "u@a.test", "http://u@a.test", false),
            ("http", "a.test", "http://a.test/", false),
            ("http", "a.test", "http://a.test?", false),
            ("http", "a.test", "http://a.test:99999", false),
            ("http", "a.test", "http://a.test:", false),
            ("http", "a.test", "ws://a.test", false),
            ("http", "a.test", "null", false),
            ("http", "", "http://", false),
        ] {
            let origin_line = [("Origin", origin)];
            let found = !is_cross_site("POST", scheme, Some(host), &origin_line);
            assert_eq!(found, own, "{scheme} {host}: {origin}");
        }
        assert!(is_cross_site("POST", "http", None, &[("Origin", "http://a.test")]));
    }

    #[test]
    fn methods_that_read_are_safe_unless_they_upgrade() {
        let origin = ("Origin", "https://evil.test");
        let upgrades = [("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")];
        for (method, safe) in [
            ("GET", true),
            ("HEAD", true),
            ("OPTIONS", true),
            ("POST", false),
            ("CONNECT", false),
            ("QUERY", false),
        ] {
            assert_eq!(
                is_cross_site(method, "https", Some("a.test"), &[origin]),
                !safe,
                "{method}"
            );
            for upgrade in upgrades {
                let lines = [origin, upgrade];
                assert!(is_cross_site(method, "https", Some("a.test"), &lines), "{method}");
                assert!(!is_cross_site(method, "https", Some("a.test"), &[upgrade]), "{method}");
            }
        }
    }
}
