//! Which operations a document has.
//!
//! Must not know what they demand.

use serde_json::{Value, json};

use crate::policy::compiled::Lookup;
use crate::policy::tests::assert_fault;
use crate::policy::tests::document;
use crate::policy::tests::faults;
use crate::policy::tests::operation;
use crate::policy::tests::own;

fn methods(document: &Value) -> Vec<String> {
    own(document).operations().map(|one| format!("{} {}", one.method, one.path)).collect()
}

#[test]
fn operations_come_in_document_order_with_what_the_document_says_of_them() {
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
fn a_method_that_is_not_documented_is_not_allowed_on_a_known_path() {
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
fn head_is_judged_as_get_where_it_is_not_documented() {
    let open = json!({ "security": [] });
    let policy = own(&document(
        "3.1.0",
        json!({ "/a": { "get": open }, "/b": { "get": open, "head": open } }),
    ));
    assert_eq!(operation(&policy, "HEAD", "/a").method, "GET");
    assert_eq!(operation(&policy, "HEAD", "/b").method, "HEAD");
}

#[test]
fn openapi_3_2_knows_query_and_methods_of_ones_own() {
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
        assert_fault(&document("3.2.0", paths(json!({ method: open }))), &at(method), what);
    }
}

#[test]
fn operations_beside_a_reference_and_behind_it_both_count() {
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
    let text = faults(&document).to_string();
    let pointer = "(#/components/pathItems/shared/post/security/0/no)";
    assert!(text.contains(&format!("POST /a {pointer}")), "{text}");
    assert!(text.contains(&format!("POST /b {pointer}")), "{text}");
}

#[test]
fn a_reference_that_contradicts_or_leads_astray_is_a_fault() {
    let open = json!({ "security": [] });
    let with = |reference: Value, shared: Value| {
        let item = json!({ "$ref": reference, "get": open });
        let mut document = document("3.1.0", json!({ "/a": item }));
        document["components"]["pathItems"] = json!({ "shared": shared });
        document
    };
    let shared = "#/components/pathItems/shared";
    let same = with(json!(shared), json!({ "get": open }));
    assert_fault(
        &same,
        "GET /a (#/components/pathItems/shared/get)",
        "declared both beside a `$ref` and in its target",
    );
    let circle = with(json!(shared), json!({ "$ref": "#/paths/~1a" }));
    assert_fault(&circle, "/a (#/paths/~1a)", "leads back to itself");
    let at = "/a (#/paths/~1a/$ref)";
    assert_fault(&with(json!("a.yaml#/x"), json!({})), at, "leads to another file");
    assert_fault(&with(json!("#/none"), json!({})), at, "leads to nothing");
    assert_fault(&with(json!(null), json!({})), at, "make it a string");
    let item = json!({ "get": { "$ref": "#/components/operations/x" } });
    let document = document("3.1.0", json!({ "/a": item }));
    assert_fault(&document, "GET /a (#/paths/~1a/get/$ref)", "cannot be a `$ref`");
}

#[test]
fn only_openapi_3_0_3_1_and_3_2_are_known() {
    for version in ["3.0.0", "3.1.12", "3.2.0"] {
        own(&document(version, json!({})));
    }
    for version in ["2.0", "3.0", "3.1.", "3.3.0", "3.1.0-rc1", "31.0.0", "", "4.0.0"] {
        assert_fault(&document(version, json!({})), "document (#/openapi)", "is not supported");
    }
    assert_fault(&json!({ "swagger": "2.0" }), "document (#)", "has no `openapi`");
    assert_fault(&json!({ "openapi": 3.1 }), "document (#/openapi)", "make it a string");
}

#[test]
fn wrong_types_anywhere_are_faults() {
    for document in [json!(null), json!([]), json!("openapi"), json!(3)] {
        assert_fault(&document, "document (#)", "make it an object");
    }
    assert_fault(&json!({ "openapi": "3.1.0" }), "document (#)", "has no `paths`");
    for wrong in [json!(null), json!(true), json!(1), json!("x"), json!([])] {
        let with = |paths| document("3.1.0", paths);
        assert_fault(&with(wrong.clone()), "document (#/paths)", "make it an object");
        assert_fault(&with(json!({ "/a": wrong })), "/a (#/paths/~1a)", "make it an object");
        let get = with(json!({ "/a~b": { "get": wrong } }));
        assert_fault(&get, "GET /a~b (#/paths/~1a~0b/get)", "make it an object");
        let mut broken = with(json!({}));
        broken["components"]["securitySchemes"] = wrong.clone();
        assert_fault(&broken, "components (#/components/securitySchemes)", "make it an object");
        broken["components"] = wrong;
        assert_fault(&broken, "components (#/components)", "make it an object");
    }
    for key in ["operationId", "summary"] {
        let get = json!({ "/a": { "get": { "security": [], key: [] } } });
        let place = format!("GET /a (#/paths/~1a/get/{key})");
        assert_fault(&document("3.1.0", get), &place, "make it a string");
    }
}
