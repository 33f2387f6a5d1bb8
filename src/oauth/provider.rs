//! The words of OpenID providers: the names that they give, the addresses that they have.
//!
//! Must not know who trusts a provider, or how anything is fetched.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::oauth::names::{SyntaxError, checked_string};

checked_string! {
    /// The `sub` or `client_id` that another issuer gave (OpenID Connect Core 1.0 §2: ASCII, 255 at most).
    ///
    /// It is no [`Subject`](super::Subject): another issuer's `billing` must never pass for the roster's.
    ExternalName, is_foreign_name, "a name: 1 to 255 printable ASCII characters, no space at the ends"
}
checked_string! {
    /// An address at an OpenID provider: https, or http on loopback. Its exact text is what `iss` must equal.
    ProviderUrl, is_provider_url,
    "an address without user and fragment that begins with https:// (http:// only on loopback)"
}

impl ProviderUrl {
    /// Where an issuer of this address describes itself (OpenID Connect Discovery 1.0 §4).
    pub fn discovery(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.as_str().trim_end_matches('/'))
    }

    /// Whether nobody on the way can read or change what is fetched there.
    pub fn is_https(&self) -> bool {
        Url::parse(self.as_str()).is_ok_and(|url| url.scheme() == "https")
    }
}

fn is_foreign_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        && text.trim_ascii() == text
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
    // Readers of addresses disagree about backslashes.
    is_safe
        && is_plain
        && text.len() <= 2048
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_name_is_printable_and_at_most_255_long() {
        for good in ["auth0|123", "a.b@example.com", "CN=A B,O=C", &"x".repeat(255)] {
            assert!(ExternalName::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", " a", "a ", "a\nb", "a\tb", "ä", "\u{7f}", &"x".repeat(256)] {
            assert!(ExternalName::parse(bad).is_err(), "{bad:?}");
        }
    }

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
    fn discovery_stands_behind_the_issuer_without_its_last_slash() {
        let discovery = |url: &str| ProviderUrl::parse(url).unwrap().discovery();
        let end = ".well-known/openid-configuration";
        assert_eq!(discovery("https://a.test"), format!("https://a.test/{end}"));
        assert_eq!(discovery("https://a.test/"), format!("https://a.test/{end}"));
        assert_eq!(discovery("https://a.test/b"), format!("https://a.test/b/{end}"));
    }
}
