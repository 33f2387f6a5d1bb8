//! Origins that CORS allows, as browsers send them (RFC 6454 §6.2, WHATWG HTML "serialization of an origin").

use url::{Origin, Url};

use crate::config::values::list;

/// Parses origins with commas between them.
///
/// # Errors
/// Every one that no browser sends, with what to write instead.
pub(super) fn origins(text: &str) -> Result<Vec<String>, String> {
    let mut origins = Vec::new();
    let mut errors = Vec::new();
    for origin in list(text) {
        match check(origin) {
            Ok(()) => origins.push(origin.to_owned()),
            Err(fix) => errors.push(format!("holds {origin:?}: {fix}")),
        }
    }
    if errors.is_empty() { Ok(origins) } else { Err(errors.join("; it ")) }
}

/// Whether a browser may send this as `Origin`.
fn check(origin: &str) -> Result<(), String> {
    const GRAMMAR: &str =
        "it never matches, write scheme://host or scheme://host:port, with commas between several";
    if origin == "*" || origin.contains("://*") || origin.contains("*.") {
        return Err("a wildcard never matches, list every origin by itself".to_owned());
    }
    if origin == "null" {
        return Err(
            "every sandboxed page and local file sends null, so it would allow all of them; leave it out".to_owned()
        );
    }
    let Some((scheme, rest)) = origin.split_once("://") else {
        // `localhost:3000` would be a URL of the scheme `localhost`.
        return Err(canonical(&format!("https://{origin}")).map_or_else(
            || GRAMMAR.to_owned(),
            |origin| format!("it never matches, write {origin}"),
        ));
    };
    match canonical(origin) {
        Some(canonical) if canonical == origin => Ok(()),
        Some(canonical) => Err(format!("it never matches, write {canonical}")),
        None if is_other_scheme(scheme) && is_host(rest) => Ok(()),
        None => {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let scheme = scheme.to_ascii_lowercase();
            match is_other_scheme(&scheme) && is_host(host) {
                true => Err(format!("it never matches, write {scheme}://{host}")),
                false => Err(GRAMMAR.to_owned()),
            }
        }
    }
}

/// The origin of a web page at this address: lower case, Punycode, without default port and path.
fn canonical(url: &str) -> Option<String> {
    match Url::parse(url).ok()?.origin() {
        Origin::Tuple(scheme, host, port) => {
            // Pages are not loaded by the others, such as ws and ftp.
            let scheme = if scheme == "https" || scheme == "wss" { "https" } else { "http" };
            let origin = Origin::Tuple(scheme.to_owned(), host, port).ascii_serialization();
            let host = origin.split_once("://")?.1;
            host.bytes().all(|b| !b"*!$&'()+,;=~%".contains(&b)).then_some(origin)
        }
        Origin::Opaque(_) => None,
    }
}

/// Whether pages of applications and extensions may have this scheme, as in `ionic://localhost`.
fn is_other_scheme(scheme: &str) -> bool {
    let web = ["http", "https", "ws", "wss", "ftp", "file"];
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b))
        && !web.contains(&scheme)
}

/// A host of such a scheme, and maybe a port. Case counts: Safari has capitals in the hosts of its extensions.
fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "1"));
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    !host.is_empty() && host.bytes().all(is_name) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_sends_is_an_origin() {
        for origin in [
            "https://app.example.com",
            "http://localhost:3000",
            "http://[::1]:5173",
            "http://192.0.2.1",
            "https://xn--bcher-kva.example",
            "https://a_b.example:8443",
            "ionic://localhost",
            "capacitor://localhost",
            "tauri://localhost",
            "app://obsidian.md",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://2c1d9d1e-5f5f-4a5e-9d7b-0123456789ab",
            "safari-web-extension://E8BEA491-9B80-45DB-8B20-3E586473BD47",
        ] {
            assert_eq!(origins(origin).unwrap(), [origin]);
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused_with_what_to_write() {
        for (bad, fix) in [
            ("*", "list every origin"),
            ("https://*.example.com", "list every origin"),
            ("https://*", "list every origin"),
            ("*.example.com", "list every origin"),
            ("ionic://*", "list every origin"),
            ("null", "leave it out"),
            ("https://a.example/", "write https://a.example"),
            ("https://a.example/path", "write https://a.example"),
            ("https://a.example?x", "write https://a.example"),
            ("https://a.example#x", "write https://a.example"),
            ("https://A.Example", "write https://a.example"),
            ("HTTPS://a.example", "write https://a.example"),
            ("https://a.example:443", "write https://a.example"),
            ("http://a.example:80", "write http://a.example"),
            ("https://me@a.example", "write https://a.example"),
            ("https://bücher.example", "write https://xn--bcher-kva.example"),
            ("http://[0:0::1]", "write http://[::1]"),
            ("wss://a.example", "write https://a.example"),
            ("ws://a.example:8080", "write http://a.example:8080"),
            ("a.example", "write https://a.example"),
            ("a.example:8443", "write https://a.example:8443"),
            ("ionic://localhost/", "write ionic://localhost"),
            ("Ionic://localhost", "write ionic://localhost"),
            ("https://a.example https://b.example", "commas between"),
            ("https://", "scheme://host"),
            ("file://", "scheme://host"),
            ("ionic://", "scheme://host"),
            ("ionic://local host", "scheme://host"),
            ("[\"https://a.example\"]", "scheme://host"),
            ("blob:https://a.example", "write https://a.example"),
        ] {
            let error = origins(bad).unwrap_err();
            let told = error.contains(bad.trim_matches(['[', ']', '"'])) && error.ends_with(fix);
            assert!(told || error.contains(fix) && !fix.starts_with("write "), "{bad}: {error}");
        }
        let both =
            origins("https://*.a.example, https://b.example, https://c.example/").unwrap_err();
        assert!(both.contains("*.a.example") && both.contains("write https://c.example"), "{both}");
        assert!(!both.contains("b.example"), "{both}");
    }
}
