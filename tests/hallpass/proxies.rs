//! Which forwarded headers are believed.

use crate::support::{
    accounts::unknown_key,
    raw_http::{Response, connect_from},
    server::Server,
};

/// The access line of an answered request.
fn access(server: &Server, answer: &Response) -> String {
    let name = format!("request_id={}", answer.header("x-request-id").unwrap());
    let ours = |line: &&str| line.contains(" access ") && line.contains(&name);
    let log = server.log_until("the access line", |log| log.lines().any(|line| ours(&line)));
    log.lines().find(ours).unwrap().to_owned()
}

fn assert_peer(server: &Server, headers: &[(&str, &str)], peer: &str) {
    let answer = server.anonymous().get("/health/live").headers(headers).expect(200);
    let line = access(server, &answer);
    assert!(line.split(' ').any(|word| word == format!("peer={peer}")), "{headers:?}: {line}");
}

#[test]
fn forwarded_headers_of_trusted_proxies_are_believed() {
    let server = Server::start_with(&[("HALLPASS_TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8")]);
    let for_ = |value| ("X-Forwarded-For", value);
    assert_peer(&server, &[], "127.0.0.1");
    assert_peer(&server, &[for_("192.0.2.1")], "192.0.2.1");
    assert_peer(&server, &[for_("198.51.100.1, 192.0.2.1"), for_("10.0.0.1")], "192.0.2.1");
    assert_peer(&server, &[for_("192.0.2.1, unknown, 10.0.0.1")], "10.0.0.1");
    assert_peer(&server, &[("Forwarded", "for=\"[2001:db8::1]:4711\";proto=https")], "2001:db8::1");
    assert_peer(&server, &[("Forwarded", "for=192.0.2.1"), for_("192.0.2.1")], "127.0.0.1");
    let refused = server.anonymous().get("/request").headers(&[for_("192.0.2.7")]).expect(401);
    access(&server, &refused);
    let audit = server.log();
    let audit = audit.lines().find(|line| line.contains(" audit refused")).unwrap();
    assert!(audit.contains("peer=192.0.2.7"), "{audit}");
    server.key("reader").post("/login").headers(&[for_("192.0.2.8")]).expect(200);
    server.log_until("the login", |log| {
        log.lines().any(|line| line.contains("login sub=") && line.contains("peer=192.0.2.8"))
    });
}

#[test]
fn forwarded_headers_of_others_are_ignored() {
    for proxies in ["", "10.0.0.0/8"] {
        let server = Server::start_with(&[("HALLPASS_TRUSTED_PROXIES", proxies)]);
        for header in [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1")] {
            assert_peer(&server, &[header], "127.0.0.1");
        }
    }
}

/// Other systems have one loopback address only, which the test itself uses.
#[cfg(target_os = "linux")]
#[test]
fn direct_connections_are_limited_by_their_own_address() {
    let server = Server::start_with(&[("HALLPASS_RATE_LIMIT", "1/h")]);
    let login = |address: &str, key: &str| {
        let stream = connect_from(address.parse().unwrap(), server.address);
        let request = server.anonymous().post("/login").header("X-Forwarded-For", "192.0.2.1");
        request.header("X-API-Key", key).over(stream)
    };
    assert_eq!(login("127.0.0.2", &unknown_key()).status, 401);
    assert_eq!(login("127.0.0.2", server.accounts.key("reader")).status, 429);
    assert_eq!(login("127.0.0.3", server.accounts.key("reader")).status, 200);
    server.key("scoped").post("/login").expect(200);
}
