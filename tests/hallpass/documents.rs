//! The document, the example settings and Swagger UI, as served, printed and committed.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;

use crate::support::server::{Server, program};

/// What the program prints on stdout.
fn printed(arguments: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let output = program(dir.path(), arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn committed(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn the_served_document_equals_the_printed_one() {
    let server = Server::start();
    let served = server.anonymous().get("/openapi.json").expect(200);
    assert_eq!(served.header("content-type"), Some("application/json"));
    let json: Value = serde_json::from_str(&printed(&["openapi"])).unwrap();
    assert_eq!(served.json(), json);
    let served = server.anonymous().get("/openapi.yaml").expect(200);
    assert_eq!(served.header("content-type"), Some("application/yaml"));
    let yaml = printed(&["openapi", "--format", "yaml"]);
    assert_eq!(served.text(), yaml);
    assert_eq!(yaml_serde::from_str::<Value>(&yaml).unwrap(), json);
}

#[test]
fn committed_files_are_what_the_program_prints() {
    let table: &[(&str, &[&str])] = &[
        ("openapi/openapi.json", &["openapi"]),
        ("openapi/openapi.yaml", &["openapi", "--format", "yaml"]),
        (".env.example", &["init", "--example"]),
        ("docs/reference.md", &["reference"]),
    ];
    for (file, arguments) in table {
        let same = committed(file) == printed(arguments);
        assert!(same, "{file} is old: run `hallpass {}` into it", arguments.join(" "));
    }
}

#[test]
fn the_example_settings_are_valid() {
    let dir = tempfile::tempdir().unwrap();
    let example = printed(&["init", "--example"]);
    let secret = "HALLPASS_SECRET_KEY=0123456789abcdef0123456789abcdef";
    let filled: String = example
        .lines()
        .map(|line| match line.strip_prefix("#HALLPASS_SECRET_KEY=") {
            Some(_) => format!("{secret}\n"),
            None => format!(
                "{}\n",
                line.strip_prefix("#HALLPASS_")
                    .map_or(line.to_owned(), |rest| format!("HALLPASS_{rest}"))
            ),
        })
        .collect();
    for (name, text) in [(".env", &*filled), ("roster.toml", "")] {
        fs::write(dir.path().join(name), text).unwrap();
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let output = program(dir.path(), &["check"]).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!stdout.contains("warning"), "{stdout}");
}

#[test]
fn all_refusals_of_an_operation_have_one_schema() {
    let document: Value = serde_json::from_str(&printed(&["openapi"])).unwrap();
    let mut checked = 0;
    for operation in document["paths"].as_object().unwrap().values() {
        for operation in operation.as_object().unwrap().values() {
            let answers = operation["responses"].as_object().unwrap().iter();
            let refusals =
                answers.filter(|(status, _)| status.as_str() >= "400").map(|(_, answer)| {
                    let reference = answer["$ref"].as_str().map(|reference| &reference[1..]);
                    let answer =
                        reference.map_or(Some(answer), |pointer| document.pointer(pointer));
                    answer.unwrap()["content"].clone()
                });
            let schema = |content: Value| {
                let (kind, body) = content.as_object().unwrap().iter().next().unwrap();
                (kind.clone(), body["schema"].to_string())
            };
            let schemas: BTreeSet<_> = refusals.map(schema).collect();
            assert!(schemas.len() < 2, "{}: {schemas:?}", operation["operationId"]);
            checked += schemas.len();
        }
    }
    assert!(checked > 7, "{checked} operations were looked at");
}

#[test]
fn operations_that_hash_or_read_tokens_document_retry_after() {
    let document: Value = serde_json::from_str(&printed(&["openapi"])).unwrap();
    let hashed = ["apiKey", "apiKeyQuery", "apiKeyCookie", "basic"];
    let mut counted = (0, 0);
    for operation in document["paths"].as_object().unwrap().values() {
        for operation in operation.as_object().unwrap().values() {
            let alternatives = operation["security"].as_array().unwrap().iter();
            let mut schemes = alternatives.flat_map(|one| one.as_object().unwrap().keys());
            let hashes = schemes.any(|scheme| hashed.contains(&scheme.as_str()));
            let is_protected = operation["security"] != serde_json::json!([]);
            for (status, is_possible) in [("429", hashes), ("503", is_protected)] {
                let (answer, id) =
                    (&operation["responses"][status]["$ref"], &operation["operationId"]);
                assert_eq!(answer.is_string(), is_possible, "{status} of {id}");
                if let Some(reference) = answer.as_str() {
                    let answer = document.pointer(&reference[1..]).unwrap();
                    assert_eq!(answer["headers"]["Retry-After"]["schema"]["type"], "integer");
                }
            }
            counted = (counted.0 + usize::from(hashes), counted.1 + usize::from(!hashes));
        }
    }
    assert!(counted.0 > 4 && counted.1 > 4, "{counted:?}");
}

#[test]
fn the_document_follows_the_name_of_the_session_cookie() {
    let server = Server::start_with(&[("HALLPASS_COOKIE_NAME", "my_session")]);
    let document = server.document();
    assert_eq!(document["components"]["securitySchemes"]["session"]["name"], "my_session");
    assert_eq!(document["openapi"], "3.1.0");
}

#[test]
fn swagger_ui_is_served_with_all_its_files_and_uses_no_other_host() {
    let server = Server::start();
    let anonymous = server.anonymous();
    assert_eq!(anonymous.get("/").expect(303).header("location"), Some("docs/"));
    assert_eq!(anonymous.get("/docs").expect(303).header("location"), Some("docs/"));
    let page = anonymous.get("/docs/").expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'self';") && policy.contains("frame-ancestors 'none'"));
    let text = page.text();
    let files = text.split(['"', '\'']).filter_map(|part| part.strip_prefix("./"));
    let mut served = 0;
    for file in files.filter(|file| !file.is_empty()) {
        let answer = anonymous.get(&format!("/docs/{file}")).expect(200);
        assert!(!answer.body.is_empty(), "{file}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{file}");
        served += 1;
    }
    assert!(served >= 4, "files of the page: {served}\n{text}");
    let script = anonymous.get("/docs/swagger-initializer.js").expect(200);
    assert!(script.header("content-type").unwrap().contains("javascript"));
    assert!(script.text().contains("../openapi.json"), "{}", script.text());
    assert!(script.text().contains("validatorUrl: \"none\""), "{}", script.text());
    anonymous.get("/docs/nothing.js").refused(404, "not_found");
}

#[test]
fn the_document_is_served_without_swagger_ui() {
    let server = Server::start_with(&[("HALLPASS_DOCS", "off")]);
    let anonymous = server.anonymous();
    assert_eq!(anonymous.get("/").expect(303).header("location"), Some("openapi.json"));
    for path in ["/docs", "/docs/", "/docs/index.html", "/docs/swagger-ui.css"] {
        anonymous.get(path).refused(404, "not_found");
    }
    let document = server.document();
    assert!(document["paths"].as_object().unwrap().keys().all(|path| !path.contains("docs")));
    anonymous.get("/openapi.yaml").expect(200);
}
