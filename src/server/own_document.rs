//! The document of hallpass' own operations, and documents as JSON.

use std::fmt;

use actix_web::App;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{OpenApi as _, openapi::OpenApi};
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{
    config::document_settings::DocumentSettings,
    diagnostics::{Diagnostic, Diagnostics},
    policy::{compile_options::WrittenIn, compiled::Policy},
    roster::roster_entries::Issuer,
    server::{
        document::{
            complete::complete, draft::Draft, introduction, merge::retain_used_schemas,
            schemes::leave_out,
        },
        forward::verify_operations,
        http::{
            endpoints::{LOGIN, OPERATIONS},
            own_routes::OwnPaths,
        },
        routes::{OwnOperations, discovery::MEMBERS},
    },
};

/// The schemas of hallpass' own operations with a token's lifetime in seconds.
const WITH_LIFETIME: [&str; 3] = ["LoginRequest", "LoginResponse", "TokenResponse"];

/// The document of hallpass' own operations, as `hallpass openapi` prints it, and its policy.
///
/// # Errors
/// An issuer whose name is that of another scheme.
pub(crate) fn own_document(
    settings: &DocumentSettings,
    issuers: &[Issuer],
) -> Result<(Value, Policy), Diagnostics> {
    complete(&own_draft(settings)?, settings, issuers)
}

pub(crate) fn own_draft(settings: &DocumentSettings) -> Result<Draft, Diagnostics> {
    let own = OwnPaths::at_root(settings.docs);
    let mut document = own_operations(settings, &own)?;
    introduction::introduce_own(&mut document, &settings.base_path);
    let document = document.into();
    Ok(Draft { document, own, written_in: WrittenIn::Rust, denies: false, refusals: None })
}

/// The document of those of hallpass' own operations that a site has, without what is completed.
pub(crate) fn own_operations(
    settings: &DocumentSettings,
    own: &OwnPaths,
) -> Result<Map<String, Value>, Diagnostics> {
    let mut document = to_json(&OwnOperations::openapi())?;
    document
        .retain(|member, _| ["openapi", "info", "paths", "components"].contains(&member.as_str()));
    // utoipa can say "not required" only by a nullable body, which some generators cannot read.
    let mut body = document.get_mut("paths");
    for name in [LOGIN, "post", "requestBody"] {
        body = body.and_then(|value| value.get_mut(name));
    }
    if let Some(required) = body.and_then(|body| body.get_mut("required")) {
        *required = Value::Bool(false);
    }
    let Some(Value::Object(mut paths)) = document.remove("paths") else {
        return Err(unserializable("it has no paths").into());
    };
    let (verify, item) = verify_operations::path_item();
    paths.insert(verify.to_owned(), item);
    let served = OPERATIONS
        .iter()
        .filter_map(|endpoint| Some((own.documented(endpoint)?, paths.remove(*endpoint)?)));
    document.insert("paths".to_owned(), Value::Object(served.collect()));
    document_lifetime(&mut document, settings);
    forget_endpoints(&mut document, own);
    leave_out(&mut document, settings, own);
    retain_used_schemas(&mut document);
    Ok(document)
}

/// Tells the longest lifetime of tokens where it can be asked for or is answered.
fn document_lifetime(document: &mut Map<String, Value>, settings: &DocumentSettings) {
    let schemas =
        document.get_mut("components").and_then(|components| components.get_mut("schemas"));
    let Some(Value::Object(schemas)) = schemas else { return };
    for schema in WITH_LIFETIME {
        let field = schemas.get_mut(schema).and_then(|it| it.pointer_mut("/properties/expires_in"));
        if let Some(field) = field.and_then(Value::as_object_mut) {
            field.insert("maximum".to_owned(), settings.token_lifetime.as_secs().into());
        }
    }
}

/// Takes what a site does not have out of the description of the metadata.
fn forget_endpoints(document: &mut Map<String, Value>, own: &OwnPaths) {
    let mut metadata = document.get_mut("components");
    for name in ["schemas", "ServerMetadata"] {
        metadata = metadata.and_then(|value| value.get_mut(name));
    }
    let Some(Value::Object(metadata)) = metadata else { return };
    let left_out: Vec<_> = MEMBERS.iter().filter(|(_, endpoint)| !own.has(endpoint)).collect();
    for (member, _) in left_out {
        if let Some(properties) = metadata.get_mut("properties").and_then(Value::as_object_mut) {
            properties.shift_remove(*member);
        }
        if let Some(required) = metadata.get_mut("required").and_then(Value::as_array_mut) {
            required.retain(|name| name != member);
        }
    }
}

/// The document of the operations that `register` registers.
pub(crate) fn collect(
    register: impl FnOnce(&mut ServiceConfig<'_>),
) -> Result<Map<String, Value>, Diagnostics> {
    let app = App::new().into_utoipa_app().openapi(OpenApi::default());
    let document = app.configure(register).split_for_parts().1;
    to_json(&document)
}

/// # Errors
/// It does not serialise as an object.
pub(crate) fn to_json(document: &impl Serialize) -> Result<Map<String, Value>, Diagnostics> {
    match serde_json::to_value(document).map_err(unserializable)? {
        Value::Object(document) => Ok(document),
        _ => Err(unserializable("it is not an object").into()),
    }
}

pub(crate) fn unserializable(error: impl fmt::Display) -> Diagnostic {
    Diagnostic::new("the OpenAPI document", format!("cannot be serialised: {error}"))
}
