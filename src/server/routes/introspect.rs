//! `POST /introspect`: what a token is worth (RFC 7662), for authenticated clients.
//!
//! Must not know how tokens are verified.

use actix_web::{HttpResponse, http::header, post, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    oauth::{Roles, Scopes, Subject},
    server::{
        Gate,
        admitted::Admitted,
        form::Form,
        refusal::{OAuthError, Refusal},
    },
};

/// A token, as a form.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "this is the document's picture of the form, which is read by hand")]
pub(super) struct TokenForm {
    /// The token in question.
    #[schema(example = "eyJhbGciOi...", max_length = 8192)]
    token: String,
    /// Not needed: there is one sort of token.
    #[schema(example = "access_token", max_length = 64, required = false)]
    token_type_hint: String,
}

/// What a token is worth: `active`, and nothing else where it is worth nothing (RFC 7662 §2.2).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Introspection {
    /// Whether it would be accepted now.
    #[schema(example = true)]
    active: bool,
    /// The scopes, separated by spaces.
    #[schema(example = "invoices:read", max_length = 4096, value_type = String, required = false)]
    scope: Scopes,
    /// The client that it was issued to.
    #[schema(example = "billing", max_length = 64, value_type = String, required = false)]
    client_id: Subject,
    /// Always `Bearer`.
    #[schema(example = "Bearer", max_length = 16, required = false)]
    token_type: String,
    /// When it ends, in seconds since 1970.
    #[schema(
        example = 1_800_001_800,
        minimum = 0,
        maximum = 253_402_207_200_i64,
        required = false
    )]
    exp: i64,
    /// When it was issued, in seconds since 1970.
    #[schema(
        example = 1_800_000_000,
        minimum = 0,
        maximum = 253_402_207_200_i64,
        required = false
    )]
    iat: i64,
    /// From when on it is good, in seconds since 1970.
    #[schema(
        example = 1_800_000_000,
        minimum = 0,
        maximum = 253_402_207_200_i64,
        required = false
    )]
    nbf: i64,
    /// Whom it speaks for.
    #[schema(example = "billing", max_length = 64, value_type = String, required = false)]
    sub: Subject,
    /// For whom it is meant.
    #[schema(example = "http://127.0.0.1:8080", max_length = 2048, required = false)]
    aud: String,
    /// Who issued it.
    #[schema(example = "http://127.0.0.1:8080", max_length = 2048, required = false)]
    iss: String,
    /// Its name.
    #[schema(example = "NGyD5fuyQyy5ekSwmiBl2x", max_length = 128, required = false)]
    jti: String,
    /// Its roles.
    #[schema(example = json!(["reader"]), max_items = 1000, value_type = Vec<String>, required = false)]
    roles: Roles,
}

/// Ask what a token is worth
///
/// For services that would rather ask than verify tokens themselves. Any client may ask about any token.
#[utoipa::path(
    tag = "oauth2",
    operation_id = "introspect",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded", description = "The token."),
    responses(
        (status = 200, description = "What it is worth.", body = Introspection),
        (status = 400, description = "The request is malformed.", body = OAuthError),
        (status = 401, description = "The client could not be authenticated.", body = OAuthError,
            headers(("WWW-Authenticate" = String, description = "A challenge for every scheme that would do."))),
        (status = 413, description = "The body is larger than this operation takes.", body = OAuthError),
        (status = 415, description = "The body is no form.", body = OAuthError),
    ),
    security(("basic" = []), ("apiKey" = [])),
)]
#[post("/introspect")]
pub(super) async fn introspect(
    gate: web::Data<Gate>,
    _: Admitted,
    form: Result<Form, Refusal>,
) -> Result<HttpResponse, Refusal> {
    let form = form?;
    let (authority, now) = (gate.authority(), Timestamp::now());
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    let Some(token) = authority.introspect(form.required("token")?, now) else {
        return Ok(answer.json(json!({ "active": false })));
    };
    Ok(answer.json(Introspection {
        active: true,
        scope: token.scopes().clone(),
        client_id: token.client_id().clone(),
        token_type: "Bearer".to_owned(),
        exp: token.expires_at().as_second(),
        iat: token.issued_at().as_second(),
        nbf: token.issued_at().as_second(),
        sub: token.subject().clone(),
        aud: authority.audience().to_owned(),
        iss: authority.issuer().to_owned(),
        jti: token.id().to_owned(),
        roles: token.roles().clone(),
    }))
}
