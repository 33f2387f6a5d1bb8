//! `/verify` with a policy file: the document of another service is enforced.

use std::fs;

use serde_json::{Value, json};

use crate::{
    metrics,
    support::{client::RequestBuilder, folder::Folder, server::Server},
};

fn document() -> Value {
    let of = |security: Value| json!({ "security": security, "responses": {} });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Shop", "version": "1" },
        "servers": [{ "url": "https://shop.example/api" }],
        "paths": {
            "/prices": { "get": of(json!([])) },
            "/items": { "get": of(json!([{ "token": ["reader"] }, { "key": [] }])) },
            "/items/{id}": {
                "get": of(json!([{ "token": [] }])),
                "delete": of(json!([{ "token": ["admin"] }])),
                "options": of(json!([{ "token": [] }])),
            },
            "/items/admin": { "get": of(json!([{ "token": ["admin"] }])) },
            "/greeting": { "get": of(json!([{ "token": [] }, {}])) },
            "/pages/{page}": { "get": of(json!([])) },
            "/pages/terms": { "get": of(json!([])), "options": of(json!([{ "token": [] }])) },
            "/forgotten": { "get": { "responses": {} } },
        },
        "components": { "securitySchemes": {
            "token": { "type": "http", "scheme": "bearer" },
            "key": { "type": "apiKey", "in": "query", "name": "shop_key" },
            "header": { "type": "apiKey", "in": "header", "name": "Shop-Key" },
        } },
    })
}

/// A server that enforces this document.
fn server(document: &str, settings: &[(&str, &str)]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("shop.json"), document).unwrap();
    let settings =
        [&[("HALLPASS_TRUSTED_PROXIES", "127.0.0.1"), ("HALLPASS_POLICY", "shop.json")], settings];
    let serve = crate::support::server::program(dir.path(), &["serve", "--bind", "127.0.0.1:0"]);
    Server::spawn(serve, dir, &settings.concat())
}

fn ask<'s>(server: &'s Server, method: &str, uri: &str) -> RequestBuilder<'s> {
    let request = server.anonymous().get("/verify");
    request.header("X-Original-Method", method).header("X-Original-URI", uri)
}

/// The status for this client's token, or for nobody.
fn status(server: &Server, client: &str, method: &str, uri: &str) -> u16 {
    let request = ask(server, method, uri);
    match client {
        "" => request.answer().status,
        _ => {
            let token = format!("Bearer {}", server.login(client));
            request.header("Authorization", token).answer().status
        }
    }
}

#[test]
fn the_file_decides_who_may_pass() {
    let server = server(&document().to_string(), &[]);
    for (method, uri, nobody, scoped, reader, admin) in [
        ("GET", "/api/prices", 200, 200, 200, 200),
        ("HEAD", "/api/prices?x=y", 200, 200, 200, 200),
        ("POST", "/api/prices", 403, 403, 403, 403),
        ("GET", "/prices", 403, 403, 403, 403),
        ("GET", "/api/prices/", 403, 403, 403, 403),
        ("GET", "/api/items", 401, 403, 200, 200),
        ("GET", "/api/items/7", 401, 200, 200, 200),
        ("GET", "/api/items/a%20b", 401, 200, 200, 200),
        ("DELETE", "/api/items/7", 401, 403, 403, 200),
        ("GET", "/api/items/admin", 401, 403, 403, 200),
        ("GET", "/api/items/Admin", 403, 403, 403, 403),
        ("GET", "/API/items", 403, 403, 403, 403),
        ("OPTIONS", "/api/items/7", 401, 200, 200, 200),
        ("OPTIONS", "/api/items", 403, 403, 403, 403),
        ("GET", "/api/greeting", 200, 200, 200, 200),
        ("GET", "/api/forgotten", 403, 403, 403, 403),
        ("TRACE", "/api/prices", 403, 403, 403, 403),
        ("get", "/api/prices", 403, 403, 403, 403),
    ] {
        let wanted = [("", nobody), ("scoped", scoped), ("reader", reader), ("admin", admin)];
        for (client, wanted) in wanted {
            assert_eq!(status(&server, client, method, uri), wanted, "{client} {method} {uri}");
        }
    }
    assert!(server.log().contains("GET /api/forgotten of the policy has no `security`"));
}

#[test]
fn credentials_are_read_where_the_file_says() {
    let server = server(&document().to_string(), &[]);
    let key = server.accounts.key("admin").to_owned();
    let answer = ask(&server, "GET", &format!("/api/items?shop_key={key}")).expect(200);
    assert_eq!(answer.header("x-hallpass-subject"), Some("admin"));
    ask(&server, "GET", "/api/items").query(&format!("shop_key={key}")).expect(401);
    ask(&server, "GET", "/api/items").header("X-API-Key", &key).expect(401);
    let public = ask(&server, "GET", "/api/prices").header("Authorization", "Bearer x").expect(200);
    assert_eq!(public.header("x-hallpass-subject"), Some(""));
    ask(&server, "GET", "/api/greeting").header("Authorization", "Bearer x").expect(401);
}

#[test]
fn a_preflight_passes_where_the_file_has_the_operation_and_no_options() {
    let server = server(&document().to_string(), &[]);
    let preflight = |uri: &str, wanted: &str| {
        let request = ask(&server, "OPTIONS", uri).header("Origin", "https://app.example");
        request.header("Access-Control-Request-Method", wanted).answer().status
    };
    assert_eq!(preflight("/api/items", "GET"), 200);
    assert_eq!(preflight("/api/items", "POST"), 403);
    assert_eq!(preflight("/api/other", "GET"), 403);
    assert_eq!(preflight("/api/forgotten", "GET"), 403);
    assert_eq!(preflight("/api/items/7", "DELETE"), 401);
    // A server that ignores case would run its OPTIONS of `terms`.
    assert_eq!(preflight("/api/pages/imprint", "GET"), 200);
    assert_eq!(preflight("/api/pages/terms", "GET"), 401);
    assert_eq!(preflight("/api/pages/Terms", "GET"), 403);
}

#[test]
fn the_base_and_the_meaning_of_no_security_can_be_set() {
    let settings = [("HALLPASS_POLICY_BASE", "/v2"), ("HALLPASS_POLICY_UNDECLARED", "public")];
    let server = server(&document().to_string(), &settings);
    assert_eq!(status(&server, "", "GET", "/v2/prices"), 200);
    assert_eq!(status(&server, "", "GET", "/v2/forgotten"), 200);
    assert_eq!(status(&server, "", "GET", "/api/prices"), 403);
}

#[test]
fn yaml_is_read_too() {
    let yaml = "openapi: 3.0.3\npaths:\n  /a:\n    get:\n      security: []\n";
    let server = server(yaml, &[]);
    assert_eq!(status(&server, "", "GET", "/a"), 200);
    assert_eq!(status(&server, "admin", "GET", "/b"), 403);
}

#[test]
fn the_file_is_followed_and_a_broken_one_changes_nothing() {
    let server = server(&document().to_string(), &[]);
    let file = server.dir.path().join("shop.json");
    let health = || server.anonymous().get("/health/ready").expect(200).json()["status"].clone();
    assert_eq!(status(&server, "", "GET", "/api/items"), 401);
    let mut changed = document();
    changed["paths"]["/items"]["get"]["security"] = json!([]);
    fs::write(&file, changed.to_string()).unwrap();
    server.log_until("the new policy", |log| log.contains("reloaded the policy"));
    assert_eq!(status(&server, "", "GET", "/api/items"), 200);
    fs::write(&file, &changed.to_string()[..200]).unwrap();
    server.log_until("the fault", |log| log.contains("the policy was not reloaded"));
    assert_eq!(status(&server, "", "GET", "/api/items"), 200);
    assert_eq!(health(), "degraded");
    fs::write(&file, document().to_string()).unwrap();
    server.log_until("the corrected policy", |log| log.matches("reloaded the policy").count() == 2);
    assert_eq!(status(&server, "", "GET", "/api/items"), 401);
    assert_eq!(health(), "ok");
}

#[test]
fn what_cannot_be_enforced_is_an_error_at_the_start() {
    let mut matrix = document();
    matrix["paths"]["/items/{id}"]["parameters"] =
        json!([{ "name": "id", "in": "path", "style": "matrix" }]);
    let mut unknown = document();
    unknown["paths"]["/items"]["get"]["security"] = json!([{ "other": [] }]);
    for (text, wanted) in [
        (matrix.to_string(), "style: matrix"),
        (unknown.to_string(), "other"),
        ("{\n\"openapi\": ,\n}".to_owned(), "shop.json:2: cannot be read as JSON"),
        (json!({ "swagger": "2.0", "paths": {} }).to_string(), "is Swagger 2.0"),
    ] {
        let folder = Folder::new();
        folder.run("init").success();
        folder.write("shop.json", &text);
        let policy = [("HALLPASS_POLICY", "shop.json")];
        for command in ["check", "serve --bind 127.0.0.1:0"] {
            let refused = folder.run_with(&policy, command).exit_code(1);
            assert!(refused.err.contains(wanted) || refused.out.contains(wanted), "{refused:?}");
        }
    }
    let folder = Folder::new();
    folder.run("init").success();
    let settings = [("HALLPASS_POLICY", "none.json"), ("HALLPASS_POLICY_UNDECLARED", "allow")];
    let refused = folder.run_with(&settings, "check").exit_code(1);
    let told = format!("{}{}", refused.out, refused.err);
    assert!(told.contains("HALLPASS_POLICY_UNDECLARED is \"allow\""), "{told}");
}

#[test]
fn decisions_are_counted_by_the_operations_of_the_file() {
    let server = server(&document().to_string(), &[metrics::ON]);
    ask(&server, "GET", "/api/prices").expect(200);
    ask(&server, "GET", "/api/items/7").expect(401);
    ask(&server, "GET", "/api/what-a-stranger-made-up").expect(403);
    let count = |operation: &str, method: &str, decision: &str, reason: &str| {
        let labels = [
            ("operation", operation),
            ("method", method),
            ("decision", decision),
            ("reason", reason),
        ];
        metrics::scrape(&server).value("hallpass_verify_total", &labels)
    };
    for (operation, method, decision, reason) in [
        ("GET /api/prices", "GET", "allow", "anonymous"),
        ("GET /api/items/{id}", "GET", "challenge", "missing_credentials"),
        ("none", "", "forbid", "denied"),
    ] {
        assert_eq!(count(operation, method, decision, reason), Some(1.0), "{operation}");
    }
}
