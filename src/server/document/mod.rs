//! Completes a document that utoipa made: security schemes, and the refusals that follow from `security`.
//!
//! Must not know how requirements are enforced: it writes what `policy` reads.

mod headers;
pub(crate) mod issuer_schemes;
mod refusals;
pub(crate) mod schemas;
mod schemes;

use std::collections::BTreeSet;

use actix_web::App;
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{
    config::DocumentSettings,
    diagnostics::{Diagnostic, Diagnostics},
};

use crate::server::{
    document::schemes::schemes,
    http::refusal::Shape,
    routes::{self, Optional},
};

/// The document of hallpass' own operations alone: what `hallpass openapi` prints.
pub(crate) fn own_document(surface: &DocumentSettings) -> Value {
    let mut own = written(&own_operations(surface)).unwrap_or_default();
    if let (Some(own), Value::Object(head)) = (own.as_object_mut(), own_head()) {
        own.extend(head);
    }
    complete(own, surface)
}

/// hallpass' own operations as utoipa collects them.
pub(crate) fn own_operations(surface: &DocumentSettings) -> OpenApi {
    let all = Optional { docs: surface.docs, start: true };
    collect(OpenApi::default(), |config| routes::register(config, all))
}

/// `about` with the operations that `register` registers.
pub(crate) fn collect(about: OpenApi, register: impl FnOnce(&mut ServiceConfig<'_>)) -> OpenApi {
    App::new().into_utoipa_app().openapi(about).configure(register).split_for_parts().1
}

/// What utoipa collected, as JSON.
pub(crate) fn written(collected: &OpenApi) -> Result<Value, Diagnostics> {
    let mut document = serde_json::to_value(collected).map_err(unwritable)?;
    // utoipa can say "not required" only by a nullable body, which some generators cannot read.
    if let Some(required) = document.pointer_mut("/paths/~1login/post/requestBody/required") {
        *required = Value::Bool(false);
    }
    Ok(document)
}

/// Nothing that utoipa collects is known to fail here.
pub(crate) fn unwritable(error: impl std::fmt::Display) -> Diagnostics {
    Diagnostic::new("the OpenAPI document", format!("cannot be written: {error}")).into()
}

/// An application's document with what it leaves out at the top: the server, and what our tags mean.
pub(crate) fn introduced(mut document: Value) -> Value {
    let head = own_head();
    let ours = |name: &str| head.get(name).cloned().unwrap_or_default();
    if let Some(top) = document.as_object_mut() {
        top.entry("servers").or_insert_with(|| ours("servers"));
        let tags = top.entry("tags").or_insert_with(|| json!([])).as_array_mut();
        if let (Some(theirs), Value::Array(ours)) = (tags, ours("tags")) {
            let known: Vec<Value> =
                theirs.iter().filter_map(|tag| tag.get("name")).cloned().collect();
            let is_new = |tag: &Value| tag.get("name").is_none_or(|name| !known.contains(name));
            theirs.extend(ours.into_iter().filter(is_new));
        }
    }
    document
}

/// What stands at the top of hallpass' own document.
fn own_head() -> Value {
    json!({
        "info": {
            "title": "hallpass",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "API keys in, short-lived tokens out, no database. Present an API key at `/login`, \
                            send the token that you get as `Authorization: Bearer`, end it at `/logout`. \
                            This document is the policy that is enforced: what it says of `security` is what happens.",
            "contact": { "name": "The maintainers of hallpass" },
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        // Generators make nothing of `.`; Swagger UI's start-up file finds the path of a proxy by itself.
        "servers": [{
            "url": "/",
            "description": "The server that published this document, be it local, staging or production.",
            "x-internal": false,
        }],
        "tags": [
            { "name": "tokens", "description": "Log in, see who you are, log out." },
            { "name": "administration", "description": "For clients with the role `admin`." },
            { "name": "oauth2", "description": "The same for OAuth2 clients." },
            { "name": "discovery", "description": "For clients that configure themselves, and services that verify tokens by themselves." },
            { "name": "health", "description": "For whoever starts and stops processes." },
            { "name": "documents", "description": "This document and Swagger UI." },
        ],
    })
}

/// Adds what handlers do not write: schemes that operations can name, the answers that follow from `security`
/// and bodies, and the grammar of headers. What the document already says stays.
pub(crate) fn complete(mut document: Value, surface: &DocumentSettings) -> Value {
    let ours = document.pointer("/components/securitySchemes/oauth2").is_none();
    let known = schemes(surface);
    if let Some(theirs) = object_in(&mut document, &["components", "securitySchemes"]) {
        add_missing(theirs, known);
    }
    let (demanded, shapes) = complete_operations(&mut document, &surface.cookie_name);
    let (schemas, mut responses) = refusals::components(&shapes);
    headers::describe(&mut responses);
    // Answers that no operation can give are noise, and linters say so.
    let text = document.get("paths").map(ToString::to_string).unwrap_or_default();
    responses.retain(|name, _| text.contains(&format!("\"#/components/responses/{name}\"")));
    for (section, ours) in [("schemas", schemas), ("responses", responses)] {
        if let Some(theirs) = object_in(&mut document, &["components", section]) {
            add_missing(theirs, ours);
        }
    }
    if ours {
        declare_scopes(&mut document, demanded);
    }
    document
}

/// Completes every operation; returns all requirements, and the shapes of refusals that occur.
fn complete_operations(document: &mut Value, session_cookie: &str) -> (Vec<Value>, Vec<Shape>) {
    let root = document.get("security").cloned();
    let schemes = document.pointer("/components/securitySchemes").cloned().unwrap_or_default();
    let mut demanded = Vec::new();
    let mut shapes = BTreeSet::from([Shape::Problem]);
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        let shape = routes::refusal_shape(path);
        let operations = item.as_object_mut().into_iter().flat_map(Map::values_mut);
        for operation in operations.filter_map(Value::as_object_mut) {
            let security = operation.get("security").or(root.as_ref()).and_then(Value::as_array);
            let security = security.cloned().unwrap_or_default();
            refusals::add(operation, &security, &schemes, session_cookie, shape);
            if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
                headers::describe(responses);
            }
            shapes.insert(shape);
            demanded.extend(security);
        }
    }
    (demanded, shapes.into_iter().collect())
}

fn add_missing(theirs: &mut Map<String, Value>, ours: Map<String, Value>) {
    for (name, value) in ours {
        theirs.entry(name).or_insert(value);
    }
}

fn object_in<'d>(document: &'d mut Value, path: &[&str]) -> Option<&'d mut Map<String, Value>> {
    let mut at = document.as_object_mut()?;
    for name in path {
        at = at.entry(*name).or_insert_with(|| json!({})).as_object_mut()?;
    }
    Some(at)
}

/// Scopes that operations demand under our `oauth2` scheme are declared in its flows: nobody writes them twice.
fn declare_scopes(document: &mut Value, demanded: Vec<Value>) {
    let scopes =
        demanded.iter().filter_map(|requirement| requirement.get("oauth2")?.as_array()).flatten();
    let scopes: Vec<String> = scopes.filter_map(Value::as_str).map(str::to_owned).collect();
    for flow in ["clientCredentials", "password"] {
        let flow = ["components", "securitySchemes", "oauth2", "flows", flow, "scopes"];
        if let Some(declared) = object_in(document, &flow) {
            for scope in &scopes {
                declared.entry(scope).or_insert_with(|| json!(""));
            }
        }
    }
}
