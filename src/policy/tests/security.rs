//! How `security` of a document is read.

use serde_json::json;

use crate::policy::{
    compile_options::{CompileOptions, Undeclared},
    compiled::Policy,
    requirement::Requirement,
    scheme::{Location, SchemeKind},
    tests::{
        assert_error, assert_one, document, errors, external, operation, own, public, secured,
    },
};

fn requirement_of(document: &serde_json::Value) -> Requirement {
    operation(&own(document), "GET", "/a").requirement.clone()
}

#[test]
fn an_empty_array_on_the_operation_overrides_the_root() {
    let mut document = secured(json!([]));
    document["security"] = json!([{ "bearer": [] }]);
    assert_eq!(requirement_of(&document), Requirement::Public);
}

#[test]
fn security_of_the_operation_replaces_that_of_the_root() {
    let mut document = document(
        "3.1.0",
        json!({ "/a": { "get": {}, "post": { "security": [{ "apiKey": [] }] } } }),
    );
    document["security"] = json!([{ "bearer": ["admin"] }]);
    let policy = own(&document);
    let schemes = |method| {
        let requirement = &operation(&policy, method, "/a").requirement;
        requirement.schemes().map(|scheme| scheme.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(schemes("GET"), ["bearer"]);
    assert_eq!(schemes("POST"), ["apiKey"]);
}

#[test]
fn alternatives_and_demands_keep_the_order_of_the_document() {
    let requirement = requirement_of(&secured(
        json!([{ "session": [], "bearer": ["b", "a"] }, {}, { "basic": [] }]),
    ));
    let names: Vec<Vec<&str>> = requirement
        .alternatives()
        .iter()
        .map(|one| one.demands.iter().map(|demand| &*demand.scheme.name).collect())
        .collect();
    assert_eq!(names, [vec!["session", "bearer"], vec![], vec!["basic"]]);
    let roles = &requirement.alternatives()[0].demands[1].roles;
    assert_eq!(roles.iter().map(|role| role.as_str()).collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn a_scheme_in_two_alternatives_is_listed_once() {
    let requirement = requirement_of(&secured(
        json!([{ "bearer": ["a"] }, { "basic": [], "apiKey": [] }, { "session": [] }]),
    ));
    let names: Vec<_> = requirement.schemes().map(|scheme| &*scheme.name).collect();
    assert_eq!(names, ["bearer", "basic", "apiKey", "session"]);
}

#[test]
fn every_kind_of_scheme_is_read() {
    let names = ["apiKey", "apiKeyQuery", "session", "bearer", "basic", "oauth2", "openIdConnect"];
    let document = secured(names.iter().map(|name| json!({ *name: [] })).collect());
    let key = |location, name: &str| SchemeKind::ApiKey { location, name: name.to_owned() };
    let kinds = [
        key(Location::Header, "X-API-Key"),
        key(Location::Query, "api_key"),
        key(Location::Cookie, "access_token"),
        SchemeKind::Bearer,
        SchemeKind::Basic,
        SchemeKind::OAuth2,
        SchemeKind::OpenIdConnect { url: "/oidc".to_owned() },
    ];
    let policy = own(&document);
    for (index, (scheme, kind)) in policy.schemes().iter().zip(kinds).enumerate() {
        assert_eq!((&*scheme.name, &scheme.kind, scheme.index), (names[index], &kind, index));
    }
    assert_eq!(policy.schemes().len(), names.len());
}

#[test]
fn missing_security_is_refused_denied_or_public() {
    let document = document("3.1.0", json!({ "/a": { "get": {}, "post": { "security": [] } } }));
    assert_error(&document, "GET /a (#/paths/~1a/get)", "has no `security`");
    let read = |undeclared| Policy::compile(&document, &external(undeclared)).unwrap();
    let denied = read(Undeclared::Deny);
    assert_eq!(operation(&denied, "GET", "/a").requirement, Requirement::Denied);
    assert_eq!(denied.undeclared().map(|one| one.method.as_str()).collect::<Vec<_>>(), ["GET"]);
    let public = read(Undeclared::Public);
    assert_eq!(operation(&public, "GET", "/a").requirement, Requirement::Public);
    assert_eq!(public.undeclared().count(), 0);
}

#[test]
fn an_empty_array_at_the_root_makes_operations_public() {
    let mut document = document("3.1.0", json!({ "/a": { "get": {} } }));
    document["security"] = json!([]);
    assert_eq!(requirement_of(&document), Requirement::Public);
}

#[test]
fn roles_need_openapi_3_1_and_scopes_do_not() {
    let get = |security| json!({ "/a": { "get": { "security": security } } });
    let roles = get(json!([{ "bearer": ["admin"] }]));
    for version in ["3.1.0", "3.1.1", "3.2.0"] {
        own(&document(version, roles.clone()));
    }
    assert_error(
        &document("3.0.3", roles),
        "GET /a (#/paths/~1a/get/security/0/bearer)",
        "OpenAPI 3.0 has no roles",
    );
    own(&document("3.0.3", get(json!([{ "oauth2": ["read"], "bearer": [] }]))));
}

#[test]
fn what_cannot_be_enforced_is_an_error_with_operation_and_pointer() {
    let at = |rest: &str| format!("GET /a (#/paths/~1a/get/security{rest})");
    for (security, rest, what) in [
        (json!([{ "nobody": [] }]), "/0/nobody", "`nobody` is not declared"),
        (json!([{}, { "mtls": [] }]), "/1/mtls", "`mutualTLS` cannot be enforced"),
        (json!([{ "oauth2": ["read", "fly"] }]), "/0/oauth2/1", "declares the scope `fly`"),
        (json!([{ "oauth2": ["READ"] }]), "/0/oauth2/0", "declares the scope `READ`"),
        (json!([{ "bearer": ["a b"] }]), "/0/bearer/0", "is not a role"),
        (json!([{ "openIdConnect": [""] }]), "/0/openIdConnect/0", "is not a scope"),
        (json!([{ "bearer": [1] }]), "/0/bearer/0", "is a number; make it a string"),
        (json!([{ "bearer": "admin" }]), "/0/bearer", "make it an array"),
        (json!([{ "bearer": null }]), "/0/bearer", "make it an array"),
        (json!(["bearer"]), "/0", "make it an object"),
        (json!([[]]), "/0", "make it an object"),
        (json!({ "bearer": [] }), "", "make it an array"),
        (json!(null), "", "make it an array"),
        (json!("public"), "", "make it an array"),
    ] {
        assert_error(&secured(security), &at(rest), what);
    }
}

#[test]
fn malformed_security_at_the_root_is_reported_once() {
    for security in [json!([{ "nobody": [] }]), json!(null)] {
        let mut document =
            document("3.1.0", json!({ "/a": { "get": {}, "post": { "security": [] } } }));
        document["security"] = security;
        let diagnostics = errors(&document);
        assert_eq!(diagnostics.iter().count(), 1, "{diagnostics}");
        assert!(diagnostics.to_string().starts_with("document (#/security"), "{diagnostics}");
    }
}

#[test]
fn a_malformed_scheme_is_an_error_only_where_it_is_used() {
    for (scheme, what) in [
        (json!({}), "has no `type`"),
        (json!(7), "make it an object"),
        (json!({ "type": 7 }), "make it a string"),
        (json!({ "type": "magic" }), "`magic` cannot be enforced"),
        (json!({ "type": "http" }), "has no `scheme`"),
        (json!({ "type": "http", "scheme": "digest" }), "`digest` cannot be enforced"),
        (json!({ "type": "apiKey", "name": "k" }), "has no `in`"),
        (json!({ "type": "apiKey", "name": "k", "in": "body" }), "`in: body` is not a location"),
        (json!({ "type": "apiKey", "in": "query" }), "has no `name`"),
        (json!({ "type": "apiKey", "in": "query", "name": "" }), "has no `name`"),
        (json!({ "type": "apiKey", "in": "header", "name": "a b" }), "cannot name a header"),
        (json!({ "type": "openIdConnect" }), "has no `openIdConnectUrl`"),
        (json!({ "type": "oauth2", "flows": [] }), "make it an object"),
        (json!({ "type": "oauth2", "flows": { "password": { "scopes": [] } } }), "an object"),
    ] {
        let mut document = secured(json!([{ "bearer": [] }]));
        document["components"]["securitySchemes"]["broken"] = scheme;
        own(&document);
        document["paths"]["/a"]["get"]["security"] = json!([{ "broken": [] }]);
        assert_error(&document, "GET /a (#/paths/~1a/get/security/0/broken)", what);
    }
}

#[test]
fn a_scheme_may_be_a_reference_inside_the_document() {
    let with = |reference: &str| {
        let mut document = secured(json!([{ "alias": [] }]));
        let schemes = &mut document["components"]["securitySchemes"];
        schemes["a/b~c d"] = json!({ "$ref": "#/components/securitySchemes/basic" });
        schemes["loop"] = json!({ "$ref": "#/components/securitySchemes/alias" });
        schemes["alias"] = json!({ "$ref": reference });
        document
    };
    let policy = own(&with("#/components/securitySchemes/a~1b~0c%20d"));
    assert_eq!(policy.schemes()[0].kind, SchemeKind::Basic);
    assert_eq!(&*policy.schemes()[0].name, "alias");
    for (reference, what) in [
        ("#/components/securitySchemes/loop", "leads back to itself"),
        ("#/components/securitySchemes/none", "leads to nothing"),
        ("#bearer", "leads to nothing"),
        ("#/components/%FF", "leads to nothing"),
        ("other.yaml#/bearer", "leads to another file"),
        ("", "leads to another file"),
    ] {
        let location = "GET /a (#/paths/~1a/get/security/0/alias)";
        assert_error(&with(reference), location, what);
    }
}

#[test]
fn all_errors_are_reported_at_once() {
    let mut document = document(
        "3.1.0",
        json!({
            "a": { "get": { "security": [] } },
            "/b": { "get": {}, "post": { "security": [{ "x": [] }, { "mtls": ["ok"] }] } },
            "/c": { "get": { "security": [], "operationId": 1, "summary": {} } },
        }),
    );
    document["servers"] = json!("everywhere");
    assert_eq!(errors(&document).iter().count(), 6);
    let options = CompileOptions { base: None, ..CompileOptions::own("access_token") };
    assert_eq!(super::errors_with(&document, &options).iter().count(), 7);
}

#[test]
fn an_alternative_that_another_one_makes_superfluous_is_an_error_of_our_own_documents() {
    for (security, one, other) in [
        (json!([{ "bearer": [] }, { "bearer": ["admin"] }]), "`bearer: [admin]`", "`bearer: []`"),
        (
            json!([{ "bearer": ["a", "b"] }, { "apiKey": [] }, {}, { "bearer": ["b"] }]),
            "`bearer: [a, b]`",
            "`bearer: [b]`",
        ),
        (
            json!([{ "apiKey": [] }, { "apiKey": [], "bearer": [] }]),
            "`apiKey: [], bearer: []`",
            "`apiKey: []`",
        ),
        (json!([{ "basic": [] }, { "basic": [] }]), "`basic: []`", "`basic: []`"),
        (json!([{ "bearer": [] }, { "oauth2": ["read"] }]), "`oauth2: [read]`", "`bearer: []`"),
    ] {
        let document = secured(security.clone());
        let errors = errors(&document);
        assert_one(&errors, "GET /a (#/paths/~1a/get/security)", one);
        assert!(errors.to_string().contains(other), "{errors}");
        Policy::compile(&document, &external(Undeclared::Deny)).unwrap();
        let mut inherited = public(&["/a"]);
        inherited["security"] = security;
        assert_error(&inherited, "document (#/security)", one);
    }
    for meant in [
        json!([{ "bearer": ["a"] }, { "bearer": ["b"] }]),
        json!([{}, { "bearer": ["a"] }]),
        json!([{ "bearer": [] }, { "oauth2": [] }, { "openIdConnect": [] }]),
        json!([{ "bearer": ["a"] }, { "oauth2": ["read"] }, { "session": [] }]),
        json!([{ "bearer": ["a"], "apiKey": [] }, { "bearer": ["b"] }]),
    ] {
        own(&secured(meant));
    }
}

#[test]
fn an_operation_id_of_two_operations_is_an_error_of_our_own_documents() {
    let operation = json!({ "operationId": "list", "security": [] });
    let paths = json!({ "/a": { "get": operation }, "/b": { "post": operation } });
    let document = document("3.1.0", paths);
    assert_error(&document, "POST /b (#/paths/~1b/post)", "`list` of GET /a");
    Policy::compile(&document, &external(Undeclared::Deny)).unwrap();
}
