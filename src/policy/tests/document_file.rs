//! Documents of other services as they are read.

use serde_json::{Value, json};

use crate::{
    diagnostics::Diagnostics,
    policy::{
        compile_options::Undeclared,
        compiled::Policy,
        document_file::compile,
        tests::{document, external, template},
    },
};

fn read(text: &str) -> Result<Policy, Diagnostics> {
    compile("a.yaml", text.as_bytes(), &external(Undeclared::Deny))
}

#[track_caller]
fn assert_refused(text: &str, line: &str) {
    match read(text) {
        Ok(_) => panic!("is read: {text}"),
        Err(errors) => assert!(errors.to_string().contains(line), "{errors}"),
    }
}

#[test]
fn json_and_yaml_give_the_same_policy() {
    let yaml = "openapi: 3.0.3\npaths:\n  /a:\n    get:\n      security: []\n      responses:\n        200: &r {}\n        404: *r\n";
    let json = r#"{"openapi": "3.0.3", "paths": {"/a": {"get": {"security": [], "responses": {"200": {}}}}}}"#;
    let byte_order_mark = format!("\u{feff}{json}");
    for text in [yaml, json, &byte_order_mark, &format!("--- # comment\n{yaml}")] {
        let policy = read(text).unwrap_or_else(|errors| panic!("{errors}"));
        let operations: Vec<_> = policy.operations().map(|one| &*one.path).collect();
        assert_eq!(operations, ["/a"], "{text}");
    }
}

#[test]
fn what_readers_understand_differently_is_refused_with_its_line() {
    assert_refused("openapi: 3.1.0\nopenapi: 3.0.0\n", "a.yaml:2: cannot be read as YAML");
    assert_refused(
        "{\n\"paths\": {},\n\"paths\": {}}",
        "a.yaml:3: cannot be read as JSON: `paths`",
    );
    assert_refused("a: &a {x: 1}\nb:\n  <<: *a\n", "merge key");
    assert_refused("openapi: !include b.yaml\n", "tag");
    assert_refused("{\"openapi\": \"3.1.0\",\n}", "a.yaml:2: cannot be read as JSON");
    assert_refused("{} {}", "a.yaml:1: cannot be read as JSON");
    assert_refused("a: 1\n---\nb: 2\n", "YAML");
    assert_refused("", "is empty");
    assert_refused(" \n", "is empty");
    assert_refused("hello", "document (#): is a string; make it an object");
    assert_refused("a: \"\\e[31m\"\nb: \"\\e\n", "cannot be read as YAML");
}

#[test]
fn swagger_2_is_refused_with_the_command_that_converts_it() {
    for text in ["swagger: '2.0'\npaths: {}\n", "{\"swagger\": \"2.0\"}", "swagger: 2.0"] {
        assert_refused(text, "a.yaml: is Swagger 2.0; convert it");
    }
}

#[test]
fn aliases_cannot_fill_the_memory() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert_refused(&bomb, "a.yaml");
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 300].join(", "));
    assert_refused(&long, "more than 256 MiB");
}

#[test]
fn collections_inside_each_other_are_limited_without_reading_them() {
    let limit = "has more than 1000 collections inside each other";
    for start in ["[", "a: [{", "- &a [&b [", "- !!seq\n  [a, ", r#"['it''s', "]\"]", "#] {
        assert_refused(&start.repeat(100_000), limit);
    }
    assert_refused(&format!("a: 1\nb:\n  {}", "[".repeat(2000)), &format!("a.yaml:3: {limit}"));
    assert_refused(&"[".repeat(999), "YAML");
    assert_refused(&format!("{}{}", "[".repeat(999), "]".repeat(999)), "recursion limit");
    assert_refused(&format!("{{\"a\": {}", "[".repeat(100_000)), "recursion limit");
    assert_refused(&"- ".repeat(10_000), "recursion limit");
    // What is inside scalars and comments begins none.
    let open = "[{".repeat(2000);
    let scalars = [
        format!("# {open}"),
        format!("a: see {open}"),
        format!("b: it's '{open}'"),
        format!("c: '''{open}'"),
        format!(r#"d: "\"{open}""#),
    ];
    let text = format!("openapi: 3.1.0\ninfo:\n  {}\npaths: {{}}\n", scalars.join("\n  "));
    read(&text).unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn what_decisions_do_not_depend_on_is_read_too() {
    let operation =
        |rest: &str| format!("openapi: 3.1.0\npaths: {{/a: {{get: {{security: [], {rest}}}}}}}\n");
    for part in [
        "responses: {x: 1, x: 2}",
        "callbacks: {a: [{x: 1, x: 2}]}",
        "parameters: [{schema: {x: 1, x: 2}}]",
        "responses: 1, responses: 2",
    ] {
        assert_refused(&operation(part), "is there twice");
    }
    assert_refused(&operation("responses: {a: &a {}, b: {<<: *a}}"), "merge key");
    assert_refused(&operation("responses: !a {}"), "tag");
}

#[test]
fn references_may_lead_to_what_decisions_do_not_depend_on() {
    let item = "{get: {security: [], parameters: [{$ref: '#/x-parameters/id'}]}}";
    let yaml = |style: &str| {
        format!(
            "openapi: 3.1.0\n\
             x-parameters: {{id: {{name: id, in: path, style: {style}}}}}\n\
             x-item: {item}\n\
             paths:\n  /a/{{id}}: {{$ref: '#/x-item'}}\n  /b: {{$ref: '#/paths/~1c/get/callbacks/c/d'}}\n  \
             /c: {{get: {{security: [], callbacks: {{c: {{d: {item}}}}}}}}}\n"
        )
    };
    let policy = read(&yaml("simple")).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(policy.operations().count(), 3);
    assert_refused(&yaml("matrix"), "has `style: matrix`");
}

#[test]
fn control_characters_of_a_document_are_escaped_in_diagnostics() {
    let text = r#"{"openapi": "3.1.0", "paths": {"/a\u001b[2J": {"get": {"security": [{"\u009b": []}]}}}}"#;
    let errors = read(text).expect_err("an undeclared scheme").to_string();
    assert!(errors.contains("GET /a\\u001b[2J") && errors.contains("\\u009b"), "{errors}");
    assert!(!errors.chars().any(char::is_control), "{errors:?}");
    let control_key = "{\"a\\u001b\": 1, \"a\\u001b\": 2}";
    assert_refused(control_key, "`a\\u001b` is there twice");
}

#[test]
fn diagnostics_have_the_line_of_what_is_wrong() {
    let yaml = "openapi: 3.1.0\npaths:\n  /a~/b:\n    get:\n      security:\n        - {}\n        - nope: []\n";
    assert_refused(yaml, "a.yaml:7: GET /a~/b (#/paths/~1a~0~1b/get/security/1/nope): the scheme");
    let json =
        "\u{feff}{\n\"openapi\": \"3.1.0\",\n\"paths\": {\"/a\": {\n\"get\": {\"security\":\n5}}}}";
    assert_refused(json, "a.yaml:5: GET /a (#/paths/~1a/get/security): is a number");
    assert_refused("openapi: 3.1.0\n", "a.yaml:1: document (#): has no `paths`");
}

/// A document of 10,000 operations and 11 MB, with what such documents have besides: descriptions, parameters, schemas.
fn large(security: &Value) -> Vec<u8> {
    let text =
        "Lists what the authenticated user may see, and more of it with more scopes. ".repeat(4);
    let operation = |method: &str, at: usize| {
        json!({
            "operationId": format!("{method}-{at}"),
            "summary": "Does what it says",
            "description": text,
            "parameters": [
                { "$ref": "#/components/parameters/owner" },
                { "name": "id", "in": "path", "required": true, "schema": { "type": "integer" } },
            ],
            "security": security,
            "responses": { "200": { "description": "OK", "content": { "application/json": {
                "schema": { "$ref": format!("#/components/schemas/s{at}") },
            } } } },
        })
    };
    let path = |at: usize| match at % 2 {
        0 => format!("/projects/{{owner}}/kind{at}/{{id}}"),
        _ => format!("/{{owner}}/kind{at}/all"),
    };
    let item = |at: usize| {
        let methods = ["get", "put", "post", "delete"];
        methods.map(|method| (method.to_owned(), operation(method, at))).into_iter().collect()
    };
    let paths = (0..2500).map(|at| (path(at), Value::Object(item(at))));
    let schema = |at: usize| {
        let property = json!({ "type": "string", "description": "What it is", "example": "text" });
        let properties = (0..20).map(|field| (format!("field_{field}"), property.clone()));
        let schema = json!({ "type": "object", "properties": Value::Object(properties.collect()) });
        (format!("s{at}"), schema)
    };
    let mut document = document("3.1.0", Value::Object(paths.collect()));
    document["components"]["parameters"] =
        json!({ "owner": { "name": "owner", "in": "path", "required": true } });
    document["components"]["schemas"] = Value::Object((0..2500).map(schema).collect());
    serde_json::to_vec(&document).unwrap()
}

#[test]
fn a_document_of_ten_thousand_operations_is_read_and_searched() {
    let bytes = large(&json!([{ "bearer": ["admin"] }, { "apiKey": [] }]));
    assert!((10_000_000..12_000_000).contains(&bytes.len()), "{}", bytes.len());
    let policy = compile("large.json", &bytes, &external(Undeclared::Deny))
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(policy.operations().count(), 10_000);
    for (path, wanted) in [
        ("/projects/a/kind2498/7", "/projects/{owner}/kind2498/{id}"),
        ("/projects/kind1/all", "/{owner}/kind1/all"),
        ("/a/kind2499/all", "/{owner}/kind2499/all"),
    ] {
        assert_eq!(template(&policy, path), Some(wanted), "{path}");
    }
    assert_eq!(template(&policy, "/a/kind2500/all"), None);
}
