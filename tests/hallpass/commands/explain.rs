//! `hallpass openapi` and `hallpass explain`: the document, and what it demands, without any settings.

use serde_json::Value;

use super::Folder;

fn document(folder: &Folder) -> Value {
    let outcome = folder.run("openapi").done();
    assert!(outcome.err.is_empty());
    serde_json::from_str(&outcome.out).unwrap()
}

/// Method and path of everything in the document.
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
fn the_table_has_every_operation_of_the_document_and_every_page() {
    let folder = Folder::new();
    let table = folder.run("explain").done().out;
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
fn every_operation_is_explained_with_a_curl_line_of_its_method_and_path() {
    let folder = Folder::new();
    for (method, path) in operations(&document(&folder)) {
        let out = folder.run(&format!("explain {method} {path}")).done().out;
        assert!(out.starts_with(&format!("{method} {path}")), "{out}");
        let curl = out.lines().find(|line| line.starts_with("curl ")).expect("a curl line");
        assert!(curl.contains(&format!("http://127.0.0.1:8080{path}")), "{curl}");
        assert!(method == "GET" || curl.contains(&method), "{curl}");
    }
}

#[test]
fn a_request_is_explained_with_its_credentials_and_roles() {
    let folder = Folder::new();
    for (line, parts) in [
        ("explain GET /clients", &["bearer", "session", "roles admin", "Bearer $TOKEN"][..]),
        ("explain get /clients", &["roles admin"]),
        ("explain HEAD /clients", &["roles admin"]),
        ("explain POST /login", &["X-API-Key", "api_key", "$API_KEY"]),
        ("explain GET /health/live", &["public"]),
    ] {
        folder.run(line).done().shows(parts);
    }
}

#[test]
fn what_the_document_does_not_have_is_said_to_be_refused() {
    let folder = Folder::new();
    for (line, parts) in [
        ("explain GET /nope", &["GET /nope", "404"][..]),
        ("explain GET /clients/", &["404"]),
        ("explain GET clients", &["404"]),
        ("explain DELETE /clients", &["405", "GET"]),
        ("explain TRACE /clients", &["405"]),
    ] {
        folder.run(line).ended_with(1).shows(parts);
    }
    for line in ["explain GET", "explain GET /clients more", "explain --format json"] {
        folder.run(line).misused();
    }
}

#[test]
fn yaml_and_json_say_the_same_and_are_the_committed_files() {
    let folder = Folder::new();
    let json = folder.run("openapi --format json").done().out;
    let yaml = folder.run("openapi --format yaml").done().out;
    let old = "is old: `hallpass openapi --format F > openapi/openapi.F` prints it anew";
    assert!(json == include_str!("../../../openapi/openapi.json"), "openapi/openapi.json {old}");
    assert!(yaml == include_str!("../../../openapi/openapi.yaml"), "openapi/openapi.yaml {old}");
    let from_yaml: Value = yaml_serde::from_str(&yaml).unwrap();
    let from_json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(from_yaml, from_json);
    assert_eq!(document(&folder), from_json, "json is what comes without --format");
    folder.run("openapi --format xml").misused().complains(&["json", "yaml"]);
}

#[test]
fn neither_needs_settings_and_both_show_those_that_matter() {
    let folder = Folder::new();
    let environment = [("HALLPASS_DOCS", "off"), ("HALLPASS_COOKIE_NAME", "sesame")];
    let has_docs = |out: String| out.contains("GET /docs/") || out.contains("GET     /docs/");
    assert!(has_docs(folder.run("explain").done().out));
    assert!(!has_docs(folder.run_with(&environment, "explain").done().out));
    folder.run_with(&environment, "openapi").done().shows(&["\"name\": \"sesame\""]);
    folder.run_with(&environment, "explain GET /clients").done().shows(&["cookie sesame"]);
    for line in ["openapi", "explain"] {
        let wrong = [("HALLPASS_DOCS", "perhaps")];
        folder.run_with(&wrong, line).refused().complains(&["environment: HALLPASS_DOCS"]);
    }
    assert!(folder.names().is_empty());
}
