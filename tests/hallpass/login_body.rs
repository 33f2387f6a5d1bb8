//! The optional body of `/login`.

use serde_json::json;

use crate::support::server::Server;

#[test]
fn an_empty_body_is_accepted() {
    let server = Server::start();
    let login = || server.key("scoped").post("/login");
    let requests = [
        login(),
        login().body(""),
        login().json(""),
        login().json(" \n"),
        login().json("null"),
        login().json("{}"),
        login().json(" {} "),
        login().json(r#"{"scope": null, "expires_in": null, "cookie": null}"#),
        login().json(r#"{"cookie": false}"#),
        login().header("Content-Type", "application/json; charset=utf-8").body("{}"),
        login().header("Content-Type", "Application/JSON").body("{}"),
        login().header("Content-Type", "text/plain"),
    ];
    for request in requests {
        let answer = request.expect(200);
        assert_eq!(answer.json()["scope"], "invoices:read invoices:write");
        assert_eq!(answer.json()["expires_in"], 1800);
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[test]
fn fewer_scopes_and_a_shorter_lifetime_are_issued() {
    let server = Server::start();
    let login =
        |body: serde_json::Value| server.key("scoped").post("/login").json(body).expect(200).json();
    let scopes = [
        ("invoices:read", "invoices:read"),
        ("invoices:write  invoices:read", "invoices:read invoices:write"),
        ("", ""),
    ];
    for (wanted, granted) in scopes {
        let answer = login(json!({ "scope": wanted }));
        assert_eq!(answer["scope"], granted);
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!(server.bearer(token).get("/request").expect(200).json()["scope"], granted);
    }
    for seconds in [1, 60, 1800] {
        assert_eq!(login(json!({ "expires_in": seconds }))["expires_in"], seconds);
    }
}

#[test]
fn a_token_expires_no_later_than_its_key() {
    let server = Server::start();
    for body in
        ["{}", r#"{"expires_in": 1800}"#, r#"{"expires_in": 1800.0}"#, r#"{"expires_in": 1.8e3}"#]
    {
        let answer = server.key("soon").post("/login").json(body).expect(200).json();
        let seconds = answer["expires_in"].as_u64().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds} for {body}");
    }
}

#[test]
fn scopes_that_were_not_granted_are_refused() {
    let server = Server::start();
    let login = |client: &str, scope: &str| {
        server.key(client).post("/login").json(json!({ "scope": scope }))
    };
    for scope in
        ["invoices:delete", "invoices:read x", "INVOICES:READ", "*", "a\"b", "\u{e9}", "a\tb"]
    {
        login("scoped", scope).refused(400, "invalid_scope");
    }
    login("reader", "reader").refused(400, "invalid_scope");
    login("admin", "invoices:read").refused(400, "invalid_scope");
}

#[test]
fn a_malformed_body_is_refused_with_400() {
    let server = Server::start();
    let login = || server.key("reader").post("/login");
    let nested = "[".repeat(8000);
    let bad = [
        r#"{"expires_in": 0}"#,
        r#"[null, 60, false]"#,
        r#"{"expires_in": -1}"#,
        r#"{"expires_in": 1.5}"#,
        r#"{"expires_in": "60"}"#,
        r#"{"expires_in": 1801}"#,
        r#"{"expires_in": 18446744073709551615}"#,
        r#"{"expires_in": 18446744073709551616}"#,
        r#"{"expires_in": 1e400}"#,
        r#"{"scope": ["invoices:read"]}"#,
        r#"{"scope": 1}"#,
        r#"{"cookie": "yes"}"#,
        r#"{"roles": ["admin"]}"#,
        r#"{"client": "admin"}"#,
        r#"{"cookie": false, "cookie": true}"#,
        r#"{} x"#,
        "{",
        "[]",
        "1",
        "\"x\"",
        "\u{feff}{}",
        &nested,
    ];
    for body in bad {
        login().json(body).refused(400, "invalid_request");
    }
    login().json("").body(b"\xff\xfe").refused(400, "invalid_request");
}

#[test]
fn a_refused_body_is_told_which_field_takes_what() {
    let server = Server::start();
    for (body, told) in [
        (r#"{"expires_in": "60"}"#, "`expires_in` takes a whole number of seconds, at least 1."),
        (r#"{"expires_in": -1}"#, "`expires_in` takes a whole number of seconds, at least 1."),
        (r#"{"scope": ["a"]}"#, "`scope` takes scopes in one string, with spaces between them."),
        (r#"{"cookie": "yes"}"#, "`cookie` takes true or false."),
        (r#"{"cookie": false, "cookie": true}"#, "the field `cookie` is there twice"),
        (
            r#"{"expires_in": 600.0, "roles": []}"#,
            "the field `roles` is not known, expected one of `scope`",
        ),
        ("1", "expected an object, found a whole number"),
        ("{", "is not JSON: there is a mistake at line 1, column 1."),
    ] {
        let answer = server.key("reader").post("/login").json(body).refused(400, "invalid_request");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(told), "{body}: {detail}");
        assert!(!detail.contains("struct") && !detail.contains("u64"), "{detail}");
    }
}

#[test]
fn a_body_of_another_type_or_too_large_is_refused() {
    let server = Server::start();
    let login = || server.key("reader").post("/login");
    login().body("{}").refused(415, "unsupported_media_type");
    let types =
        ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json", "x", ""];
    for kind in types {
        login().header("Content-Type", kind).body("{}").refused(415, "unsupported_media_type");
    }
    let padding = |length: usize| " ".repeat(length);
    login().json(padding(16 * 1024)).expect(200);
    login().json(padding(16 * 1024 + 1)).refused(413, "payload_too_large");
    login().json(padding(1024 * 1024)).refused(413, "payload_too_large");
    // A bad credential is reported before a bad body.
    server.anonymous().post("/login").json(padding(64 * 1024)).refused(401, "missing_credentials");
}
