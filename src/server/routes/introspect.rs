//! `POST /introspect`: the claims of an active token (RFC 7662), for authenticated clients.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header, post, web::Data};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    oauth::{Roles, Scopes, Subject},
    server::{
        context::Context,
        credentials::authenticator::demand_revocations,
        document::schemas::{self, TokenType},
        enforce::authenticated::Authenticated,
        http::{
            form::{FieldLimits, Form, FormFields},
            refusal::Refusal,
        },
    },
};

/// A token, as a form.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct TokenForm {
    /// The token in question.
    #[schema(
        example = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl",
        format = Password,
        min_length = 1,
        max_length = 8192,
        value_type = String
    )]
    pub(crate) token: SecretString,
    /// Not needed: there is one type of token.
    #[serde(rename = "token_type_hint", default)]
    #[schema(
        example = "access_token",
        pattern = r"^[^\x00-\x1f\x7f]*$",
        max_length = 64,
        required = false
    )]
    _token_type_hint: String,
}

impl FormFields for TokenForm {
    fn limits() -> &'static FieldLimits {
        static LIMITS: LazyLock<FieldLimits> = LazyLock::new(FieldLimits::new::<TokenForm>);
        &LIMITS
    }
}

/// The claims of an active token (RFC 7662 §2.2); of an inactive one only that it is.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Introspection {
    /// Whether the token would be accepted now.
    #[schema(example = true)]
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::scope)]
    scope: Option<Scopes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::subject)]
    client_id: Option<Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = TokenType, required = false)]
    token_type: Option<TokenType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::exp)]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::iat)]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::nbf)]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::subject)]
    sub: Option<Subject>,
    /// The audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "http://127.0.0.1:8080", pattern = r"^[^\x00-\x1f\x7f]*$", max_length = 2048, value_type = String, required = false)]
    aud: Option<String>,
    /// The issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "http://127.0.0.1:8080", pattern = r"^[^\x00-\x1f\x7f]*$", max_length = 2048, value_type = String, required = false)]
    iss: Option<String>,
    /// The id of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "NGyD5fuyQyy5ekSwmiBl2x", pattern = "^[A-Za-z0-9_-]+$", max_length = 8192, value_type = String, required = false)]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schemas::roles)]
    roles: Option<Roles>,
}

/// Introspect a token
///
/// For services that do not verify tokens themselves (RFC 7662). Any authenticated client may ask about any token; the
/// answer about one that is unknown, expired or revoked is `{"active": false}` and nothing else.
#[utoipa::path(
    tag = "oauth2",
    operation_id = "introspect",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded", description = "The token."),
    responses(
        (status = 200, description = "Its claims, if it is active.", body = Introspection,
            headers(("Cache-Control" = String, description = "`no-store`: a token can be revoked at any moment.")),
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
    context: Data<Context>,
    _: Authenticated,
    form: Result<Form<TokenForm>, Refusal>,
) -> Result<HttpResponse, Refusal> {
    let Form(form) = form?;
    let authority = &context.authority;
    demand_revocations(authority)?;
    let answer = match authority.introspect(form.token.expose_secret(), Timestamp::now()) {
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
