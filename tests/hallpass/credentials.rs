//! How credentials are read from requests, and that all bad ones get the same answer.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::support::{
    accounts::{key_id, unknown_key, with_wrong_secret},
    server::Server,
};

#[test]
fn a_repeated_credential_is_refused_even_with_the_same_value() {
    let server = Server::start();
    let (key, other) = (server.accounts.key("admin"), server.accounts.key("reader"));
    let token = server.login("admin");
    let bearer = format!("Bearer {token}");
    let basic = format!("Basic {}", STANDARD.encode("a:b"));
    for second in [key, other, "x", ""] {
        let login = |target: &str| server.anonymous().post(target);
        let requests = [
            login("/login").header("X-API-Key", key).header("x-api-key", second),
            login("/login").header("X-API-Key", second).header("X-Api-Key", key),
            login(&format!("/login?api_key={key}&api_key={second}")),
            login(&format!("/login?api_key={second}&x=1&%61pi_key={key}")),
            login("/login").header("Cookie", format!("api_key={key}; api_key={second}")),
            login("/login")
                .header("Cookie", format!("api_key={key}"))
                .header("Cookie", format!("api_key={second}")),
        ];
        for request in requests {
            request.refused(400, "ambiguous_credentials");
        }
    }
    for second in [&bearer, "Bearer x", &basic, "Digest x"] {
        let request = server.anonymous().get("/request").header("Authorization", &bearer);
        request.header("authorization", second).refused(400, "ambiguous_credentials");
    }
    let cookies = format!("access_token={token}; access_token={token}");
    let request = server.anonymous().get("/request").header("Cookie", cookies);
    request.refused(400, "ambiguous_credentials");
}

#[test]
fn the_same_key_in_two_locations_is_accepted_and_two_keys_are_refused() {
    let server = Server::start();
    let key = server.accounts.key("reader");
    let cookie = format!("api_key={key}");
    let all = server.key("reader").post(&format!("/login?api_key={key}"));
    all.header("Cookie", &cookie).expect(200);
    let other = server.accounts.key("admin");
    server
        .key("reader")
        .post(&format!("/login?api_key={other}"))
        .refused(400, "ambiguous_credentials");
    // Only the locations that the operation names are read.
    server.key("reader").get(&format!("/request?api_key={other}")).expect(200);
}

#[test]
fn explicit_credentials_take_precedence_over_the_session_cookie() {
    let server = Server::start();
    let cookie = format!("access_token={}", server.login("admin"));
    let me = server.token("reader").get("/request").header("Cookie", &cookie).expect(200).json();
    assert_eq!((me["sub"].as_str(), me["scheme"].as_str()), (Some("reader"), Some("bearer")));
    let me = server.key("reader").get("/request").header("Cookie", &cookie).expect(200).json();
    assert_eq!((me["sub"].as_str(), me["scheme"].as_str()), (Some("reader"), Some("apiKey")));
    server
        .token("reader")
        .get("/clients")
        .header("Cookie", &cookie)
        .refused(403, "insufficient_scope");
    server.bearer("x").get("/clients").header("Cookie", &cookie).refused(401, "invalid_token");
}

#[test]
fn no_cookie_spoils_a_credential_in_a_header_or_in_the_query() {
    let server = Server::start();
    let (key, other) = (server.accounts.key("reader"), server.accounts.key("admin"));
    let cookies = |name: &str| {
        let stray = format!("{name}=x");
        let doubled = format!("{name}=x; {name}=y");
        [stray, doubled, format!("{name}={other}"), format!("{name}={other}; {name}={key}")]
    };
    for cookie in cookies("api_key").into_iter().chain(cookies("access_token")) {
        let with = |request: crate::support::client::RequestBuilder<'_>| {
            request.header("Cookie", &cookie).expect(200)
        };
        let token = server.login("reader");
        let me = with(server.key("reader").post("/login")).json();
        assert_eq!(me["roles"], serde_json::json!(["reader"]), "{cookie}");
        with(server.anonymous().post(&format!("/login?api_key={key}")));
        with(server.key("reader").get("/request"));
        with(server.bearer(&token).get("/request"));
        with(server.token("admin").get("/clients"));
        with(server.bearer(&token).post("/logout"));
    }
    // By themselves doubled cookies are as ambiguous as ever.
    for (path, name) in [("/login", "api_key"), ("/logout", "access_token")] {
        let request = server.anonymous().post(path).header("Cookie", &cookies(name)[1]);
        request.refused(400, "ambiguous_credentials");
    }
    let bad = server.bearer("x").get("/request").header("Cookie", &cookies("access_token")[1]);
    bad.refused(401, "invalid_token");
}

#[test]
fn an_authorization_of_a_scheme_that_the_operation_does_not_take_is_ignored() {
    let server = Server::start();
    let basic = format!("Basic {}", STANDARD.encode("proxy:secret"));
    for other in [basic.as_str(), "Digest username=\"x\"", "Negotiate x", "ApiKey x"] {
        let cookie = format!("access_token={}", server.login("reader"));
        let request = |method: &str, path: &str| {
            server.anonymous().request(method, path).header("Authorization", other)
        };
        let me = request("GET", "/request").header("Cookie", &cookie).expect(200).json();
        assert_eq!(me["scheme"], "session", "{other}");
        let me = request("GET", "/request").header("X-API-Key", server.accounts.key("reader"));
        assert_eq!(me.expect(200).json()["scheme"], "apiKey", "{other}");
        // Nor is a doubled one this operation's business.
        let doubled = request("GET", "/request").header("Authorization", other);
        doubled.header("Cookie", &cookie).expect(200);
        request("POST", "/logout").header("Cookie", &cookie).expect(200);
        request("GET", "/request").refused(401, "missing_credentials");
    }
    let bearer = format!("Bearer {}", server.login("reader"));
    let introspect = server.anonymous().post("/introspect").header("Authorization", &bearer);
    introspect
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("token=x")
        .expect(401);
}

#[test]
fn one_good_credential_is_enough() {
    let server = Server::start();
    let me = server.key("reader").get("/request").header("Authorization", "Bearer x").expect(200);
    assert_eq!(me.json()["scheme"], "apiKey");
    let me = server.token("reader").get("/request").header("X-API-Key", "x").expect(200);
    assert_eq!(me.json()["scheme"], "bearer");
    let both = server.bearer("x").get("/request").header("X-API-Key", unknown_key());
    both.refused(401, "invalid_token");
}

#[test]
fn empty_credentials_and_other_schemes_are_ignored() {
    let server = Server::start();
    let token = server.login("reader");
    for value in ["", "Basic Og==", "Bearer", "Bearer ", "Digest x", "Basic", &token, "Token x"] {
        let request = server.anonymous().get("/request").header("Authorization", value);
        request.refused(401, "missing_credentials");
    }
    let empty = server.anonymous().get("/request").header("X-API-Key", "");
    empty.header("Cookie", "access_token=").refused(401, "missing_credentials");
    for target in ["/login?api_key=", "/login?api_key", "/login?API_KEY=x", "/login?xapi_key=x"] {
        server.anonymous().post(target).refused(401, "missing_credentials");
    }
    for cookie in ["api_key=", "api_key", "xapi_key=x", "API_KEY=x", "a=api_key=x", ";;;", "=x"] {
        let request = server.anonymous().post("/login").header("Cookie", cookie);
        request.refused(401, "missing_credentials");
    }
    // Swagger UI's empty Basic form does not hide the session.
    let cookie = format!("access_token={token}");
    let request = server.anonymous().get("/request").header("Authorization", "Basic Og==");
    request.header("Cookie", &cookie).expect(200);
}

#[test]
fn an_api_key_that_is_sent_as_a_token_is_told_so() {
    let server = Server::start();
    let key = server.accounts.key("reader");
    for key in [key, &unknown_key(), "hp_cut"] {
        let answer = server.bearer(key).get("/request").refused(401, "invalid_token");
        let challenge = answer.challenges()[0].to_owned();
        for text in [answer.json()["detail"].as_str().unwrap(), challenge.as_str()] {
            assert!(text.contains("API key") && text.contains("/login"), "{text}");
        }
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
        let cookie = format!("access_token={key}");
        let answer = server.anonymous().get("/request").header("Cookie", cookie).expect(401);
        assert!(answer.text().contains("API key"), "{answer:?}");
    }
    // The key is good where keys are taken.
    server.bearer(key).get("/request").header("X-API-Key", key).expect(200);
    let log = server.log_until("the refusal", |log| log.contains("the token is an API key"));
    assert!(log.contains(&format!("key_id={}", key_id(key))), "{log}");
}

#[test]
fn all_bad_keys_get_the_same_answer() {
    let server = Server::start();
    let good = server.accounts.key("reader");
    let (unknown, wrong) = (unknown_key(), with_wrong_secret(good));
    let keys = [
        ("malformed", "x"),
        ("cut", &good[..good.len() - 1]),
        ("mistyped", &good.to_uppercase()),
        ("long", &"x".repeat(50_000)),
        ("unknown", &unknown),
        ("wrong secret", &wrong),
        ("expired", server.accounts.key("expired")),
        ("disabled", server.accounts.key("disabled")),
    ];
    let mut seen = Vec::new();
    for (what, key) in keys {
        let request = server.anonymous().post("/login").header("X-API-Key", key);
        let answer = request.refused(401, "invalid_api_key");
        let id = answer.header("x-request-id").unwrap().to_owned();
        let kept = |(name, _): &&(String, String)| name != "date" && name != "x-request-id";
        let mut headers: Vec<_> = answer.headers.iter().filter(kept).cloned().collect();
        // The order of headers with different names has no meaning.
        headers.sort();
        seen.push((what, headers, answer.text().replace(&id, "ID")));
    }
    for (what, headers, body) in &seen {
        assert_eq!((headers, body), (&seen[0].1, &seen[0].2), "{what} differs");
    }
}

#[test]
fn unusual_spellings_of_a_good_credential_are_accepted() {
    let server = Server::start();
    let token = server.login("reader");
    for scheme in ["bearer", "BEARER", "bEaReR", "Bearer  "] {
        let value = format!("{scheme} {token}");
        server.anonymous().get("/request").header("Authorization", value).expect(200);
    }
    let cookie = format!("a=b; access_token={token} ;c=d");
    server.anonymous().get("/request").header("Cookie", cookie).expect(200);
    let key = server.accounts.key("reader");
    let encoded: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    server.anonymous().post(&format!("/login?api_key={encoded}")).expect(200);
}

#[test]
fn credentials_that_are_not_utf_8_are_invalid() {
    let server = Server::start();
    let bytes: &[u8] = b"\xff\xfe\x80x";
    let request = |name: &str, before: &[u8]| {
        server.anonymous().get("/request").header(name, [before, bytes].concat())
    };
    request("Authorization", b"Bearer ").refused(401, "invalid_token");
    request("X-API-Key", b"").refused(401, "invalid_api_key");
    request("Cookie", b"access_token=").refused(401, "invalid_token");
    request("Authorization", b"").refused(401, "missing_credentials");
    request("Sec-Fetch-Site", b"").refused(401, "missing_credentials");
    server.anonymous().post("/login?api_key=%ff%fe%00").refused(401, "invalid_api_key");
    server
        .anonymous()
        .post("/login")
        .header("Content-Type", bytes)
        .refused(401, "missing_credentials");
}

#[test]
fn a_missing_credential_is_challenged_for_every_accepted_scheme() {
    let server = Server::start();
    let answer = server.anonymous().get("/request").refused(401, "missing_credentials");
    let challenges = answer.challenges().join("\n");
    assert!(!challenges.contains("error"), "a missing credential is not an error: {challenges}");
    for part in [
        "Bearer realm=\"hallpass\"",
        "in=\"cookie\", name=\"access_token\"",
        "in=\"header\", name=\"X-API-Key\"",
    ] {
        assert!(challenges.contains(part), "{part} is missing in {challenges}");
    }
    let answer = server.anonymous().post("/login").refused(401, "missing_credentials");
    assert_eq!(answer.challenges().len(), 3, "{:?}", answer.challenges());
    assert!(!answer.challenges().join("").contains("Bearer"));
}
