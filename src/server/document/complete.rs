//! From what handlers declare to the document that is published, and the policy that is enforced for it.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::{
    config::document_settings::DocumentSettings,
    diagnostics::{Diagnostic, Diagnostics},
    policy::{compile_options::CompileOptions, compiled::Policy, operation::Operation},
    roster::roster_entries::Issuer,
    server::{
        document::{
            draft::Draft,
            headers, issuer_schemes, refusals,
            schemes::{LEFT_OUT, schemes},
        },
        http::{
            endpoints::{TOKEN, VERIFY},
            refusal::Shape,
        },
    },
};

/// Adds what handlers do not declare: the schemes that operations can name, the refusals that follow from their
/// requirements, the grammar of headers. What the document declares itself stays as it is, unless it describes another
/// refusal than the one that is sent.
///
/// The pages among hallpass' own routes are served, public and no operations of the document, unless it declares them
/// itself: the policy has them too.
///
/// # Errors
/// Everything in the document that cannot be enforced.
pub(crate) fn complete(
    draft: &Draft,
    settings: &DocumentSettings,
    issuers: &[Issuer],
) -> Result<(Value, Policy), Diagnostics> {
    let (mut document, own) = (draft.document.clone(), &draft.own);
    let has_own_oauth2 =
        own.has(TOKEN) && document.pointer("/components/securitySchemes/oauth2").is_none();
    if let Some(theirs) = object_in(&mut document, &["components", "securitySchemes"]) {
        add_missing(theirs, schemes(settings, own));
    }
    if has_own_oauth2 {
        declare_scopes(&mut document);
    }
    issuer_schemes::add(&mut document, issuers)?;
    let left_out = settings.api_keys.query.is_none().then_some(LEFT_OUT);
    let options = CompileOptions {
        pages: own.pages().collect(),
        base: Some(own.base().to_owned()),
        written_in: draft.written_in,
        left_out,
        ..CompileOptions::own(&settings.cookie_name)
    };
    let policy = Policy::compile(&document, &options)?;
    add_refusals(&mut document, &policy, draft)?;
    Ok((document, policy))
}

/// Adds the refusals of every operation, and the components that they refer to.
///
/// # Errors
/// Another component with the name of one of these.
fn add_refusals(document: &mut Value, policy: &Policy, draft: &Draft) -> Result<(), Diagnostics> {
    let own = &draft.own;
    let mut shapes = BTreeSet::from([Shape::Problem]);
    let mut used = BTreeSet::new();
    for operation in policy.operations() {
        let shape = own.shape(&operation.path);
        let Some(declared) = declared(document, operation, own.base()) else { continue };
        shapes.insert(shape);
        let endpoint = own.endpoint(&operation.path);
        let (denies, is_for_proxies) =
            (draft.denies && endpoint.is_none(), endpoint == Some(VERIFY));
        used.extend(refusals::add(
            declared,
            is_for_proxies,
            &operation.requirement,
            shape,
            denies,
            draft.refusals,
        ));
        if let Some(responses) = declared.get_mut("responses").and_then(Value::as_object_mut) {
            headers::describe(responses);
        }
    }
    let (schemas, mut responses) = refusals::components(&shapes, draft.refusals);
    headers::describe(&mut responses);
    // Answers that no operation can give are noise, and linters say so.
    responses.retain(|name, _| used.contains(name));
    let mut diagnostics = Diagnostics::default();
    for (section, ours) in [("schemas", schemas), ("responses", responses)] {
        if let Some(theirs) = object_in(document, &["components", section]) {
            diagnostics.keep(refuse_others(section, theirs, &ours));
            add_missing(theirs, ours);
        }
    }
    diagnostics.or(())
}

/// Requires that no component has the name of one of ours and other contents: ours would be described by theirs.
///
/// # Errors
/// Each such component.
fn refuse_others(
    section: &str,
    theirs: &Map<String, Value>,
    ours: &Map<String, Value>,
) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    for (name, _) in
        theirs.iter().filter(|(name, value)| ours.get(*name).is_some_and(|ours| ours != *value))
    {
        let what = "has the name of a component that hallpass adds, and is another one; rename or remove it";
        diagnostics.push(Diagnostic::new(format!("#/components/{section}/{name}"), what));
    }
    diagnostics.or(())
}

/// The Operation Object; it may be in the target of the path item's `$ref`.
fn declared<'d>(
    document: &'d mut Value,
    operation: &Operation,
    base: &str,
) -> Option<&'d mut Map<String, Value>> {
    let path = operation.path.strip_prefix(base).unwrap_or(&operation.path);
    let mut item = format!("/paths/{}", path.replace('~', "~0").replace('/', "~1"));
    let method = operation.method.to_ascii_lowercase();
    while document.pointer(&item)?.get(&method).is_none() {
        let target = document.pointer(&item)?.get("$ref")?.as_str()?.strip_prefix('#')?;
        item = percent_decode_str(target).decode_utf8().ok()?.into_owned();
    }
    document.pointer_mut(&format!("{item}/{method}"))?.as_object_mut()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::raw_settings::RawSettings,
        policy::compile_options::WrittenIn,
        server::{http::own_routes::OwnPaths, own_document::own_document},
    };

    /// hallpass' own document with this `HALLPASS_API_KEY_QUERY`, and the settings.
    fn own(query: &str) -> (Value, DocumentSettings) {
        let mut raw = RawSettings::default();
        raw.set("HALLPASS_API_KEY_QUERY", query, "test");
        let settings = DocumentSettings::resolve(&raw).unwrap();
        (own_document(&settings, &[]).unwrap().0, settings)
    }

    fn draft(document: Value) -> Draft {
        let (own, written_in) = (OwnPaths::default(), WrittenIn::Rust);
        Draft { document, own, written_in, denies: false, refusals: None }
    }

    #[test]
    fn an_operation_that_names_a_scheme_that_is_switched_off_is_an_error() {
        let with_operation = |query: &str| {
            let (mut document, settings) = own(query);
            document["paths"]["/invoices"]["get"] = json!({
                "operationId": "invoices", "responses": {},
                "security": [{ "bearer": [] }, { "apiKeyQuery": [] }],
            });
            complete(&draft(document), &settings, &[])
        };
        assert!(with_operation("key").is_ok());
        let told = with_operation("off").unwrap_err().to_string();
        for part in ["GET /invoices", "`apiKeyQuery` is not declared", "HALLPASS_API_KEY_QUERY"] {
            assert!(told.contains(part), "{part} is missing in {told}");
        }
    }

    #[test]
    fn a_scheme_that_an_application_declares_itself_stays() {
        let (mut document, settings) = own("off");
        let theirs = json!({ "type": "apiKey", "in": "query", "name": "theirs" });
        document["components"]["securitySchemes"]["apiKeyQuery"] = theirs.clone();
        let (document, _) = complete(&draft(document), &settings, &[]).unwrap();
        assert_eq!(document["components"]["securitySchemes"]["apiKeyQuery"], theirs);
    }
}
