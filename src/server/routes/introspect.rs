//! `POST /introspect`: what a token is worth (RFC 7662), for authenticated clients.
//!
//! Must not know how tokens are verified.

use actix_web::{HttpResponse, http::header, post, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::oauth::{Role, Roles, Scopes, Subject};
use crate::server::{
    document::schemas::TokenType,
    enforce::authenticated::Authenticated,
    gate::Gate,
    http::{form::Form, refusal::Refusal},
};

/// A token, as a form.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "this is the document's picture of the form, which is read by hand")]
pub(crate) struct TokenForm {
    /// The token in question.
    #[schema(
        example = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl",
        format = Password,
        min_length = 1,
        max_length = 8192
    )]
    token: String,
    /// Not needed: there is one sort of token.
    #[schema(example = "access_token", pattern = r"^[^\x00-\x1f\x7f]*$", max_length = 64, value_type = String, required = false)]
    token_type_hint: Option<String>,
}

/// What a token is worth (RFC 7662 §2.2): `active`, and nothing else where it is worth nothing.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Introspection {
    /// Whether it would be accepted now.
    #[schema(example = true)]
    active: bool,
    /// The scopes, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invoices:read", pattern = r"^[ !#-\[\]-~]*$", max_length = 4096, value_type = String, required = false)]
    scope: Option<Scopes>,
    /// The client that it was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "billing", pattern = "^[A-Za-z0-9._-]+$", max_length = 64, value_type = String, required = false)]
    client_id: Option<Subject>,
    /// Always `Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TokenType, required = false)]
    token_type: Option<TokenType>,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_800_001_800, minimum = 0, maximum = 253_402_207_200_i64, value_type = i64, required = false)]
    exp: Option<i64>,
    /// When it was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_800_000_000, minimum = 0, maximum = 253_402_207_200_i64, value_type = i64, required = false)]
    iat: Option<i64>,
    /// From when on it is good, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_800_000_000, minimum = 0, maximum = 253_402_207_200_i64, value_type = i64, required = false)]
    nbf: Option<i64>,
    /// Whom it speaks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "billing", pattern = "^[A-Za-z0-9._-]+$", max_length = 64, value_type = String, required = false)]
    sub: Option<Subject>,
    /// For whom it is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "http://127.0.0.1:8080", pattern = r"^[^\x00-\x1f\x7f]*$", max_length = 2048, value_type = String, required = false)]
    aud: Option<String>,
    /// Who issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "http://127.0.0.1:8080", pattern = r"^[^\x00-\x1f\x7f]*$", max_length = 2048, value_type = String, required = false)]
    iss: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "NGyD5fuyQyy5ekSwmiBl2x", pattern = "^[A-Za-z0-9_-]+$", max_length = 128, value_type = String, required = false)]
    jti: Option<String>,
    /// Its roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["reader"]), max_items = 1000, value_type = Vec<Role>, required = false)]
    roles: Option<Roles>,
}

/// Ask what a token is worth
///
/// For services that would rather ask than verify tokens themselves (RFC 7662). Any client may ask about any
/// token; one that is unknown, expired or revoked is answered with `{"active": false}` and nothing else.
#[utoipa::path(
    tag = "oauth2",
    operation_id = "introspect",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded", description = "The token."),
    responses(
        (status = 200, description = "What it is worth.", body = Introspection,
            headers(("Cache-Control" = String, description = "`no-store`: a token can end at any moment.")),
            example = json!({
                "active": true, "scope": "invoices:read", "client_id": "billing", "token_type": "Bearer",
                "exp": 1_800_001_800, "iat": 1_800_000_000, "nbf": 1_800_000_000, "sub": "billing",
                "aud": "http://127.0.0.1:8080", "iss": "http://127.0.0.1:8080",
                "jti": "NGyD5fuyQyy5ekSwmiBl2x", "roles": ["reader"],
            })),
    ),
    security(("basic" = []), ("apiKey" = [])),
)]
#[post("/introspect")]
pub(crate) async fn introspect(
    gate: web::Data<Gate>,
    _: Authenticated,
    form: Result<Form, Refusal>,
) -> Result<HttpResponse, Refusal> {
    let form = form?;
    let authority = gate.authority();
    let answer = match authority.introspect(form.required("token")?, Timestamp::now()) {
        Some(token) => Introspection {
            active: true,
            scope: Some(token.scopes().clone()),
            client_id: Some(token.client_id().clone()),
            token_type: Some(TokenType::Bearer),
            exp: Some(token.expires_at().as_second()),
            iat: Some(token.issued_at().as_second()),
            nbf: Some(token.issued_at().as_second()),
            sub: Some(token.subject().clone()),
            aud: Some(authority.audience().to_owned()),
            iss: Some(authority.issuer().to_owned()),
            jti: Some(token.id().to_owned()),
            roles: Some(token.roles().clone()),
        },
        None => Introspection::default(),
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}
