//! The operations of a document.

use serde_json::{Value, json};

use crate::policy::{
    compile_options::CompileOptions,
    compiled::{Lookup, Policy},
    requirement::Requirement,
    tests::{assert_error, document, errors, operation, own},
};

fn methods(document: &Value) -> Vec<String> {
    own(document).operations().map(|one| format!("{} {}", one.method, one.path)).collect()
}

#[test]
fn operations_are_in_document_order() {
    let open = json!({ "security": [] });
    let document = document(
        "3.1.0",
        json!({
            "/z": { "summary": "s", "post": open, "get": { "security": [], "operationId": "getZ",
                "summary": "Get it" }, "parameters": [], "x-get": 1, "query": open, "GET": open },
            "x-more": 1,
            "/a": { "patch": open },
        }),
    );
    assert_eq!(methods(&document), ["POST /z", "GET /z", "PATCH /a"]);
    let policy = own(&document);
    let get = operation(&policy, "GET", "/z");
    assert_eq!(
        (get.operation_id.as_deref(), get.summary.as_deref()),
        (Some("getZ"), Some("Get it"))
    );
    assert_eq!(operation(&policy, "POST", "/z").operation_id, None);
}

#[test]
fn an_undocumented_method_of_a_known_path_is_not_allowed() {
    let open = json!({ "security": [] });
    let policy = own(&document(
        "3.1.0",
        json!({
            "/a": { "post": open, "get": open, "trace": open },
            "/b": { "delete": open },
            "/c": {},
            "/d": { "trace": open },
            "/e/{x}": { "head": open, "get": open, "options": open },
        }),
    ));
    for (method, path, allow) in [
        ("PUT", "/a", "GET, HEAD, POST"),
        ("get", "/a", "GET, HEAD, POST"),
        ("Get", "/a", "GET, HEAD, POST"),
        ("TRACE", "/a", "GET, HEAD, POST"),
        ("", "/a", "GET, HEAD, POST"),
        ("HEAD", "/b", "DELETE"),
        ("GET", "/c", ""),
        ("TRACE", "/d", ""),
        ("BREW", "/e/1", "GET, HEAD, OPTIONS"),
    ] {
        assert_eq!(
            policy.find(method, path),
            Lookup::MethodNotAllowed { allow },
            "{method} {path}"
        );
    }
    assert_eq!(policy.find("TRACE", "/nowhere"), Lookup::NotFound);
}

#[test]
fn undocumented_head_falls_back_to_get() {
    let open = json!({ "security": [] });
    let policy = own(&document(
        "3.1.0",
        json!({ "/a": { "get": open }, "/b": { "get": open, "head": open } }),
    ));
    assert_eq!(operation(&policy, "HEAD", "/a").method, "GET");
    assert_eq!(operation(&policy, "HEAD", "/b").method, "HEAD");
}

#[test]
fn openapi_3_2_has_query_and_additional_operations() {
    let open = json!({ "security": [] });
    let paths = |more: Value| json!({ "/a": { "query": open, "additionalOperations": more } });
    let found = methods(&document("3.2.0", paths(json!({ "PURGE": open, "copy": open }))));
    assert_eq!(found, ["QUERY /a", "PURGE /a", "copy /a"]);
    assert!(methods(&document("3.1.0", paths(json!({ "PURGE": open })))).is_empty());
    let at = |method: &str| format!("/a (#/paths/~1a/additionalOperations/{method})");
    for (method, what) in [
        ("POST", "has a field of its own"),
        ("trace", "has a field of its own"),
        ("A B", "not a method"),
    ] {
        assert_error(&document("3.2.0", paths(json!({ method: open }))), &at(method), what);
    }
}

#[test]
fn operations_beside_a_reference_and_in_its_target_are_merged() {
    let open = json!({ "security": [] });
    let mut document = document(
        "3.1.0",
        json!({
            "/a": { "$ref": "#/components/pathItems/shared", "get": open },
            "/b": { "$ref": "#/paths/~1a" },
        }),
    );
    document["components"]["pathItems"] = json!({ "shared": { "post": open } });
    assert_eq!(methods(&document), ["GET /a", "POST /a", "GET /b", "POST /b"]);
    document["components"]["pathItems"]["shared"]["post"]["security"] = json!([{ "no": [] }]);
    let text = errors(&document).to_string();
    let pointer = "(#/components/pathItems/shared/post/security/0/no)";
    assert!(text.contains(&format!("POST /a {pointer}")), "{text}");
    assert!(text.contains(&format!("POST /b {pointer}")), "{text}");
}

#[test]
fn contradictory_and_dangling_references_are_errors() {
    let open = json!({ "security": [] });
    let with = |reference: Value, shared: Value| {
        let item = json!({ "$ref": reference, "get": open });
        let mut document = document("3.1.0", json!({ "/a": item }));
        document["components"]["pathItems"] = json!({ "shared": shared });
        document
    };
    let shared = "#/components/pathItems/shared";
    let same = with(json!(shared), json!({ "get": open }));
    assert_error(
        &same,
        "GET /a (#/components/pathItems/shared/get)",
        "declared both beside a `$ref` and in its target",
    );
    let circle = with(json!(shared), json!({ "$ref": "#/paths/~1a" }));
    assert_error(&circle, "/a (#/paths/~1a)", "leads back to itself");
    let at = "/a (#/paths/~1a/$ref)";
    assert_error(&with(json!("a.yaml#/x"), json!({})), at, "leads to another file");
    assert_error(&with(json!("#/none"), json!({})), at, "leads to nothing");
    assert_error(&with(json!(null), json!({})), at, "make it a string");
    let item = json!({ "get": { "$ref": "#/components/operations/x" } });
    let document = document("3.1.0", json!({ "/a": item }));
    assert_error(&document, "GET /a (#/paths/~1a/get/$ref)", "cannot be a `$ref`");
}

#[test]
fn only_openapi_3_0_3_1_and_3_2_are_supported() {
    for version in ["3.0.0", "3.1.12", "3.2.0"] {
        own(&document(version, json!({})));
    }
    for version in ["2.0", "3.0", "3.1.", "3.3.0", "3.1.0-rc1", "31.0.0", "", "4.0.0"] {
        assert_error(&document(version, json!({})), "document (#/openapi)", "is not supported");
    }
    assert_error(&json!({ "swagger": "2.0" }), "document (#)", "is Swagger 2.0");
    assert_error(&json!({ "openapi": 3.1 }), "document (#/openapi)", "make it a string");
}

#[test]
fn wrong_types_are_errors() {
    for document in [json!(null), json!([]), json!("openapi"), json!(3)] {
        assert_error(&document, "document (#)", "make it an object");
    }
    assert_error(&json!({ "openapi": "3.1.0" }), "document (#)", "has no `paths`");
    for wrong in [json!(null), json!(true), json!(1), json!("x"), json!([])] {
        let with = |paths| document("3.1.0", paths);
        assert_error(&with(wrong.clone()), "document (#/paths)", "make it an object");
        assert_error(&with(json!({ "/a": wrong })), "/a (#/paths/~1a)", "make it an object");
        let get = with(json!({ "/a~b": { "get": wrong } }));
        assert_error(&get, "GET /a~b (#/paths/~1a~0b/get)", "make it an object");
        let mut broken = with(json!({}));
        broken["components"]["securitySchemes"] = wrong.clone();
        assert_error(&broken, "components (#/components/securitySchemes)", "make it an object");
        broken["components"] = wrong;
        assert_error(&broken, "components (#/components)", "make it an object");
    }
    for key in ["operationId", "summary"] {
        let get = json!({ "/a": { "get": { "security": [], key: [] } } });
        let location = format!("GET /a (#/paths/~1a/get/{key})");
        assert_error(&document("3.1.0", get), &location, "make it a string");
    }
}

#[test]
fn pages_are_public_unless_the_document_decides_about_them() {
    let admin = json!({ "security": [{ "bearer": ["admin"] }] });
    let mut document = document(
        "3.1.0",
        json!({
            "/referenced": { "$ref": "#/components/pathItems/shared" },
            "/head": { "head": admin },
            "/files/{file}": { "post": admin },
            "/last": { "get": admin },
        }),
    );
    document["components"]["pathItems"] = json!({ "shared": { "get": admin } });
    let pages = ["/referenced", "/head", "/files/{name}", "/new"].map(str::to_owned).to_vec();
    let options = CompileOptions { pages, ..CompileOptions::own("access_token") };
    let policy = Policy::compile(&document, &options).unwrap_or_else(|errors| panic!("{errors}"));
    for (position, operation) in policy.operations().enumerate() {
        assert_eq!(operation.position, position);
    }
    for (method, path, is_public) in [
        ("GET", "/referenced", false),
        ("HEAD", "/head", false),
        ("GET", "/files/x", true),
        ("POST", "/files/x", false),
        ("GET", "/new", true),
    ] {
        let requirement = &operation(&policy, method, path).requirement;
        assert_eq!(*requirement == Requirement::Public, is_public, "{method} {path}");
    }
    assert_eq!(policy.find("GET", "/head"), Lookup::MethodNotAllowed { allow: "HEAD" });
}
