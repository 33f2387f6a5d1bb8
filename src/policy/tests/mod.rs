//! Tests of the compiled policy as a whole.

mod base_path;
mod contract;
mod decision;
mod diff;
mod differential;
mod differential_diff;
mod document_file;
mod explanation;
mod mutations;
mod outcome;
mod path_items;
mod paths;
mod random_documents;
mod requirement;
mod security;

use serde_json::{Value, json};

use crate::{
    diagnostics::Diagnostics,
    policy::{
        compile_options::{CompileOptions, Undeclared, WrittenIn},
        compiled::{Lookup, Policy},
        operation::Operation,
    },
};

/// A document with one scheme of each kind.
fn document(version: &str, paths: Value) -> Value {
    json!({
        "openapi": version,
        "paths": paths,
        "components": { "securitySchemes": {
            "apiKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
            "apiKeyQuery": { "type": "apiKey", "in": "query", "name": "api_key" },
            "session": { "type": "apiKey", "in": "cookie", "name": "access_token" },
            "bearer": { "type": "http", "scheme": "BEARER" },
            "basic": { "type": "http", "scheme": "Basic" },
            "oauth2": { "type": "oauth2", "flows": {
                "password": { "tokenUrl": "/token", "scopes": { "read": "", "write": "" } },
                "clientCredentials": { "tokenUrl": "/token", "scopes": { "pay": "" } },
            } },
            "openIdConnect": { "type": "openIdConnect", "openIdConnectUrl": "/oidc" },
            "mtls": { "type": "mutualTLS" },
        } },
    })
}

/// A 3.1 document whose only operation is `GET /a` with this `security`.
fn secured(security: Value) -> Value {
    document("3.1.0", json!({ "/a": { "get": { "security": security } } }))
}

/// A 3.1 document with public GETs on these paths.
fn public(paths: &[&str]) -> Value {
    let item = json!({ "get": { "security": [] } });
    document("3.1.0", paths.iter().map(|path| ((*path).to_owned(), item.clone())).collect())
}

fn external(undeclared: Undeclared) -> CompileOptions {
    CompileOptions {
        written_in: WrittenIn::Json,
        undeclared,
        base: None,
        session_cookie: None,
        pages: Vec::new(),
        left_out: None,
        refuses_oversights: false,
    }
}

fn own(document: &Value) -> Policy {
    Policy::compile(document, &CompileOptions::own("access_token"))
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn errors(document: &Value) -> Diagnostics {
    errors_with(document, &CompileOptions::own("access_token"))
}

fn errors_with(document: &Value, options: &CompileOptions) -> Diagnostics {
    Policy::compile(document, options).map(drop).expect_err("the document must be refused")
}

/// Exactly one error, at `location`, whose message contains `what`.
#[track_caller]
fn assert_error(document: &Value, location: &str, what: &str) {
    assert_one(&errors(document), location, what);
}

#[track_caller]
fn assert_one(diagnostics: &Diagnostics, location: &str, what: &str) {
    assert_eq!(diagnostics.iter().count(), 1, "{diagnostics}");
    for diagnostic in diagnostics.iter() {
        assert_eq!(diagnostic.location, location, "{diagnostic}");
        assert!(diagnostic.message.contains(what), "{diagnostic}");
    }
}

fn operation<'p>(policy: &'p Policy, method: &str, path: &str) -> &'p Operation {
    match policy.find(method, path) {
        Lookup::Operation(operation) => operation,
        other => panic!("{method} {path}: {other:?}"),
    }
}

/// The template that a GET of `path` belongs to.
fn template<'p>(policy: &'p Policy, path: &str) -> Option<&'p str> {
    match policy.find("GET", path) {
        Lookup::Operation(operation) => Some(&operation.path),
        _ => None,
    }
}
