//! A request as plain values, as far as a decision depends on it.

use std::net::IpAddr;

use actix_web::http::{
    Method,
    header::{self, HeaderMap},
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
    /// The host that the request was sent to, with its port.
    pub(crate) host: Option<&'r [u8]>,
    pub(crate) peer: Option<IpAddr>,
}

impl Presented<'_> {
    /// Whether a page of another site caused the request, so that its cookies do not count.
    ///
    /// Safe methods change nothing. A request with neither `Sec-Fetch-Site` nor `Origin` is not a browser's.
    pub(crate) fn is_cross_site(&self) -> bool {
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(self.method) {
            return false;
        }
        let mut sites = self.headers.get_all("sec-fetch-site").peekable();
        if sites.peek().is_some() {
            return !sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
        }
        let mut origins = self.headers.get_all(header::ORIGIN);
        !origins.all(|origin| self.is_own_origin(origin.as_bytes()))
    }

    fn is_own_origin(&self, origin: &[u8]) -> bool {
        let origin = std::str::from_utf8(origin).ok().and_then(|text| text.split_once("://"));
        origin
            .zip(self.host)
            .is_some_and(|((_, authority), host)| authority.as_bytes().eq_ignore_ascii_case(host))
    }
}
