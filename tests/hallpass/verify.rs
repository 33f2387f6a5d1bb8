//! `/verify` without a policy file: what proxies are told about requests.

use crate::support::{
    accounts::{unknown_key, with_wrong_secret},
    client::RequestBuilder,
    raw_http::Response,
    server::Server,
};

/// The identity headers, in the order of [`identity`].
const IDENTITY: [&str; 6] = [
    "x-hallpass-subject",
    "x-hallpass-issuer",
    "x-hallpass-kind",
    "x-hallpass-client-id",
    "x-hallpass-roles",
    "x-hallpass-scope",
];

fn server() -> Server {
    server_with(&[])
}

fn server_with(settings: &[(&str, &str)]) -> Server {
    let trusted = ("HALLPASS_TRUSTED_PROXIES", "127.0.0.0/8");
    Server::start_with(&[&[trusted], settings].concat())
}

/// A question about this request.
fn ask<'s>(server: &'s Server, method: &str, uri: &str) -> RequestBuilder<'s> {
    let request = server.anonymous().get("/verify");
    request.header("X-Forwarded-Method", method).header("X-Forwarded-Uri", uri)
}

/// The identity of an answer; none of its headers may be there twice.
fn identity(answer: &Response) -> Vec<&str> {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    IDENTITY.iter().map(|name| answer.header(name).unwrap_or("(none)")).collect()
}

fn assert_refused(request: RequestBuilder<'_>, status: u16, code: &str) {
    let answer = request.refused(status, code);
    assert_eq!(identity(&answer), ["(none)"; 6], "{code}");
}

#[test]
fn the_identity_is_on_every_answer_that_allows() {
    let server = server();
    let key = server.accounts.key("admin").to_owned();
    let token = format!("Bearer {}", server.login("admin"));
    let cookie = format!("access_token={}", server.login("admin"));
    let admin = ["admin", "", "client", "admin", "admin reader", ""];
    for (name, value) in [("X-API-Key", &key), ("Authorization", &token), ("Cookie", &cookie)] {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "QUERY"] {
            let answer = ask(&server, method, "/any/path?x=y").header(name, value).expect(200);
            assert_eq!(identity(&answer), admin, "{name} {method}");
        }
    }
    let scoped = ask(&server, "GET", "/").header("X-API-Key", server.accounts.key("scoped"));
    let scopes = "invoices:read invoices:write";
    assert_eq!(identity(&scoped.expect(200)), ["scoped", "", "client", "scoped", "", scopes]);
}

#[test]
fn every_refusal_has_a_status_that_proxies_understand() {
    let server = server();
    let missing = ask(&server, "GET", "/").refused(401, "missing_credentials");
    assert!(missing.all("www-authenticate")[0].starts_with("Bearer"), "{missing:?}");
    assert_refused(ask(&server, "GET", "/"), 401, "missing_credentials");
    let key = server.accounts.key("admin").to_owned();
    for bad in [unknown_key(), with_wrong_secret(&key), "x".to_owned()] {
        assert_refused(ask(&server, "GET", "/").header("X-API-Key", bad), 401, "invalid_api_key");
    }
    let forged = ask(&server, "GET", "/").header("Authorization", "Bearer x.y.z");
    assert_refused(forged, 401, "invalid_token");
    let twice = ask(&server, "GET", "/").header("X-API-Key", &key).header("X-API-Key", &key);
    assert_refused(twice, 403, "ambiguous_credentials");
    for (name, joined) in [
        ("X-API-Key", format!("{key}, {key}")),
        ("Authorization", "Bearer a, Bearer b".to_owned()),
        ("Authorization", "Digest x=y,basic YTpi".to_owned()),
    ] {
        let request = ask(&server, "GET", "/").header(name, joined);
        // What else is sent does not count.
        let token = format!("access_token={}", server.login("admin"));
        assert_refused(request.header("Cookie", token), 403, "ambiguous_credentials");
    }
}

#[test]
fn a_limited_address_is_that_of_the_client_behind_the_proxy() {
    let server = server_with(&[("HALLPASS_RATE_LIMIT", "1/h")]);
    let from = |peer: &str, key: &str| {
        ask(&server, "GET", "/").header("X-Forwarded-For", peer).header("X-API-Key", key)
    };
    assert_refused(from("192.0.2.1", &unknown_key()), 401, "invalid_api_key");
    let good = server.accounts.key("admin");
    assert_refused(from("10.0.0.1, 192.0.2.1", good), 429, "too_many_requests");
    from("192.0.2.1, 192.0.2.2", good).expect(200);
}

#[test]
fn only_trusted_proxies_may_ask() {
    for proxies in ["", "10.0.0.0/8"] {
        let server = Server::start_with(&[("HALLPASS_TRUSTED_PROXIES", proxies)]);
        let key = server.accounts.key("admin").to_owned();
        for address in ["10.0.0.1", "127.0.0.1"] {
            let request = ask(&server, "GET", "/").header("X-API-Key", &key);
            assert_refused(request.header("X-Forwarded-For", address), 403, "denied");
        }
        assert_refused(server.key("admin").get("/verify/a"), 403, "denied");
        assert_refused(server.anonymous().get("/verify"), 403, "denied");
    }
}

#[test]
fn sources_must_agree() {
    let server = server();
    let admin = || server.key("admin").get("/verify");
    for (headers, allowed) in [
        (&[][..], false),
        (&[("X-Forwarded-Uri", "/a")], false),
        (&[("X-Original-Method", "GET")], false),
        (&[("X-Original-Method", "GET"), ("X-Original-URI", "/a")], true),
        (&[("X-Original-Method", "GET"), ("X-Original-URL", "https://h.test/a?b")], true),
        (
            &[("X-Original-Method", "GET"), ("X-Original-URI", "/a"), ("X-Forwarded-Uri", "/b")],
            false,
        ),
        (
            &[
                ("X-Original-Method", "GET"),
                ("X-Forwarded-Method", "PUT"),
                ("X-Forwarded-Uri", "/"),
            ],
            false,
        ),
        (
            &[("X-Original-Method", "GET"), ("X-Forwarded-Uri", "/a"), ("X-Forwarded-Uri", "/a")],
            false,
        ),
        (
            &[
                ("X-Original-Method", "GET"),
                ("X-Forwarded-Uri", "/a"),
                ("X-HTTP-Method-Override", "DELETE"),
            ],
            false,
        ),
        (
            &[("X-Original-Method", "GET"), ("X-Forwarded-Uri", "/a"), ("X-Rewrite-URL", "/b")],
            false,
        ),
        (
            &[
                ("X-Original-Method", "GET"),
                ("X-Forwarded-Uri", "/a"),
                ("X_Hallpass_Subject", "root"),
            ],
            false,
        ),
        (&[("X-Original-Method", "GET"), ("X-Forwarded-Uri", "/a"), ("SCRIPT_NAME", "/a")], false),
        (
            &[
                ("X-Original-Method", "GET"),
                ("X-Forwarded-Uri", "/a"),
                ("X~Hallpass~Subject", "root"),
            ],
            false,
        ),
    ] {
        match allowed {
            true => drop(admin().headers(headers).expect(200)),
            false => assert_refused(admin().headers(headers), 403, "denied"),
        }
    }
    for method in ["TRACE", "CONNECT", "get", "PROPFIND"] {
        let key = server.accounts.key("admin");
        assert_refused(ask(&server, method, "/").header("X-API-Key", key), 403, "denied");
    }
    for path in ["/a//b", "/a/../b", "/%2e%2e/", "/a%2fb", "/a;b", "/a\\b", "/a%252fb", "a"] {
        let key = server.accounts.key("admin");
        assert_refused(ask(&server, "GET", path).header("X-API-Key", key), 403, "denied");
    }
}

#[test]
fn the_original_request_may_stand_behind_verify() {
    let server = server();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "QUERY", "OPTIONS"] {
        server.key("admin").request(method, "/verify/a/b?c=d").expect(200);
        server.anonymous().request(method, "/verify/a/b?c=d").refused(401, "missing_credentials");
    }
    server.key("admin").request("HEAD", "/verify/").expect(200);
    assert_refused(server.key("admin").request("PROPFIND", "/verify/a"), 403, "denied");
    assert_refused(server.key("admin").request("TRACE", "/verify/a"), 403, "denied");
    for target in ["/verify//a", "/verify/../clients", "/verify/a/%2e%2e/b"] {
        assert_refused(server.key("admin").get(target), 403, "denied");
    }
    server.key("admin").get("/verifying").expect(404);
    let long = format!("/verify/{}", "a".repeat(60_000));
    server.key("admin").get(&long).expect(200);
    let long = format!("/{}", "a".repeat(64 * 1024));
    ask(&server, "GET", &long).header("X-API-Key", server.accounts.key("admin")).expect(200);
}

#[test]
fn every_method_asks_and_bodies_are_ignored() {
    let server = server_with(&[("HALLPASS_CORS_ORIGINS", "https://app.example.com")]);
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
    for method in methods {
        let headers = [
            ("X-Original-Method", "GET"),
            ("X-Original-URI", "/a"),
            ("Content-Type", "text/nonsense"),
            ("Origin", "https://evil.example"),
            ("Access-Control-Request-Method", "GET"),
        ];
        let request = server.key("admin").request(method, "/verify").headers(&headers);
        let answer = request.body("{").expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), None, "{method}");
    }
}

#[test]
fn a_preflight_passes_for_nobody() {
    let server = server();
    let origin = ("Origin", "https://app.example.com");
    let wanted = ("Access-Control-Request-Method", "DELETE");
    let bad_key = ("X-API-Key", "x");
    let answer = ask(&server, "OPTIONS", "/a").headers(&[origin, wanted, bad_key]).expect(200);
    assert_eq!(identity(&answer), [""; 6]);
    for headers in [&[origin][..], &[wanted], &[origin, ("Access-Control-Request-Method", "TRACE")]]
    {
        assert_refused(ask(&server, "OPTIONS", "/a").headers(headers), 401, "missing_credentials");
    }
    assert_refused(
        ask(&server, "GET", "/a").headers(&[origin, wanted]),
        401,
        "missing_credentials",
    );
}

#[test]
fn the_query_of_the_question_demands_roles_and_scopes() {
    let server = server();
    for (client, query, allowed) in [
        ("admin", "role=admin", true),
        ("admin", "role=admin&role=reader", true),
        ("reader", "role=admin", false),
        ("reader", "role=reader+admin", false),
        ("scoped", "scope=invoices:read%20invoices:write", true),
        ("scoped", "scope=invoices:delete", false),
        ("scoped", "scope=invoices:read&role=admin", false),
        ("reader", "other=admin", true),
    ] {
        let request = server.key(client).get(&format!("/verify?{query}"));
        let request = request.header("X-Original-Method", "GET");
        // The original query demands nothing.
        let request = request.header("X-Original-URI", "/?role=nobody&scope=nothing");
        match allowed {
            true => drop(request.expect(200)),
            false => assert_refused(request, 403, "insufficient_scope"),
        }
    }
    let malformed = server.key("admin").get("/verify?role=").header("X-Original-Method", "GET");
    assert_refused(malformed.header("X-Original-URI", "/"), 403, "denied");
}

#[test]
fn a_key_counts_in_the_original_query_only_where_the_document_says_so() {
    let server = server();
    let pair = format!("api_key={}", server.accounts.key("admin"));
    // The operation takes no key in a query: neither the original one nor that of the question.
    assert_refused(ask(&server, "GET", &format!("/?{pair}")), 401, "missing_credentials");
    assert_refused(ask(&server, "GET", "/").query(&pair), 401, "missing_credentials");
}

/// What is left of the head of a web socket where the proxy keeps `Upgrade` to itself.
const SOCKET: (&str, &str) = ("Sec-WebSocket-Version", "13");

#[test]
fn a_cookie_counts_for_unsafe_methods_of_the_same_origin_only() {
    let server = server();
    let cookie = format!("access_token={}", server.login("admin"));
    let host = ("X-Forwarded-Host", "app.test");
    let proto = ("X-Forwarded-Proto", "https");
    for (method, headers, allowed) in [
        ("POST", &[host, proto, ("Origin", "https://app.test")][..], true),
        ("POST", &[host, proto, ("Origin", "https://evil.test")], false),
        ("POST", &[host, proto, ("Origin", "http://app.test")], false),
        ("GET", &[host, proto, ("Origin", "https://evil.test")], true),
        ("GET", &[host, proto, ("Origin", "https://evil.test"), SOCKET], false),
        ("GET", &[host, proto, ("Origin", "https://app.test"), SOCKET], true),
        ("POST", &[host, proto], true),
        ("POST", &[host, proto, ("Sec-Fetch-Site", "cross-site")], false),
        ("POST", &[("X-Original-URL", "https://h.test/a"), ("Origin", "https://h.test")], true),
        ("POST", &[("X-Original-URL", "https://h.test/a"), ("Origin", "https://app.test")], false),
        ("POST", &[("Host", "x.test"), ("Origin", "http://x.test")], true),
        ("POST", &[("Host", "x.test"), ("Origin", "http://y.test")], false),
    ] {
        // The question itself is a GET.
        let request = ask(&server, method, "/a").headers(headers).header("Cookie", &cookie);
        match allowed {
            true => drop(request.expect(200)),
            false => assert_refused(request, 403, "cross_site_request"),
        }
    }
}

#[test]
fn revoked_tokens_are_refused_at_once() {
    let server = server();
    let token = server.login("admin");
    let ask = || server.bearer(&token).get("/verify/a");
    ask().expect(200);
    server.bearer(&token).post("/logout").expect(200);
    assert_refused(ask(), 401, "invalid_token");
}

#[test]
fn the_log_tells_the_original_request() {
    let server = server();
    ask(&server, "DELETE", "/items/7?secret=x").expect(401);
    let told = [" access DELETE /items/7 401 ", " audit refused DELETE /items/7 code="];
    let log = server.log_until("the lines of the original request", |log| {
        told.iter().all(|line| log.contains(line))
    });
    assert!(!log.contains("secret=x"), "{log}");
}

#[test]
fn the_document_has_an_operation_for_each_method() {
    let document = Server::start().document();
    let item = document["paths"]["/verify"].as_object().unwrap();
    let methods: Vec<&str> = item.keys().map(String::as_str).collect();
    assert_eq!(methods.len(), 7, "{methods:?}");
    assert!(!item.contains_key("trace"));
    let ids: std::collections::BTreeSet<_> =
        item.values().map(|operation| operation["operationId"].to_string()).collect();
    assert_eq!(ids.len(), 7);
    for operation in item.values() {
        let answers = operation["responses"].as_object().unwrap();
        let mut statuses: Vec<_> = answers.keys().map(String::as_str).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, ["200", "401", "403", "429", "503"]);
    }
}
