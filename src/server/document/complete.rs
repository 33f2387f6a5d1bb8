//! From what handlers declare to the document that is published, and the policy that is enforced for it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    config::document_settings::DocumentSettings,
    diagnostics::Diagnostics,
    policy::{compile_options::CompileOptions, compiled::Policy},
    roster::roster_entries::Issuer,
    server::{
        document::{headers, issuer_schemes, refusals, schemes::schemes},
        http::refusal::Shape,
    },
};

/// The schemas of hallpass' own operations with a token's lifetime in seconds.
const WITH_LIFETIME: [&str; 3] = ["LoginRequest", "LoginResponse", "TokenResponse"];

/// Adds what handlers do not declare: the schemes that operations can name, the refusals that follow from their
/// requirements, the grammar of headers. What the document declares itself stays as it is.
///
/// `pages` are paths that are served, public and no operations of the document, unless it declares them itself: the
/// policy has them too.
///
/// # Errors
/// Everything in the document that cannot be enforced.
pub(crate) fn complete(
    mut document: Value,
    settings: &DocumentSettings,
    issuers: &[Issuer],
    pages: &[&str],
) -> Result<(Value, Policy), Diagnostics> {
    let has_own_oauth2 = document.pointer("/components/securitySchemes/oauth2").is_none();
    if let Some(theirs) = object_in(&mut document, &["components", "securitySchemes"]) {
        add_missing(theirs, schemes(settings));
    }
    if has_own_oauth2 {
        declare_scopes(&mut document);
    }
    issuer_schemes::add(&mut document, issuers)?;
    let options = CompileOptions::own(&settings.cookie_name);
    let policy = Policy::compile(&with_pages(document.clone(), pages), &options)?;
    document_lifetime(&mut document, settings);
    add_refusals(&mut document, &policy);
    Ok((document, policy))
}

fn with_pages(mut document: Value, pages: &[&str]) -> Value {
    for page in pages {
        if let Some(operations) = object_in(&mut document, &["paths", page]) {
            operations.entry("get").or_insert_with(|| json!({ "security": [] }));
        }
    }
    document
}

fn document_lifetime(document: &mut Value, settings: &DocumentSettings) {
    for schema in WITH_LIFETIME {
        let field = format!("/components/schemas/{schema}/properties/expires_in");
        if let Some(field) = document.pointer_mut(&field).and_then(Value::as_object_mut) {
            field.insert("maximum".to_owned(), settings.token_lifetime.as_secs().into());
        }
    }
}

/// Adds the refusals of every operation, and the components that they refer to.
fn add_refusals(document: &mut Value, policy: &Policy) {
    let mut shapes = BTreeSet::from([Shape::Problem]);
    let mut used = BTreeSet::new();
    for operation in policy.operations() {
        let shape = Shape::for_path(&operation.path);
        let path = operation.path.replace('~', "~0").replace('/', "~1");
        let pointer = format!("/paths/{path}/{}", operation.method.to_ascii_lowercase());
        let Some(declared) = document.pointer_mut(&pointer).and_then(Value::as_object_mut) else {
            continue;
        };
        shapes.insert(shape);
        used.extend(refusals::add(declared, &operation.requirement, shape));
        if let Some(responses) = declared.get_mut("responses").and_then(Value::as_object_mut) {
            headers::describe(responses);
        }
    }
    let (schemas, mut responses) = refusals::components(&shapes);
    headers::describe(&mut responses);
    // Answers that no operation can give are noise, and linters say so.
    responses.retain(|name, _| used.contains(name));
    for (section, ours) in [("schemas", schemas), ("responses", responses)] {
        if let Some(theirs) = object_in(document, &["components", section]) {
            add_missing(theirs, ours);
        }
    }
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

/// Declares the scopes that operations demand under `oauth2` in its flows, so that an application does not have to.
fn declare_scopes(document: &mut Value) {
    let alternatives =
        issuer_schemes::securities(document).into_iter().flat_map(|list| list.iter());
    let scopes = alternatives.filter_map(|one| one.get("oauth2")?.as_array()).flatten();
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
