//! `hallpass openapi` and `hallpass explain`, which need no settings.

use serde_json::Value;

use crate::support::folder::Folder;

fn document(folder: &Folder) -> Value {
    let outcome = folder.run("openapi").success();
    assert!(outcome.err.is_empty());
    serde_json::from_str(&outcome.out).unwrap()
}

/// Method and path of every operation of the document.
fn operations(document: &Value) -> Vec<(String, String)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("operationId").is_some() {
                operations.push((method.to_ascii_uppercase(), path.clone()));
            }
        }
    }
    assert!(operations.len() > 5, "{operations:?}");
    operations
}

#[test]
fn the_table_lists_every_operation_and_page() {
    let folder = Folder::new();
    let table = folder.run("explain").success().out;
    let mut listed: Vec<_> = table
        .lines()
        .skip(1)
        .filter(|line| !line.starts_with(' '))
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            (words.next().unwrap(), words.next().unwrap())
        })
        .collect();
    let mut expected = operations(&document(&folder));
    let pages = ["/", "/docs", "/docs/", "/docs/{name}", "/openapi.json", "/openapi.yaml"];
    expected.extend(pages.map(|page| ("GET".to_owned(), page.to_owned())));
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected);
}

#[test]
fn every_operation_is_explained_with_a_curl_command() {
    let folder = Folder::new();
    for (method, path) in operations(&document(&folder)) {
        let out = folder.run(&format!("explain {method} {path}")).success().out;
        assert!(out.starts_with(&format!("{method} {path}")), "{out}");
        let curl = out.lines().find(|line| line.starts_with("curl ")).expect("a curl line");
        assert!(curl.contains(&format!("http://127.0.0.1:8080{path}")), "{curl}");
        assert!(["GET", "HEAD"].contains(&method.as_str()) || curl.contains(&method), "{curl}");
    }
}

#[test]
fn explain_names_the_credentials_and_roles_of_a_request() {
    let folder = Folder::new();
    for (line, parts) in [
        ("explain GET /clients", &["bearer", "session", "roles admin", "Bearer $TOKEN"][..]),
        ("explain get /clients", &["roles admin"]),
        ("explain HEAD /clients", &["roles admin"]),
        ("explain POST /login", &["X-API-Key", "api_key", "$API_KEY"]),
        ("explain GET /health/live", &["public"]),
        ("explain GET clients", &["GET /clients", "roles admin"]),
        ("explain GET http://127.0.0.1:8080/clients?limit=1", &["GET /clients", "roles admin"]),
    ] {
        folder.run(line).success().stdout_contains(parts);
    }
}

#[test]
fn explain_says_which_requests_are_refused() {
    let folder = Folder::new();
    for (line, parts) in [
        ("explain GET /nope", &["GET /nope", "404"][..]),
        ("explain GET /clients/", &["404"]),
        ("explain DELETE /clients", &["405", "GET"]),
        ("explain TRACE /clients", &["405"]),
    ] {
        folder.run(line).exit_code(1).stdout_contains(parts);
    }
    for line in ["explain GET", "explain GET /clients more", "explain --format json"] {
        folder.run(line).usage_error();
    }
}

#[test]
fn yaml_and_json_are_equal_to_each_other_and_to_the_committed_files() {
    let folder = Folder::new();
    let json = folder.run("openapi --format json").success().out;
    let yaml = folder.run("openapi --format yaml").success().out;
    let old = "is old: `hallpass openapi --format F > openapi/openapi.F` prints it";
    assert!(json == include_str!("../../../openapi/openapi.json"), "openapi/openapi.json {old}");
    assert!(yaml == include_str!("../../../openapi/openapi.yaml"), "openapi/openapi.yaml {old}");
    let from_yaml: Value = yaml_serde::from_str(&yaml).unwrap();
    let from_json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(from_yaml, from_json);
    assert_eq!(document(&folder), from_json, "json is the default of --format");
    folder.run("openapi --format xml").usage_error().stderr_contains(&["json", "yaml"]);
}

#[test]
fn openapi_and_explain_work_without_settings_and_follow_them() {
    let folder = Folder::new();
    let environment = [("HALLPASS_DOCS", "off"), ("HALLPASS_COOKIE_NAME", "sesame")];
    let has_docs = |out: String| out.contains("GET /docs/") || out.contains("GET     /docs/");
    assert!(has_docs(folder.run("explain").success().out));
    assert!(!has_docs(folder.run_with(&environment, "explain").success().out));
    folder.run_with(&environment, "openapi").success().stdout_contains(&["\"name\": \"sesame\""]);
    folder
        .run_with(&environment, "explain GET /clients")
        .success()
        .stdout_contains(&["cookie sesame"]);
    for line in ["openapi", "explain"] {
        let wrong = [("HALLPASS_DOCS", "perhaps")];
        folder.run_with(&wrong, line).failure().stderr_contains(&["environment: HALLPASS_DOCS"]);
    }
    assert!(folder.names().is_empty());
}
