//! Where Redis is, and how to log in there.

use std::fmt;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

/// The port where the URL names none.
const PORT: u16 = 6379;

/// `redis://[user[:password]@]host[:port][/db]`, or `rediss://` for TLS. Shows no more than scheme, host and port.
#[derive(Debug, Clone)]
pub(crate) struct RedisUrl {
    pub(super) is_tls: bool,
    /// A name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// None for the user `default`.
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) database: u32,
}

/// What is wrong with a URL; its text never holds the URL, since a password may be anywhere in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedisUrlError {
    #[error(
        "is no URL of Redis: write redis://[user[:password]@]host[:port][/db], or rediss://... for TLS"
    )]
    Malformed,
    #[error("has a query or a fragment: a ? or # in user or password is written as %3F or %23")]
    Beyond,
    #[error(
        "holds a % that is not followed by two hexadecimal digits, or bytes that are not UTF-8: write % as %25"
    )]
    Encoding,
    #[error("names a database that is no number: write redis://host/0")]
    Database,
}

impl RedisUrl {
    /// Reads a URL. User, password and database stand percent-encoded in it (RFC 3986 §2.1).
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, RedisUrlError> {
        // The parser would leave these out without a word.
        if text.contains(|c: char| c.is_ascii_control() || c == ' ') {
            return Err(RedisUrlError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| RedisUrlError::Malformed)?;
        let is_tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(RedisUrlError::Malformed),
        };
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || host.contains('%') || url.port() == Some(0) {
            return Err(RedisUrlError::Malformed);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(RedisUrlError::Beyond);
        }
        let user = Some(decode(url.username())?).filter(|user| !user.is_empty());
        let password = url.password().map(decode).transpose()?;
        // A user without a password is one that needs none; Redis wants to hear an empty one.
        let password = password.or(user.as_ref().map(|_| String::new()));
        let database = match decode(url.path().trim_start_matches('/'))?.as_str() {
            "" => 0,
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                number.parse().map_err(|_| RedisUrlError::Database)?
            }
            _ => return Err(RedisUrlError::Database),
        };
        let (port, password) = (url.port().unwrap_or(PORT), password.map(SecretString::from));
        Ok(Self { is_tls, host, port, user, password, database })
    }
}

fn decode(text: &str) -> Result<String, RedisUrlError> {
    let mut parts = text.split('%');
    parts.next();
    let is_escape = |part: &str| {
        part.get(..2).is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if !parts.all(is_escape) {
        return Err(RedisUrlError::Encoding);
    }
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| RedisUrlError::Encoding)?;
    Ok(decoded.into_owned())
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn every_part_of_a_url_is_read() {
        for (text, shown, user, password, database) in [
            ("redis://h", "redis://h:6379", None, None, 0),
            ("redis://h/", "redis://h:6379", None, None, 0),
            ("rediss://h:1/15", "rediss://h:1", None, None, 15),
            ("redis://:p@h", "redis://h:6379", None, Some("p"), 0),
            ("redis://u:p%40%2f%3A%23%3f@h/%31", "redis://h:6379", Some("u"), Some("p@/:#?"), 1),
            ("redis://a%20b@127.0.0.1", "redis://127.0.0.1:6379", Some("a b"), Some(""), 0),
            ("redis://u:%C3%A4@[::1]:7000", "redis://[::1]:7000", Some("u"), Some("ä"), 0),
        ] {
            let url = RedisUrl::parse(text).unwrap();
            let read = url.password.as_ref().map(|password| password.expose_secret());
            assert_eq!((url.user.as_deref(), read, url.database), (user, password, database));
            assert_eq!(url.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn malformed_urls_are_refused_without_their_password() {
        use RedisUrlError::{Beyond, Database, Encoding, Malformed};
        for (text, error) in [
            ("redis://", Malformed),
            ("redis:///0", Malformed),
            ("redis://:hunter2@", Malformed),
            ("redis://:hunter2@h:port", Malformed),
            ("redis://:hunter2@h:0", Malformed),
            ("redis://:hunter2@h:70000", Malformed),
            ("redis://:hun/ter2@h", Malformed),
            ("redis://:hunter2@h h", Malformed),
            ("http://:hunter2@h", Malformed),
            ("redis://:hunter2@h?db=1", Beyond),
            ("redis://:hunter2@h/0#a", Beyond),
            ("redis://:hunter2%@h", Encoding),
            ("redis://:hunter2%zz@h", Encoding),
            ("redis://:hunter2%ff@h", Encoding),
            ("redis://:hunter2@h/one", Database),
            ("redis://:hunter2@h/-1", Database),
            ("redis://:hunter2@h/0/1", Database),
            ("redis://:hunter2@h/99999999999", Database),
        ] {
            let found = RedisUrl::parse(text).unwrap_err();
            assert_eq!(found, error, "{text}");
            assert!(!found.to_string().contains("hun"));
        }
        assert!(
            !format!("{:?}", RedisUrl::parse("redis://u:hunter2@h").unwrap()).contains("hunter2")
        );
    }
}
