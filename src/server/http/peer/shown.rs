//! The address of the HTTP peer as the log shows it.
//!
//! Must not know what is logged.

use std::{
    io::{Cursor, Write},
    net::IpAddr,
};

use actix_web::HttpRequest;
use log::kv::{ToValue, Value};

use crate::server::http::peer::peer;

/// The longest address is one of IPv6 without zeros.
const LONGEST: usize = 39;

/// An address as text. Every access line holds one, so it is made where it stands, and IPv4 without its `Display`,
/// which costs as much as the rest of the line.
pub(crate) struct Peer(Cursor<[u8; LONGEST]>);

impl Peer {
    /// The one that sent the request, unless none did, as in tests.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        peer(request).map(Self::new)
    }

    fn new(address: IpAddr) -> Self {
        let mut text = Cursor::new([0; LONGEST]);
        // It is long enough for all of them.
        let _ = match address {
            IpAddr::V4(address) => {
                address.octets().iter().enumerate().try_for_each(|(at, octet)| {
                    text.write_all(if at == 0 { b"" } else { b"." })?;
                    text.write_all(itoa::Buffer::new().format(*octet).as_bytes())
                })
            }
            IpAddr::V6(address) => write!(text, "{address}"),
        };
        Self(text)
    }

    fn as_str(&self) -> &str {
        let length = usize::try_from(self.0.position()).unwrap_or_default();
        let text = self.0.get_ref().get(..length).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl ToValue for Peer {
    fn to_value(&self) -> Value<'_> {
        Value::from(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_looks_as_it_always_does() {
        for text in [
            "0.0.0.0",
            "127.0.0.1",
            "10.20.30.255",
            "::",
            "::1",
            "::ffff:1.2.3.4",
            "2001:db8:1111:2222:3333:4444:5555:6666",
        ] {
            let peer = Peer::new(text.parse().unwrap());
            assert_eq!(peer.as_str(), text);
            assert_eq!(peer.to_value().to_string(), text);
        }
    }
}
