//! `POST /introspect`: the claims of an active token (RFC 7662), for authenticated clients.

use std::sync::LazyLock;

use actix_web::{HttpResponse, http::header, web::Data};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    authority::authority::Authority,
    oauth::{Roles, Scopes, custom_claims::CustomClaims},
    principal::{Principal, Proof},
    server::{
        context::Context,
        credentials::{
            authenticator::demand_revocations,
            token_verifier::{TokenFailure, introspect_token},
        },
        document::schemas::{self, TokenType},
        enforce::authenticated::Authenticated,
        http::{
            endpoints,
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
    #[schema(schema_with = schemas::token_client)]
    client_id: Option<String>,
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
    #[schema(schema_with = schemas::token_subject)]
    sub: Option<String>,
    /// The audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "http://127.0.0.1:8080", pattern = r"^[^\x00-\x1f\x7f]*$", max_length = 2048, value_type = String, required = false)]
    aud: Option<Value>,
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
    /// Claims that only the service and its callers understand.
    #[serde(flatten)]
    #[schema(ignore)]
    custom: CustomClaims,
}

impl Introspection {
    /// What a token says that would be accepted now; of roles and scopes, what its subject still has.
    fn active(principal: &Principal, audiences: &[String], authority: &Authority) -> Self {
        let second = |time: Option<Timestamp>| time.map(Timestamp::as_second);
        let issued_at = second(principal.issued_at());
        let id = match principal.proof() {
            Proof::Token { id, .. } => Some(id.clone()),
            Proof::ApiKey { .. } | Proof::Password | Proof::ExternalToken { .. } => None,
        };
        Self {
            active: true,
            scope: Some(principal.scopes().clone()),
            // Tokens for accounts were issued to us.
            client_id: Some(principal.client_id().unwrap_or(authority.issuer()).to_owned()),
            token_type: Some(TokenType::Bearer),
            exp: second(principal.expires_at()),
            iat: issued_at,
            nbf: issued_at,
            sub: Some(principal.sub().into_owned()),
            aud: Some(match audiences {
                [one] => json!(one),
                several => json!(several),
            }),
            iss: Some(authority.issuer().to_owned()),
            jti: id,
            roles: Some(principal.roles().clone()),
            custom: principal.custom().clone(),
        }
    }
}

/// Introspect a token
///
/// For services that do not verify tokens themselves (RFC 7662). Any authenticated client may ask about any token; the
/// answer about one that is unknown, expired or revoked is `{"active": false}` and nothing else. The claims that the
/// roster gives a client or user are members of the answer too.
#[utoipa::path(
    post,
    path = endpoints::INTROSPECTION,
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
pub(crate) async fn introspect(
    context: Data<Context>,
    _: Authenticated,
    form: Result<Form<TokenForm>, Refusal>,
) -> Result<HttpResponse, Refusal> {
    let Form(form) = form?;
    let authority = &context.authority;
    demand_revocations(authority)?;
    let (token, now) = (form.token.expose_secret(), context.clock.now());
    let answer = match introspect_token(authority, &context.lookups, token, now).await {
        Ok((principal, audiences)) => Introspection::active(&principal, &audiences, authority),
        Err(TokenFailure::Invalid(_)) => Introspection::default(),
        Err(TokenFailure::Unavailable(refusal)) => return Err(refusal),
    };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}
