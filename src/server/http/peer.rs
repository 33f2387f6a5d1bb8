//! The address that a request came from: behind trusted proxies, what they say.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr};

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName},
};
use ipnet::IpNet;

/// The peer of the request; none where the connection has no address. Headers are read only on a connection from a
/// trusted proxy.
pub(crate) fn peer(request: &HttpRequest, trusted: &[IpNet]) -> Option<IpAddr> {
    let nearest = request.peer_addr()?.ip().to_canonical();
    Some(beyond(trusted, nearest, request.headers()))
}

/// Whether the connection of the request is one from a trusted proxy.
pub(crate) fn is_from_trusted_proxy(request: &HttpRequest, trusted: &[IpNet]) -> bool {
    request.peer_addr().is_some_and(|address| is_trusted(trusted, address.ip().to_canonical()))
}

/// Whether `address` is that of a proxy whose headers are believed.
fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// Each proxy appends the address that it sees, so the list is read from its end, as long as the one that appended an
/// entry is trusted: the peer may have written everything before that itself. An entry that is no address ends the
/// list. With both headers neither is believed: a proxy writes one and may pass on the other as the peer sent it.
fn beyond(trusted: &[IpNet], nearest: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !is_trusted(trusted, nearest) {
        return nearest;
    }
    let in_x_forwarded_for = headers.contains_key(header::X_FORWARDED_FOR);
    match (headers.contains_key(header::FORWARDED), in_x_forwarded_for) {
        (true, false) => walk(trusted, nearest, entries(headers, header::FORWARDED), forwarded_for),
        (false, true) => walk(trusted, nearest, entries(headers, header::X_FORWARDED_FOR), address),
        (true, true) | (false, false) => nearest,
    }
}

fn walk<'h>(
    trusted: &[IpNet],
    nearest: IpAddr,
    entries: impl Iterator<Item = &'h str>,
    read: fn(&str) -> Option<IpAddr>,
) -> IpAddr {
    let mut peer = nearest;
    for entry in entries {
        match read(entry) {
            Some(address) if is_trusted(trusted, address) => peer = address,
            Some(address) => return address,
            None => break,
        }
    }
    peer
}

/// The entries of all lines of a header, the last first.
fn entries(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).rev().flat_map(|line| from_the_end(line.as_bytes(), b','))
}

/// The parts of a line between separators outside of quoted strings, the last first. A part that is not UTF-8 is empty.
///
/// From the end, so that a quotation mark that the peer left open cannot hide what a proxy appended. Escaped quotation
/// marks count as real ones: a part that is cut wrongly holds a quotation mark inside of a value, and is refused.
fn from_the_end(line: &[u8], separator: u8) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = line.rsplit(move |byte| {
        is_quoted ^= *byte == b'"';
        *byte == separator && !is_quoted
    });
    parts.map(|part| std::str::from_utf8(part).unwrap_or_default())
}

/// The address in `for` of a forwarded-element (RFC 7239 §4), if all of the element is well-formed.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in from_the_end(element.as_bytes(), b';') {
        let (name, value) = pair.trim().split_once('=')?;
        let value = unquoted(value)?;
        if name.eq_ignore_ascii_case("for") && found.replace(address(value)?).is_some() {
            return None;
        }
    }
    found
}

/// A token or a quoted string without quotation marks inside.
fn unquoted(value: &str) -> Option<&str> {
    let inner = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!inner.contains('"')).then_some(inner)
}

/// An address as proxies write it (RFC 7239 §6): `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`, all but the second
/// possibly with a port or an obfuscated port. `unknown` and `_names` are none.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (IpAddr::V6(address.parse::<Ipv6Addr>().ok()?), port),
        None => {
            let (address, _) = text.split_once(':')?;
            (IpAddr::V4(address.parse().ok()?), text.get(address.len()..)?)
        }
    };
    let is_port = |port: &str| {
        !port.is_empty() && port.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        .then_some(address.to_canonical())
}
