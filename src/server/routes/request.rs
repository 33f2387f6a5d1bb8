//! `GET /request`: the principal that a request speaks for.

use actix_web::HttpResponse;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    oauth::{Roles, Scopes, Subject},
    principal::PrincipalKind,
    server::{
        document::schemas,
        enforce::authenticated::Authenticated,
        http::{body::json, endpoints},
    },
};

/// The principal that a request speaks for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhoAmI<'p> {
    /// The name of the client or user; of an account of an application, `account/` and its id.
    #[schema(example = "demo", pattern = "^[ -~]*$", max_length = 263)]
    sub: &'p str,
    /// The roster's name of the external issuer of the token; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "corp", pattern = "^[A-Za-z0-9._-]+$", max_length = 64, value_type = String, required = false)]
    issuer: Option<&'p Subject>,
    kind: PrincipalKind,
    #[schema(schema_with = schemas::roles)]
    roles: &'p Roles,
    #[schema(schema_with = schemas::scope)]
    scope: &'p Scopes,
    /// The security scheme of the document that carried the credential.
    #[schema(example = "bearer", pattern = "^[A-Za-z0-9._-]+$", max_length = 64)]
    scheme: &'p str,
    /// The client that the token was issued to, or the client itself; absent where an external issuer does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "demo", pattern = "^[ -~]*$", max_length = 255, value_type = String, required = false)]
    client_id: Option<&'p str>,
    /// When the token was issued; absent for API keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-23T10:00:00Z", max_length = 40, value_type = String, format = DateTime, required = false)]
    issued_at: Option<Timestamp>,
    /// When the credential expires; absent for API keys that never do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-23T10:30:00Z", max_length = 40, value_type = String, format = DateTime, required = false)]
    expires_at: Option<Timestamp>,
}

/// Show the principal of this request
///
/// The client or user behind the presented credential, with its roles and scopes and the scheme that carried it. Use it
/// to find out whether an API key or a token works, and what it allows.
#[utoipa::path(
    get,
    path = endpoints::REQUEST,
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
pub(crate) async fn show_principal(authenticated: Authenticated) -> HttpResponse {
    let principal = &authenticated.principal;
    json(&WhoAmI {
        sub: &principal.told_subject(),
        issuer: principal.issuer(),
        kind: principal.kind(),
        roles: principal.roles(),
        scope: principal.scopes(),
        scheme: &authenticated.scheme,
        client_id: principal.client_id(),
        issued_at: principal.issued_at(),
        expires_at: principal.expires_at(),
    })
}
