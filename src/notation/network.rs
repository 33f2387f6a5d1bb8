//! Networks and addresses as people write them.

use std::net::IpAddr;

use ipnet::IpNet;

/// Parses a network in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3), or an address, which is a network of its own.
///
/// # Errors
/// What to write instead.
pub(crate) fn parse_network(text: &str) -> Result<IpNet, &'static str> {
    match text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
        Ok(IpNet::V6(mapped)) if mapped.addr().to_ipv4_mapped().is_some() => {
            Err("write it as IPv4, without ::ffff:")
        }
        Ok(network) => Ok(network.trunc()),
        Err(_) => Err("write addresses and networks, as in 127.0.0.1, 10.0.0.0/8 or fd00::/8"),
    }
}

/// The same for reading: a network of one address is that address.
pub(crate) fn format_network(network: &IpNet) -> String {
    match network.prefix_len() == network.max_prefix_len() {
        true => network.addr().to_string(),
        false => network.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_shown_in_their_shortest_form() {
        for (text, shown) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("2001:DB8::1", "2001:db8::1"),
            ("fd00::/8", "fd00::/8"),
        ] {
            assert_eq!(format_network(&parse_network(text).unwrap()), shown, "{text}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0", "host.example", "::ffff:10.0.0.1", "10.0.0.1 "] {
            assert!(parse_network(bad).is_err(), "{bad}");
        }
    }
}
