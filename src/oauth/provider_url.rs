//! Addresses of OpenID providers.

use url::{Host, Url};

use crate::oauth::checked_string::checked_string;

const MAX_LENGTH: usize = 2048;

checked_string! {
    /// An address at an OpenID provider: https, or http on loopback. Its exact text is what `iss` must equal.
    ProviderUrl, is_provider_url,
    "an address without user and fragment that begins with https:// (http:// only on loopback)"
}

impl ProviderUrl {
    /// The address of the discovery document (OpenID Connect Discovery 1.0 §4).
    pub fn discovery(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.as_str().trim_end_matches('/'))
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        Url::parse(self.as_str()).is_ok_and(|url| url.scheme() == "https")
    }
}

fn is_provider_url(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_safe = match url.scheme() {
        "https" => true,
        "http" => match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        _ => false,
    };
    let is_plain =
        url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    // URL parsers disagree about backslashes.
    is_safe
        && is_plain
        && text.len() <= MAX_LENGTH
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_reached_by_https_or_on_loopback() {
        for good in [
            "https://login.example.com",
            "https://login.example.com:8443/realms/a/?x=1",
            "http://127.0.0.1:9000",
            "http://127.8.9.1/",
            "http://[::1]:9000/x",
            "http://localhost",
        ] {
            assert!(ProviderUrl::parse(good).is_ok(), "{good:?}");
        }
        for bad in [
            "http://login.example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "http://[::ffff:127.0.0.1]",
            "https://user@example.com",
            "https://user:secret@example.com",
            "https://example.com/#x",
            "https:///",
            "https://",
            "https:\\\\example.com",
            "http://127.0.0.1\\@example.com",
            "http://127.0.0.1@example.com",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
            "/relative",
            "https://example.com/ x",
            " https://example.com",
            "",
        ] {
            assert!(ProviderUrl::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_discovery_path_is_appended_to_the_issuer_without_its_trailing_slash() {
        let discovery = |url: &str| ProviderUrl::parse(url).unwrap().discovery();
        let end = ".well-known/openid-configuration";
        assert_eq!(discovery("https://a.test"), format!("https://a.test/{end}"));
        assert_eq!(discovery("https://a.test/"), format!("https://a.test/{end}"));
        assert_eq!(discovery("https://a.test/b"), format!("https://a.test/b/{end}"));
    }
}
