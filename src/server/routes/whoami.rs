//! `GET /request`: whom this request speaks for.
//!
//! Must not know how the principal was proven.

use actix_web::{HttpResponse, get};
use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use serde::{Serialize, Serializer, ser::Error};
use utoipa::ToSchema;

use crate::server::{enforce::authenticated::Authenticated, http::body::json};
use crate::{
    oauth::{Role, Roles, Scopes, Subject},
    principal::PrincipalKind as Kind,
};

/// What sort of principal it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PrincipalKind {
    /// A machine that holds API keys.
    Client,
    /// A person with a password.
    User,
}

/// Whom a request speaks for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhoAmI<'p> {
    /// The name of the client or user.
    #[schema(example = "demo", pattern = "^[ -~]*$", max_length = 255)]
    sub: &'p str,
    /// The roster's name of the other issuer that gave the name; absent where the roster itself did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "corp", pattern = "^[A-Za-z0-9._-]+$", max_length = 64, value_type = String, required = false)]
    issuer: Option<&'p Subject>,
    /// Whether that is a client or a user.
    kind: PrincipalKind,
    /// Its roles.
    #[schema(example = json!(["reader"]), max_items = 1000, value_type = Vec<Role>)]
    roles: &'p Roles,
    /// Its scopes, separated by spaces.
    #[schema(example = "", pattern = r"^[ !#-\[\]-~]*$", max_length = 4096, value_type = String)]
    scope: &'p Scopes,
    /// The security scheme of the document that carried the credential.
    #[schema(example = "bearer", pattern = "^[A-Za-z0-9._-]+$", max_length = 64)]
    scheme: &'p str,
    /// The client through which it speaks: itself, where it is a client. Absent where another issuer says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "demo", pattern = "^[ -~]*$", max_length = 255, value_type = String, required = false)]
    client_id: Option<&'p str>,
    /// When the token was issued; absent for API keys.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "moment")]
    #[schema(example = "2026-11-23T10:00:00Z", max_length = 40, value_type = String, format = DateTime, required = false)]
    issued_at: Option<Timestamp>,
    /// When the credential ends; absent for API keys that never do.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "moment")]
    #[schema(example = "2026-11-23T10:30:00Z", max_length = 40, value_type = String, format = DateTime, required = false)]
    expires_at: Option<Timestamp>,
}

/// As the type itself would be written, at once instead of piece by piece.
fn moment<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(at) = at else { return serializer.serialize_none() };
    let mut text = String::with_capacity("2026-11-23T10:00:00Z".len());
    DateTimePrinter::new().print_timestamp(at, &mut text).map_err(S::Error::custom)?;
    serializer.serialize_str(&text)
}

/// Show whom this request speaks for
///
/// Answers with the client or user behind the presented credential, with its roles and scopes and the scheme
/// that carried it. Use it to find out whether a key or a token works, and what it may do.
#[utoipa::path(
    tag = "tokens",
    operation_id = "whoami",
    responses((status = 200, description = "The principal.", body = WhoAmI, example = json!({
        "sub": "demo", "kind": "client", "roles": ["reader"], "scope": "invoices:read", "scheme": "bearer",
        "client_id": "demo", "issued_at": "2026-11-23T10:00:00Z", "expires_at": "2026-11-23T10:30:00Z",
    }))),
    security(
        ("bearer" = []),
        ("session" = []),
        ("oauth2" = []),
        ("openIdConnect" = []),
        ("apiKey" = []),
    ),
)]
#[get("/request")]
pub(crate) async fn whoami(authenticated: Authenticated) -> HttpResponse {
    let principal = &authenticated.principal;
    json(&WhoAmI {
        sub: principal.subject(),
        issuer: principal.issuer(),
        kind: match principal.kind() {
            Kind::Client => PrincipalKind::Client,
            Kind::User => PrincipalKind::User,
        },
        roles: principal.roles(),
        scope: principal.scopes(),
        scheme: &authenticated.scheme,
        client_id: principal.client_id(),
        issued_at: principal.issued_at(),
        expires_at: principal.expires_at(),
    })
}
