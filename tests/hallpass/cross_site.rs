//! Other sites cannot use the cookies of a logged-in browser.

use crate::support::server::Server;

/// Headers, and whether the cookie is accepted.
const CASES: &[(&[(&str, &str)], bool)] = &[
    (&[("Sec-Fetch-Site", "same-origin")], true),
    (&[("Sec-Fetch-Site", "none")], true),
    (&[("Sec-Fetch-Site", "cross-site")], false),
    (&[("Sec-Fetch-Site", "same-site")], false),
    (&[("Sec-Fetch-Site", "Same-Origin")], false),
    (&[("Sec-Fetch-Site", "")], false),
    (&[("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")], false),
    (&[("Sec-Fetch-Site", "same-origin"), ("Origin", "https://evil.example")], true),
    (&[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://SELF")], false),
    (&[("Origin", "http://SELF")], true),
    (&[("Origin", "https://SELF")], false),
    (&[("Origin", "https://evil.example")], false),
    (&[("Origin", "https://evil.example@SELF")], false),
    (&[("Origin", "http://SELF.evil.example")], false),
    (&[("Origin", "http://evil.example/SELF")], false),
    (&[("Origin", "http://127.0.0.1:1")], false),
    (&[("Origin", "null")], false),
    (&[("Origin", "")], false),
    (&[("Origin", "SELF")], false),
    (&[("Origin", "http://SELF"), ("Origin", "https://evil.example")], false),
    (&[("Origin", "http://SELF"), ("Origin", "null")], false),
    (&[("Referer", "https://evil.example/")], true),
    (&[], true),
];

#[test]
fn a_cross_site_session_cookie_is_refused_on_unsafe_methods() {
    let server = Server::start();
    for (headers, accepted) in CASES {
        let token = server.login("reader");
        let own = server.address.to_string();
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (*name, value.replace("SELF", &own))).collect();
        let cookie = format!("access_token={token}");
        let request =
            server.anonymous().post("/logout").headers(&headers).header("Cookie", &cookie);
        if *accepted {
            request.expect(200);
            continue;
        }
        let answer = request.refused(403, "cross_site_request");
        assert_eq!(answer.header("set-cookie"), None, "{headers:?}");
        // Nothing has happened yet. Safe methods and explicit tokens are not affected.
        let read = server.anonymous().get("/request").headers(&headers);
        read.header("Cookie", &cookie).expect(200);
        server.bearer(&token).post("/logout").headers(&headers).expect(200);
    }
}

#[test]
fn a_cross_site_api_key_cookie_is_refused_on_unsafe_methods() {
    let server = Server::start();
    let cookie = format!("api_key={}", server.accounts.key("reader"));
    let request = |site: &str| {
        server.anonymous().post("/login").header("Cookie", &cookie).header("Sec-Fetch-Site", site)
    };
    request("cross-site").refused(403, "cross_site_request");
    request("same-site").refused(403, "cross_site_request");
    request("same-origin").expect(200);
    // The same key in the header is an explicit credential.
    request("cross-site").header("X-API-Key", server.accounts.key("reader")).expect(200);
}

#[test]
fn the_scheme_of_an_own_origin_is_that_of_the_issuer_where_one_is_set() {
    let server = Server::start_with(&[("HALLPASS_ISSUER", "https://auth.example.com/base")]);
    let key = format!("api_key={}", server.accounts.key("reader"));
    for (origin, host, accepted) in [
        ("https://auth.example.com", "auth.example.com", true),
        ("https://auth.example.com", "auth.example.com:443", true),
        ("https://auth.example.com:443", "auth.example.com", true),
        ("http://auth.example.com", "auth.example.com", false),
        ("http://auth.example.com:443", "auth.example.com", false),
        ("https://auth.example.com", "auth.example.com:80", false),
        ("https://auth.example.com:8443", "auth.example.com", false),
        ("https://auth.example.com", "other.example.com", false),
        ("https://example.com", "auth.example.com", false),
    ] {
        let headers = [("Origin", origin), ("Host", host), ("Cookie", key.as_str())];
        let login = server.anonymous().post("/login").headers(&headers);
        match accepted {
            true => login.expect(200),
            false => login.refused(403, "cross_site_request"),
        };
    }
}

#[test]
fn a_session_cookie_opens_no_web_socket_for_other_sites() {
    let server = Server::start();
    let cookie = format!("access_token={}", server.login("reader"));
    let own = format!("http://{}", server.address);
    let upgrade = |headers: &[(&str, &str)]| {
        let request = server.anonymous().get("/request").header("Upgrade", "websocket");
        request.header("Sec-WebSocket-Version", "13").headers(headers)
    };
    for foreign in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        let request = upgrade(&[foreign]).header("Cookie", &cookie);
        request.refused(403, "cross_site_request");
        // What the page has to say itself is no cookie.
        let token = format!("Bearer {}", server.login("reader"));
        upgrade(&[foreign]).header("Authorization", token).expect(200);
    }
    for same in [("Origin", own.as_str()), ("Sec-Fetch-Site", "same-origin"), ("X-Y", "z")] {
        upgrade(&[same]).header("Cookie", &cookie).expect(200);
    }
}
