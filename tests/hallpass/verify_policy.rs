//! `/verify` with a policy file: the document of another service is enforced.

use std::fs;

use serde_json::{Value, json};

use crate::{
    metrics,
    support::{client::RequestBuilder, folder::Folder, server::Server},
};

pub(crate) fn document() -> Value {
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
            "/sums/{sum}": { "get": of(json!([])) },
            "/sums/a+b": { "get": of(json!([{ "token": ["admin"] }])) },
            "/users/me/{what}": { "get": of(json!([])) },
            "/users/{id}/keys": { "get": of(json!([{ "token": ["admin"] }])) },
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
pub(crate) fn server(document: &str, settings: &[(&str, &str)]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("shop.json"), document).unwrap();
    let settings =
        [&[("HALLPASS_TRUSTED_PROXIES", "127.0.0.1"), ("HALLPASS_POLICY", "shop.json")], settings];
    let serve = crate::support::server::program(dir.path(), &["serve", "--bind", "127.0.0.1:0"]);
    Server::spawn(serve, dir, &settings.concat())
}

pub(crate) fn ask<'s>(server: &'s Server, method: &str, uri: &str) -> RequestBuilder<'s> {
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
        ("GET", "/api/sums/1", 200, 200, 200, 200),
        ("GET", "/api/sums/a+b", 401, 403, 403, 200),
        ("GET", "/api/sums/a%2Bb", 403, 403, 403, 403),
        ("GET", "/api/users/me/name", 200, 200, 200, 200),
        ("GET", "/api/users/7/keys", 401, 403, 403, 200),
        ("GET", "/api/users/me/keys", 403, 403, 403, 403),
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
    assert!(
        server.log().contains("shop.json: GET /api/forgotten: has no `security` and is denied")
    );
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
    let server = server(&document().to_string(), &[metrics::ON]);
    let file = server.dir.path().join("shop.json");
    let broken = || metrics::scrape(&server).value("hallpass_policy_broken", &[]);
    let health = || server.anonymous().get("/health/ready").expect(200).json()["status"].clone();
    assert_eq!(status(&server, "", "GET", "/api/items"), 401);
    let mut changed = document();
    changed["paths"]["/items"]["get"]["security"] = json!([]);
    fs::write(&file, changed.to_string()).unwrap();
    server.log_until("the new policy", |log| log.contains("reloaded the policy"));
    assert_eq!(status(&server, "", "GET", "/api/items"), 200);
    assert_eq!(health(), "ok");
    fs::write(&file, &changed.to_string()[..200]).unwrap();
    server.log_until("the fault", |log| log.contains("the policy was not reloaded"));
    assert_eq!(status(&server, "", "GET", "/api/items"), 200);
    assert_eq!((health(), broken()), (json!("degraded"), Some(1.0)));
    fs::write(&file, document().to_string()).unwrap();
    server.log_until("the corrected policy", |log| log.matches("reloaded the policy").count() == 2);
    assert_eq!(status(&server, "", "GET", "/api/items"), 401);
    assert_eq!((health(), broken()), (json!("ok"), Some(0.0)));
}

/// The lines of the log that tell what a reload changed, from their level on.
fn changes(log: &str) -> Vec<&str> {
    let lines = log.lines().filter(|line| line.contains("policy: "));
    lines.filter_map(|line| line.split_once("Z ")).map(|(_, line)| line).collect()
}

#[test]
fn a_reload_logs_what_changed_and_warns_of_what_became_weaker() {
    let server = server(&document().to_string(), &[]);
    server.log_until("what is enforced", |log| log.contains("/verify enforces the "));
    let mut changed = document();
    let paths = &mut changed["paths"];
    paths["/items"]["get"]["security"] = json!([{ "token": ["reader", "admin"] }, { "key": [] }]);
    paths["/items/admin"]["get"]["security"] = json!([{ "token": [] }]);
    paths["/prices"] = json!({});
    paths["/new\u{1b}[31m\n"] = json!({ "get": { "security": [] } });
    fs::write(server.dir.path().join("shop.json"), changed.to_string()).unwrap();
    let log = server.log_until("the changes", |log| log.contains("REMOVED"));
    let lines = changes(&log);
    assert_eq!(lines.len(), 5, "{lines:?}");
    for (line, (level, wanted)) in lines.iter().zip([
        ("INFO ", "reloaded the policy: the protection of 4 operations changed"),
        ("WARN ", "policy: WEAKER GET /api/items/admin: {token: [admin]} -> {token: []}"),
        ("WARN ", "policy: ADDED GET /api/new\\u001b[31m\\u000a: public"),
        ("INFO ", "policy: STRONGER GET /api/items: "),
        ("INFO ", "policy: REMOVED GET /api/prices: public"),
    ]) {
        assert!(line.starts_with(level) && line.contains(wanted), "{line:?}, not {wanted:?}");
    }
    assert!(!log.contains('\u{1b}'));
}

#[test]
fn a_reload_that_changes_nothing_says_so() {
    let server = server(&document().to_string(), &[]);
    server.signal("HUP");
    let unchanged = "reloaded the policy: the protection of no operation changed";
    let log = server.log_until("the reload", |log| log.contains(unchanged));
    assert_eq!(changes(&log).len(), 1, "{log}");
}

#[test]
fn a_reload_with_many_changes_logs_the_weaker_ones_first_and_counts_the_rest() {
    let of = |weaker: Value, stronger: Value| {
        let items = (0..30).map(|at| {
            let security = if at < 15 { &stronger } else { &weaker };
            (format!("/items{at}"), json!({ "get": { "security": security } }))
        });
        let mut document = document();
        document["paths"] = Value::Object(items.collect());
        document.to_string()
    };
    let (closed, open) = (json!([{ "token": [] }]), json!([]));
    let server = server(&of(closed.clone(), open.clone()), &[]);
    fs::write(server.dir.path().join("shop.json"), of(open, closed)).unwrap();
    let log = server.log_until("the rest", |log| log.contains("more changes"));
    let lines = changes(&log);
    let of_class = |class: &str| lines.iter().filter(|line| line.contains(class)).count();
    assert_eq!((of_class("WEAKER"), of_class("STRONGER")), (15, 5), "{log}");
    assert!(lines.iter().any(|line| line.contains("10 more changes, 0 of them weaker")), "{log}");
}

#[test]
fn operations_without_security_are_logged_up_to_a_bound() {
    let mut document = document();
    let items = (0..1000).map(|at| (format!("/items{at}"), json!({ "get": {} })));
    document["paths"] = Value::Object(items.collect());
    let server = server(&document.to_string(), &[]);
    let log = server.log_until("the warnings", |log| log.contains("more warnings"));
    let logged = log.matches("has no `security` and is denied").count();
    assert!((1..=20).contains(&logged), "{logged}");
}

/// The document with an operation for tokens of the provider at `url`.
pub(crate) fn with_provider(url: &str) -> Value {
    let mut document = document();
    let discovery = format!("{url}/.well-known/openid-configuration");
    document["components"]["securitySchemes"]["corp"] =
        json!({ "type": "openIdConnect", "openIdConnectUrl": discovery });
    document["paths"]["/corp"] = json!({ "get": { "security": [{ "corp": [] }] } });
    document
}

const PROVIDER: &str = "\n[issuers.corp]\nurl = \"https://corp.example\"\naudience = \"shop\"\n";

#[test]
fn the_policy_follows_the_issuers_of_the_roster() {
    let server = server(&document().to_string(), &[]);
    let (file, roster) =
        (server.dir.path().join("shop.json"), server.dir.path().join("roster.toml"));
    let health = || server.anonymous().get("/health/ready").expect(200).json()["status"].clone();
    fs::write(&file, with_provider("https://corp.example").to_string()).unwrap();
    let unknown = "shop.json: scheme `corp`: the roster has no issuer with the discovery URL";
    server.log_until("the unknown issuer", |log| log.contains(unknown));
    assert_eq!((status(&server, "", "GET", "/api/corp"), health()), (403, json!("degraded")));
    let without = fs::read_to_string(&roster).unwrap();
    fs::write(&roster, format!("{without}{PROVIDER}")).unwrap();
    server.log_until("the known issuer", |log| log.contains("ADDED GET /api/corp"));
    assert_eq!((status(&server, "", "GET", "/api/corp"), health()), (401, json!("ok")));
    fs::write(&roster, without).unwrap();
    server.log_until("the removed issuer", |log| log.matches(unknown).count() == 2);
    assert_eq!((status(&server, "", "GET", "/api/corp"), health()), (401, json!("degraded")));
}

#[test]
fn check_asks_whether_the_roster_has_the_issuers_of_the_file() {
    let folder = Folder::new();
    folder.run("init").success();
    folder.write("shop.json", &with_provider("https://corp.example").to_string());
    let policy = [("HALLPASS_POLICY", "shop.json")];
    let unknown = "shop.json: scheme `corp`: the roster has no issuer with the discovery URL";
    for command in ["check", "serve --bind 127.0.0.1:0"] {
        let refused = folder.run_with(&policy, command).exit_code(1);
        let told = format!("{}{}", refused.out, refused.err);
        assert_eq!(told.matches(unknown).count(), 1, "{told}");
    }
    let roster = folder.read("roster.toml");
    folder.write("roster.toml", &format!("{roster}{PROVIDER}"));
    let good = folder.run_with(&policy, "check").success();
    let undeclared = "shop.json: GET /api/forgotten: has no `security` and is denied";
    good.stdout_contains(&[undeclared, "(a warning)"]);
    let own = with_provider("http://127.0.0.1:8080").to_string();
    folder.write("shop.json", &own);
    folder.run_with(&policy, "check").success();
    // This service under the name of another provider.
    let ourselves = PROVIDER.replace("https://corp.example", "http://127.0.0.1:8080");
    folder.write("roster.toml", &format!("{roster}{ourselves}"));
    let refused = folder.run_with(&policy, "check").exit_code(1);
    assert_eq!(refused.out.matches("this service's own issuer").count(), 1, "{refused:?}");
}

#[test]
fn a_file_that_everybody_may_write_is_warned_about() {
    let folder = Folder::new();
    folder.run("init").success();
    folder.write("shop.json", &document().to_string());
    let check = || folder.run_with(&[("HALLPASS_POLICY", "shop.json")], "check").success().out;
    folder.set_mode("shop.json", 0o664);
    assert!(!check().contains("may write it"));
    folder.set_mode("shop.json", 0o666);
    let told = check();
    assert!(told.contains("may write it (mode 0666): `chmod o-w shop.json` (a warning)"), "{told}");
}

#[test]
fn the_file_is_checked_beside_wrong_settings() {
    let folder = Folder::new();
    folder.run("init").success();
    folder.write("shop.json", "{");
    let settings = [("HALLPASS_POLICY", "shop.json"), ("HALLPASS_LEEWAY", "soon")];
    let refused = folder.run_with(&settings, "check").exit_code(1);
    refused.stdout_contains(&["HALLPASS_LEEWAY", "shop.json:1: cannot be read as JSON"]);
}

#[test]
fn paths_that_differ_only_in_parameter_names_are_one_path() {
    let of = |security: Value| json!({ "security": security, "responses": {} });
    let mut merged = document();
    merged["paths"]["/items/{name}"] = json!({
        "get": of(json!([{ "token": [] }])),
        "put": of(json!([{ "token": ["admin"] }])),
    });
    let server = server(&merged.to_string(), &[]);
    for (client, method, wanted) in [
        ("", "GET", 401),
        ("reader", "GET", 200),
        ("reader", "PUT", 403),
        ("admin", "PUT", 200),
        ("admin", "DELETE", 200),
        ("admin", "PATCH", 403),
    ] {
        assert_eq!(status(&server, client, method, "/api/items/7"), wanted, "{client} {method}");
    }
    merged["paths"]["/items/{name}"]["get"] = of(json!([{ "token": ["admin"] }]));
    let folder = Folder::new();
    folder.run("init").success();
    folder.write("shop.json", &merged.to_string());
    let refused = folder.run_with(&[("HALLPASS_POLICY", "shop.json")], "check").exit_code(1);
    let contradiction = "has another `security` than GET /api/items/{id}, and both are one path";
    refused.stdout_contains(&["GET /api/items/{name}", contradiction]);
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
fn check_counts_the_operations_of_the_file_and_warns_where_nobody_may_ask() {
    let folder = Folder::new();
    folder.run("init").success();
    folder.write("shop.json", &document().to_string());
    let policy = ("HALLPASS_POLICY", "shop.json");
    let warning = "HALLPASS_POLICY is set, but nobody may ask /verify";
    folder.run_with(&[policy], "check").success().stdout_contains(&[
        warning,
        "HALLPASS_TRUSTED_PROXIES",
        "shop.json holds 15 operations.",
    ]);
    let proxies = ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1");
    let good = folder.run_with(&[policy, proxies], "check").success();
    assert!(!good.out.contains(warning), "{good:?}");
    let url = [("HALLPASS_POLICY", "http://127.0.0.1:1/openapi.json")];
    folder.run_with(&url, "check").exit_code(1).stdout_contains(&["is a URL; save the document"]);
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
