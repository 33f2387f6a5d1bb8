//! `hallpass explain` on the OpenAPI files of other services, without settings or roster.

use std::{io::Write, process::Stdio};

use serde_json::{Value, json};

use crate::support::folder::{CommandOutput, Folder};

const ORDERS: &str = r#"
openapi: 3.1.0
info: {title: Orders, version: "1"}
servers: [{url: https://orders.example.com/v1}]
paths:
  /orders:
    get:
      security: [{bearer: [reader]}, {apiKey: []}]
      responses: {200: {description: The orders}}
    post:
      security: [{oauth2: [orders:write]}]
  /orders/{id}:
    delete:
      security: [{bearer: [admin, auditor], apiKey: []}]
  /menu|card:
    get: {security: [{}, {bearer: []}]}
  /health:
    get: {security: []}
  /internal:
    get: {}
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer}
    apiKey: {type: apiKey, in: header, name: X-API-Key}
    oauth2: {type: oauth2, flows: {clientCredentials: {tokenUrl: /token, scopes: {"orders:write": ""}}}}
"#;

fn orders() -> Folder {
    let folder = Folder::new();
    folder.write("orders.yaml", ORDERS);
    folder
}

fn run_with_stdin(folder: &Folder, line: &str, stdin: &str) -> CommandOutput {
    let mut child = folder.command(line).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    CommandOutput::new(line, child.wait_with_output().unwrap())
}

#[test]
fn another_services_file_is_explained_as_a_table_and_by_request() {
    let folder = orders();
    let table = folder.run("explain --openapi orders.yaml").success().out;
    let wanted = "\
OPERATION               CREDENTIALS          ROLES                   SCOPES
GET /v1/orders          bearer               reader
                        or apiKey
POST /v1/orders         oauth2                                       orders:write
DELETE /v1/orders/{id}  bearer + apiKey      bearer: admin, auditor
GET /v1/menu|card       anonymous or bearer
GET /v1/health          public
GET /v1/internal        denied
";
    assert_eq!(table, wanted);
    for (line, parts) in [
        ("explain GET /v1/orders --openapi orders.yaml", &["roles reader", "header X-API-Key"][..]),
        ("explain HEAD /v1/health --openapi orders.yaml", &["public"]),
        ("explain delete https://x.example.com/v1/orders/7 --openapi orders.yaml", &["admin"]),
    ] {
        folder.run(line).success().stdout_contains(parts);
    }
    let missing = folder.run("explain GET /orders --openapi orders.yaml").exit_code(1);
    missing.stdout_contains(&["404", "403", "no such path"]);
    for (line, difference) in [
        ("explain GET /v1/orders/ --openapi orders.yaml", "only without the slash at the end"),
        ("explain GET /v1/orders/7/ --openapi orders.yaml", "only without the slash at the end"),
    ] {
        folder.run(line).exit_code(1).stdout_contains(&[difference]);
    }
    let with_slashes = ORDERS.replace("/orders:", "/orders/:");
    let missing = run_with_stdin(&folder, "explain GET /v1/orders --openapi -", &with_slashes);
    missing.exit_code(1).stdout_contains(&["only with a slash at the end"]);
    let from_stdin = run_with_stdin(&folder, "explain --openapi -", ORDERS).success();
    assert_eq!(from_stdin.out, table);
}

#[test]
fn json_lists_access_and_alternatives() {
    let folder = orders();
    let out = folder.run("explain --json --openapi orders.yaml").success().out;
    let list: Value = serde_json::from_str(&out).unwrap();
    let demand = |scheme: &str, roles: &[&str], scopes: &[&str]| json!({ "scheme": scheme, "roles": roles, "scopes": scopes });
    let wanted = json!([
        { "method": "GET", "path": "/v1/orders", "access": "protected", "alternatives": [
            [demand("bearer", &["reader"], &[])], [demand("apiKey", &[], &[])],
        ] },
        { "method": "POST", "path": "/v1/orders", "access": "protected", "alternatives": [
            [demand("oauth2", &[], &["orders:write"])],
        ] },
        { "method": "DELETE", "path": "/v1/orders/{id}", "access": "protected", "alternatives": [
            [demand("bearer", &["admin", "auditor"], &[]), demand("apiKey", &[], &[])],
        ] },
        { "method": "GET", "path": "/v1/menu|card", "access": "optional", "alternatives": [
            [], [demand("bearer", &[], &[])],
        ] },
        { "method": "GET", "path": "/v1/health", "access": "public", "alternatives": [] },
        { "method": "GET", "path": "/v1/internal", "access": "denied", "alternatives": [] },
    ]);
    assert_eq!(list, wanted);
    let line = "explain GET /v1/health --json --openapi orders.yaml";
    let one: Value = serde_json::from_str(&folder.run(line).success().out).unwrap();
    assert_eq!(one, json!([wanted[4]]));
    let none = folder.run("explain GET /nope --json --openapi orders.yaml").exit_code(1);
    assert_eq!(none.out, "[]\n");
    none.stderr_contains(&["404"]);
    let own: Value = serde_json::from_str(&folder.run("explain --json").success().out).unwrap();
    let clients = own.as_array().unwrap().iter().find(|one| one["path"] == "/clients").unwrap();
    assert_eq!(clients["alternatives"][0], json!([demand("bearer", &["admin"], &[])]));
}

#[test]
fn the_matrix_shows_the_status_for_every_kind_of_caller() {
    let folder = orders();
    let wanted = r"| operation | nothing | bad | token | roles admin, auditor | roles reader | scopes orders:write | key | both |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| GET /v1/orders | 401 | 401 | 403 | 403 | 200 | 403 | 200 | 200 |
| POST /v1/orders | 401 | 401 | 403 | 403 | 403 | 200 | 401 | 200 |
| DELETE /v1/orders/{id} | 401 | 401 | 403 | 401 | 403 | 403 | 401 | 200 |
| GET /v1/menu\|card | 200 | 401 | 200 | 200 | 200 | 200 | 200 | 200 |
| GET /v1/health | 200 | 200 | 200 | 200 | 200 | 200 | 200 | 200 |
| GET /v1/internal | 403 | 403 | 403 | 403 | 403 | 403 | 403 | 403 |
";
    assert_eq!(folder.run("explain --matrix --openapi orders.yaml").success().out, wanted);
    let own = folder.run("explain --matrix").success();
    own.stdout_contains(&["| GET /clients | 401 | 401 | 403 | 200 |", "| POST /token | 200 |"]);
}

#[test]
fn base_path_and_undeclared_operations_are_as_configured() {
    let folder = orders();
    let run = |environment: &[(&str, &str)]| {
        folder.run_with(environment, "explain --openapi orders.yaml").success().out
    };
    assert!(run(&[("HALLPASS_POLICY_BASE", "/api/v2")]).contains("GET /api/v2/orders "));
    assert!(run(&[("HALLPASS_POLICY_BASE", "/")]).contains("\nGET /orders "));
    let public = run(&[("HALLPASS_POLICY_UNDECLARED", "public")]);
    assert!(
        public.lines().any(|line| line.starts_with("GET /v1/internal") && line.ends_with("public"))
    );
    folder.write(".env", "HALLPASS_POLICY_BASE=/from-env\nHALLPASS_BIND=nonsense\n");
    assert!(run(&[]).contains("GET /from-env/orders"));
    let wrong = [("HALLPASS_POLICY_UNDECLARED", "perhaps")];
    let wrong = folder.run_with(&wrong, "explain --openapi orders.yaml").failure();
    wrong.stderr_contains(&["environment: HALLPASS_POLICY_UNDECLARED", "deny or public"]);
}

#[test]
fn diff_shows_what_changed_and_fails_where_something_is_weaker() {
    let folder = orders();
    let changed = |name: &str, from: &str, to: &str| {
        let text = ORDERS.replacen(from, to, 1);
        assert_ne!(text, ORDERS);
        folder.write(name, &text);
    };
    changed("weaker.yaml", "[{bearer: [reader]}, {apiKey: []}]", "[{bearer: []}, {apiKey: []}]");
    changed(
        "different.yaml",
        "[{bearer: [reader]}, {apiKey: []}]",
        "[{bearer: [writer]}, {apiKey: []}]",
    );
    changed("public.yaml", "  /health:", "  /new: {get: {security: [{}]}}\n  /health:");
    changed("added.yaml", "  /health:", "  /new: {get: {security: [{apiKey: []}]}}\n  /health:");
    changed("removed.yaml", "  /health:\n    get: {security: []}\n", "");
    changed("renamed.yaml", "/orders/{id}", "/orders/{order_id}");
    for (old, new, code, out) in [
        ("orders", "orders", 0, ""),
        ("orders", "renamed", 0, ""),
        (
            "orders",
            "weaker",
            1,
            "WEAKER GET /v1/orders: {bearer: [reader]} or {apiKey: []} -> {bearer: []} or {apiKey: []}\n",
        ),
        (
            "weaker",
            "orders",
            0,
            "STRONGER GET /v1/orders: {bearer: []} or {apiKey: []} -> {bearer: [reader]} or {apiKey: []}\n",
        ),
        (
            "orders",
            "different",
            1,
            "DIFFERENT GET /v1/orders: {bearer: [reader]} or {apiKey: []} -> {bearer: [writer]} or {apiKey: []}\n",
        ),
        ("orders", "public", 1, "ADDED GET /v1/new: public, anonymous\n"),
        ("orders", "added", 0, "ADDED GET /v1/new: {apiKey: []}\n"),
        ("orders", "removed", 0, "REMOVED GET /v1/health: public\n"),
    ] {
        let found = folder.run(&format!("explain --diff {old}.yaml {new}.yaml")).exit_code(code);
        assert_eq!(found.out, out, "{old} {new}");
        let found = run_with_stdin(
            &folder,
            &format!("explain --diff - {new}.yaml"),
            &folder.read(&format!("{old}.yaml")),
        );
        assert_eq!(found.exit_code(code).out, out, "stdin {new}");
    }
    let undeclared = [("HALLPASS_POLICY_UNDECLARED", "public")];
    let line = "explain --diff orders.yaml orders.yaml";
    assert_eq!(folder.run_with(&undeclared, line).success().out, "");
}

#[test]
fn what_cannot_be_compared_exits_with_2_and_names_every_fault() {
    let folder = orders();
    folder.write("swagger.json", r#"{"swagger": "2.0", "paths": {}}"#);
    folder.write("broken.yaml", "openapi: 3.1.0\npaths: {/a: {get: {security: [{nope: []}]}}\n");
    folder
        .write("undeclared.yaml", "openapi: 3.1.0\npaths: {/a: {get: {security: [{nope: []}]}}}\n");
    for (line, parts) in [
        ("orders.yaml missing.yaml", &["missing.yaml: cannot be read: No such file"][..]),
        ("swagger.json orders.yaml", &["swagger.json: is Swagger 2.0", "convert"]),
        ("broken.yaml swagger.json", &["broken.yaml:", "swagger.json: is Swagger"]),
        (
            "undeclared.yaml orders.yaml",
            &["undeclared.yaml:2: GET /a (#/paths/", "`nope` is not declared"],
        ),
        ("- -", &["both OLD and NEW"]),
        (". orders.yaml", &[".: cannot be read"]),
    ] {
        folder.run(&format!("explain --diff {line}")).usage_error().stderr_contains(parts);
    }
    for line in [
        "--diff orders.yaml",
        "--diff orders.yaml orders.yaml --json",
        "--diff orders.yaml orders.yaml --openapi orders.yaml",
        "GET /a --matrix",
        "--matrix --json",
    ] {
        folder.run(&format!("explain {line}")).usage_error();
    }
    let url = "explain --openapi https://orders.example.com/openapi.json";
    folder.run(url).failure().stderr_contains(&["is a URL; save the document"]);
    for name in ["missing.yaml", "swagger.json", "undeclared.yaml"] {
        folder.run(&format!("explain --openapi {name}")).failure().stderr_contains(&[name]);
    }
}

#[test]
fn control_characters_of_a_document_never_reach_the_terminal() {
    let folder = Folder::new();
    let document = json!({
        "openapi": "3.1.0",
        "paths": { "/a\u{1b}[2J\u{9b}\u{202e}\n": { "get": {
            "summary": "s\u{1b}]0;x\u{7}\u{7f}",
            "security": [{ "k\u{1b}\u{9b}": ["r"] }],
        } } },
        "components": { "securitySchemes": { "k\u{1b}\u{9b}": {
            "type": "openIdConnect", "openIdConnectUrl": "https://x/\u{1b}[31m\u{85}",
        } } },
    });
    folder.write("a.json", &document.to_string());
    folder.write("empty.json", r#"{"openapi": "3.1.0", "paths": {}}"#);
    folder.write("bad.json", &document.to_string().replace("\"r\"", "\"r\\u001b\\u009b\""));
    for line in [
        "--openapi a.json",
        "--openapi a.json --json",
        "--openapi a.json --matrix",
        "--openapi bad.json",
        "--diff empty.json a.json",
        "--diff a.json empty.json",
    ] {
        let found = folder.run(&format!("explain {line}"));
        let text = found.out.clone() + &found.err;
        assert!(text.contains("\\u001b[2J") && text.contains("\\u009b"), "{line}: {text:?}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
    }
}
