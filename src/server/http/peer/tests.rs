//! Lists as proxies and as peers write them, and which entry counts.

use actix_web::http::header::HeaderValue;

use super::*;

const PROXIES: [&str; 3] = ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"];

/// The peer on a connection from `nearest` with these header lines.
fn found(nearest: &str, lines: &[(&str, impl AsRef<[u8]>)]) -> String {
    let trusted = PROXIES.map(|network| network.parse().unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
    }
    beyond(&trusted, nearest.parse().unwrap(), &headers).to_string()
}

#[test]
fn only_a_trusted_connection_is_believed() {
    for name in ["X-Forwarded-For", "Forwarded"] {
        let value = if name == "Forwarded" { "for=192.0.2.1" } else { "192.0.2.1" };
        assert_eq!(found("127.0.0.1", &[(name, value)]), "192.0.2.1");
        assert_eq!(found("fd12::1", &[(name, value)]), "192.0.2.1");
        assert_eq!(found("203.0.113.9", &[(name, value)]), "203.0.113.9");
        assert_eq!(found("127.0.0.2", &[(name, value)]), "127.0.0.2");
    }
    assert_eq!(found("127.0.0.1", &[("X-Real-IP", "192.0.2.1")]), "127.0.0.1");
}

#[test]
fn the_last_untrusted_entry_counts_over_all_lines() {
    for (lines, peer) in [
        (vec!["192.0.2.1"], "192.0.2.1"),
        (vec!["198.51.100.1, 192.0.2.1"], "192.0.2.1"),
        (vec!["198.51.100.1", "192.0.2.1"], "192.0.2.1"),
        (vec!["198.51.100.1, 192.0.2.1, 10.0.0.2", "10.0.0.1"], "192.0.2.1"),
        (vec!["192.0.2.1,10.0.0.1"], "192.0.2.1"),
        (vec!["127.0.0.1, 192.0.2.1"], "192.0.2.1"),
        (vec!["10.0.0.2, 10.0.0.1"], "10.0.0.2"),
    ] {
        let lines: Vec<_> = lines.into_iter().map(|line| ("X-Forwarded-For", line)).collect();
        assert_eq!(found("127.0.0.1", &lines), peer, "{lines:?}");
    }
}

#[test]
fn what_is_no_address_ends_the_walk_at_the_last_proxy() {
    let bad: [&[u8]; 8] =
        [b"", b"unknown", b"_hidden", b"localhost", b"192.0.2.1.5", b"\xe9", b"\"", b"for=x"];
    for bad in bad {
        let list = [b"198.51.100.1, ", bad, b", 10.0.0.1"].concat();
        assert_eq!(found("127.0.0.1", &[("X-Forwarded-For", &list)]), "10.0.0.1", "{bad:?}");
        assert_eq!(found("127.0.0.1", &[("X-Forwarded-For", bad)]), "127.0.0.1", "{bad:?}");
    }
}

#[test]
fn of_two_headers_none_is_believed() {
    let both = [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.2")];
    assert_eq!(found("127.0.0.1", &both), "127.0.0.1");
    assert_eq!(found("127.0.0.1", &[both[0], ("Forwarded", "")]), "127.0.0.1");
}

#[test]
fn addresses_have_every_form_that_proxies_write() {
    for (text, address) in [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1\t", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("192.0.2.1:_port", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
    ] {
        assert_eq!(super::address(text).unwrap().to_string(), address, "{text}");
    }
    for bad in [
        "[192.0.2.1]",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[2001:db8::1]:",
        "[2001:db8::1]:80:80",
        "192.0.2.1:",
        "192.0.2.1:80:80",
        "192.0.2.1:80 x",
        "fe80::1%eth0",
        "::1:x",
    ] {
        assert_eq!(super::address(bad), None, "{bad}");
    }
}

#[test]
fn forwarded_elements_are_read_as_the_rfc_writes_them() {
    for (line, peer) in [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=\"192.0.2.1:4711\"", "192.0.2.1"),
        ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
        ("proto=https;for=192.0.2.1;by=10.0.0.1", "192.0.2.1"),
        ("for=192.0.2.1; proto=https ; host=\"a,b;c\"", "192.0.2.1"),
        ("for=198.51.100.1, for=192.0.2.1;by=\"_x\", for=10.0.0.1", "192.0.2.1"),
        ("for=unknown", "127.0.0.1"),
        ("for=_hidden", "127.0.0.1"),
        ("for=198.51.100.1, for=unknown, for=10.0.0.1", "10.0.0.1"),
        ("proto=https", "127.0.0.1"),
        ("for=192.0.2.1;for=192.0.2.2", "127.0.0.1"),
        ("for=192.0.2.1;;proto=https", "127.0.0.1"),
        ("192.0.2.1", "127.0.0.1"),
        ("for=\"192.0.2.1", "127.0.0.1"),
        ("for=192.0.2.1\"", "127.0.0.1"),
    ] {
        assert_eq!(found("127.0.0.1", &[("Forwarded", line)]), peer, "{line}");
    }
}

#[test]
fn a_peer_cannot_reach_into_what_a_proxy_adds() {
    // What the peer sent, in front of what the proxy added: in one line, as some proxies write it.
    for sent in ["for=\"", "for=\"x, for=198.51.100.1", "x=\"\\", "for=198.51.100.1;x=\"", "\\"] {
        let line = format!("{sent}, for=\"192.0.2.1:80\"");
        assert_eq!(found("127.0.0.1", &[("Forwarded", &line)]), "192.0.2.1", "{sent}");
    }
    // A quoted name that the peer chose, as the proxy escaped it.
    for host in [
        r#"a\", for=198.51.100.1"#,
        r#"a, for=198.51.100.1;x=\""#,
        r#"\",for=198.51.100.1;y=\"\"\""#,
    ] {
        let line = format!("for=10.0.0.1;host=\"{host}\"");
        assert_ne!(found("127.0.0.1", &[("Forwarded", &line)]), "198.51.100.1", "{host}");
    }
}
