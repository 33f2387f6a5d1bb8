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
    (&[("Origin", "https://SELF")], true),
    (&[("Origin", "https://evil.example")], false),
    (&[("Origin", "https://evil.example@SELF")], false),
    (&[("Origin", "http://SELF.evil.example")], false),
    (&[("Origin", "http://evil.example/SELF")], false),
    (&[("Origin", "http://127.0.0.1:1")], false),
    (&[("Origin", "null")], false),
    (&[("Origin", "")], false),
    (&[("Origin", "SELF")], false),
    (&[("Origin", "http://SELF"), ("Origin", "https://evil.example")], false),
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
