//! Completes a document that utoipa made: security schemes, and the refusals that follow from `security`.
//!
//! Must not know how requirements are enforced: it writes what `policy` reads.

use actix_web::App;
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema, openapi::OpenApi};
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{
    config::Surface,
    problem::{self, Problems},
};

use super::{
    refusal::{Code, Problem, Refusal},
    routes::{self, Optional},
    schemes::schemes,
};

/// The document of hallpass' own operations alone: what `hallpass openapi` prints.
pub fn own_document(surface: &Surface) -> Value {
    let mut own = written(&own_operations(surface)).unwrap_or_default();
    if let (Some(own), Value::Object(head)) = (own.as_object_mut(), own_head()) {
        own.extend(head);
    }
    complete(own, surface)
}

/// hallpass' own operations as utoipa collects them.
pub(super) fn own_operations(surface: &Surface) -> OpenApi {
    let all = Optional { docs: surface.docs, start: true };
    collect(OpenApi::default(), |config| routes::register(config, all))
}

/// `about` with the operations that `register` registers.
pub(super) fn collect(about: OpenApi, register: impl FnOnce(&mut ServiceConfig<'_>)) -> OpenApi {
    App::new().into_utoipa_app().openapi(about).configure(register).split_for_parts().1
}

/// What utoipa collected, as JSON.
pub(super) fn written(collected: &OpenApi) -> Result<Value, Problems> {
    let mut document = serde_json::to_value(collected).map_err(unwritable)?;
    // utoipa can say "not required" only by a nullable body, which some generators cannot read.
    if let Some(required) = document.pointer_mut("/paths/~1login/post/requestBody/required") {
        *required = Value::Bool(false);
    }
    Ok(document)
}

/// Nothing that utoipa collects is known to fail here.
pub(super) fn unwritable(error: impl std::fmt::Display) -> Problems {
    problem::Problem::new("the OpenAPI document", format!("cannot be written: {error}")).into()
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
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/", "description": "This server." }],
        "tags": [
            { "name": "tokens", "description": "Log in, see who you are, log out." },
            { "name": "oauth2", "description": "The same for OAuth2 clients." },
            { "name": "discovery", "description": "For clients that configure themselves." },
            { "name": "administration", "description": "For clients with the role `admin`." },
            { "name": "discovery", "description": "For services that verify tokens by themselves." },
            { "name": "health", "description": "For whoever starts and stops processes." },
            { "name": "documents", "description": "This document and Swagger UI." },
        ],
    })
}

/// Adds what handlers do not write: schemes that operations can name, and the answers that follow from
/// `security` and bodies. What the document already says stays.
pub(super) fn complete(mut document: Value, surface: &Surface) -> Value {
    let ours = document.pointer("/components/securitySchemes/oauth2").is_none();
    for section in ["schemas", "responses", "securitySchemes"] {
        let ours = match section {
            "schemas" => schemas(),
            "responses" => responses(),
            _ => schemes(surface),
        };
        let Some(theirs) = object_in(&mut document, &["components", section]) else { continue };
        for (name, value) in ours {
            theirs.entry(name).or_insert(value);
        }
    }
    let root = document.get("security").cloned();
    let schemes = document.pointer("/components/securitySchemes").cloned().unwrap_or_default();
    let mut demanded = Vec::new();
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else {
        return document;
    };
    let items = paths.values_mut().filter_map(Value::as_object_mut);
    for operation in items.flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
        let security = operation.get("security").or(root.as_ref()).and_then(Value::as_array);
        let security = security.cloned().unwrap_or_default();
        add_refusals(operation, &security, &schemes);
        demanded.extend(security);
    }
    if ours {
        declare_scopes(&mut document, demanded);
    }
    document
}

fn object_in<'d>(document: &'d mut Value, path: &[&str]) -> Option<&'d mut Map<String, Value>> {
    let mut at = document.as_object_mut()?;
    for name in path {
        at = at.entry(*name).or_insert_with(|| json!({})).as_object_mut()?;
    }
    Some(at)
}

fn schemas() -> Map<String, Value> {
    let schemas = [(Problem::name(), Problem::schema()), (Code::name(), Code::schema())];
    let as_json = |schema| serde_json::to_value(schema).unwrap_or_default();
    schemas.into_iter().map(|(name, schema)| (name.into_owned(), as_json(schema))).collect()
}

/// Status, name in `components`, description, and an example: its code and detail.
const REFUSALS: &[(u16, &str, &str, Code, &str)] = &[
    (
        400,
        "BadRequest",
        "The request cannot be understood, or a credential is there twice.",
        Code::AmbiguousCredentials,
        "The header X-API-Key is there 2 times: send it once.",
    ),
    (
        401,
        "Unauthorized",
        "No credential, or a bad one.",
        Code::MissingCredentials,
        "No credential was presented. Send Authorization: Bearer.",
    ),
    (
        403,
        "Forbidden",
        "Proven, but a role or scope is missing, or the cookie came with another site's request.",
        Code::InsufficientScope,
        "This operation wants the roles: admin.",
    ),
    (
        413,
        "PayloadTooLarge",
        "The body is larger than this operation takes.",
        Code::PayloadTooLarge,
        "The body is larger than this operation takes.",
    ),
    (
        415,
        "UnsupportedMediaType",
        "The body is not JSON.",
        Code::UnsupportedMediaType,
        "Send the body as application/json.",
    ),
];

fn responses() -> Map<String, Value> {
    let one =
        |(status, name, description, code, detail): &(u16, &str, &str, Code, &'static str)| {
            let mut response = json!({
                "description": description,
                "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" },
                    "example": Refusal::new(*code, *detail).problem("f3Qk81LmXc0a"),
                } },
            });
            if let (401, Some(response)) = (status, response.as_object_mut()) {
                let challenge = json!({
                    "description": "A challenge for every scheme that would do (RFC 9110 §11.6.1).",
                    "schema": { "type": "string", "maxLength": 1024 },
                });
                response.insert("headers".to_owned(), json!({ "WWW-Authenticate": challenge }));
            }
            ((*name).to_owned(), response)
        };
    REFUSALS.iter().map(one).collect()
}

/// What an operation can answer besides what its handler says follows from its `security` and its body.
fn add_refusals(operation: &mut Map<String, Value>, security: &[Value], schemes: &Value) {
    let protected = !security.is_empty();
    let forbids = security.iter().filter_map(Value::as_object).any(|alternative| {
        alternative.len() > 1
            || alternative.iter().any(|(name, list)| {
                let in_cookie =
                    schemes.pointer(&format!("/{name}/in")).is_some_and(|place| place == "cookie");
                in_cookie || list.as_array().is_some_and(|list| !list.is_empty())
            })
    });
    let has_body = operation.contains_key("requestBody");
    let Some(answers) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for (status, name, ..) in REFUSALS {
        let possible = match status {
            400 => protected || has_body,
            401 => protected,
            403 => forbids,
            _ => has_body,
        };
        if possible && !answers.contains_key(&status.to_string()) {
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            answers.insert(status.to_string(), reference);
        }
    }
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
