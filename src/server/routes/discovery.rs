//! `/.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/openid-configuration` (OpenID Connect
//! Discovery 1.0): where everything is, for clients that configure themselves.

use actix_web::{HttpResponse, http::header, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    oauth::GrantType,
    server::{
        context::Context,
        document::schemas,
        http::{endpoints, own_routes::OwnPaths},
        routes::pages::Published,
    },
};

/// The answers of an authorization endpoint: there is none.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ResponseType {
    None,
}

/// Whether every client sees the same `sub` (OpenID Connect Core §8).
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SubjectType {
    Public,
}

/// How clients authenticate (RFC 7591 §2).
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AuthMethod {
    ClientSecretBasic,
    ClientSecretPost,
}

/// What this server offers, and where (RFC 8414 §2).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerMetadata {
    /// `iss` of every token, and the base of every URL here.
    #[schema(example = "http://127.0.0.1:8080", format = "uri", max_length = 2048)]
    issuer: String,
    /// Where clients get tokens.
    #[schema(example = "http://127.0.0.1:8080/token", format = "uri", max_length = 2048, value_type = String, required = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint: Option<String>,
    /// Where the public signing keys are.
    #[schema(
        example = "http://127.0.0.1:8080/.well-known/jwks.json",
        format = "uri",
        max_length = 2048, value_type = String, required = true
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    /// Where clients introspect tokens.
    #[schema(example = "http://127.0.0.1:8080/introspect", format = "uri", max_length = 2048, value_type = String, required = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint: Option<String>,
    /// Where clients revoke tokens.
    #[schema(example = "http://127.0.0.1:8080/revoke", format = "uri", max_length = 2048, value_type = String, required = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint: Option<String>,
    /// The OpenAPI document.
    #[schema(example = "http://127.0.0.1:8080/openapi.json", format = "uri", max_length = 2048, value_type = String, required = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    service_documentation: Option<String>,
    /// The grant types of `/token`.
    #[schema(example = json!(["client_credentials", "password"]), max_items = 8)]
    grant_types_supported: Vec<GrantType>,
    /// `none`: there is no authorization endpoint. An empty list may not be sent (RFC 8414 §3.2).
    #[schema(example = json!(["none"]), max_items = 8)]
    response_types_supported: Vec<ResponseType>,
    /// Every client sees the same `sub`.
    #[schema(example = json!(["public"]), max_items = 8)]
    subject_types_supported: Vec<SubjectType>,
    /// The algorithm that signs, then those of other keys that verify; discovery demands the field, though ID tokens are
    /// not issued.
    #[schema(schema_with = schemas::signing_algorithms)]
    id_token_signing_alg_values_supported: Vec<String>,
    /// How clients authenticate at `/token`.
    #[schema(example = json!(["client_secret_basic", "client_secret_post"]), max_items = 8)]
    token_endpoint_auth_methods_supported: Vec<AuthMethod>,
    /// How clients authenticate at `/introspect`.
    #[schema(example = json!(["client_secret_basic"]), max_items = 8)]
    introspection_endpoint_auth_methods_supported: Vec<AuthMethod>,
    /// How clients authenticate at `/revoke`.
    #[schema(example = json!(["client_secret_basic"]), max_items = 8)]
    revocation_endpoint_auth_methods_supported: Vec<AuthMethod>,
}

/// The members of the metadata that tell where an endpoint is.
pub(crate) const MEMBERS: [(&str, &str); 5] = [
    ("token_endpoint", endpoints::TOKEN),
    ("jwks_uri", endpoints::JWKS),
    ("introspection_endpoint", endpoints::INTROSPECTION),
    ("revocation_endpoint", endpoints::REVOCATION),
    ("service_documentation", endpoints::DOCUMENT),
];

impl ServerMetadata {
    fn new(issuer: &str, algorithms: &[&str], own: &OwnPaths) -> Self {
        let at = |endpoint| own.url(issuer, endpoint);
        Self {
            issuer: issuer.to_owned(),
            token_endpoint: at(endpoints::TOKEN),
            jwks_uri: at(endpoints::JWKS),
            introspection_endpoint: at(endpoints::INTROSPECTION),
            revocation_endpoint: at(endpoints::REVOCATION),
            service_documentation: at(endpoints::DOCUMENT),
            grant_types_supported: GrantType::ALL.to_vec(),
            response_types_supported: vec![ResponseType::None],
            subject_types_supported: vec![SubjectType::Public],
            id_token_signing_alg_values_supported: algorithms
                .iter()
                .map(ToString::to_string)
                .collect(),
            token_endpoint_auth_methods_supported: vec![
                AuthMethod::ClientSecretBasic,
                AuthMethod::ClientSecretPost,
            ],
            introspection_endpoint_auth_methods_supported: vec![AuthMethod::ClientSecretBasic],
            revocation_endpoint_auth_methods_supported: vec![AuthMethod::ClientSecretBasic],
        }
    }

    /// For the document.
    fn example() -> Self {
        Self::new("http://127.0.0.1:8080", &["EdDSA"], &OwnPaths::default())
    }
}

fn metadata(context: &Context, published: &Published) -> HttpResponse {
    let authority = &context.authority;
    let (enforced, keyring) = (published.load(), authority.keyring());
    let own = &enforced.guard.rules.own;
    let metadata = ServerMetadata::new(authority.issuer(), &keyring.algorithms(), own);
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=300")).json(metadata)
}

/// OAuth2 server metadata
///
/// The URL of every endpoint, and what each supports (RFC 8414).
#[utoipa::path(
    get,
    path = endpoints::OAUTH_METADATA,
    tag = "discovery",
    operation_id = "oauth_metadata",
    responses((status = 200, description = "The metadata.", body = ServerMetadata,
        headers(("Cache-Control" = String, description = "How long the answer may be cached.")),
        example = json!(ServerMetadata::example()))),
    security(),
)]
pub(crate) async fn oauth(context: Data<Context>, published: Data<Published>) -> HttpResponse {
    metadata(&context, &published)
}

/// OpenID Connect configuration
///
/// The same metadata where OpenID Connect Discovery looks for it.
#[utoipa::path(
    get,
    path = endpoints::OPENID_CONFIGURATION,
    tag = "discovery",
    operation_id = "openid_configuration",
    responses((status = 200, description = "The metadata.", body = ServerMetadata,
        headers(("Cache-Control" = String, description = "How long the answer may be cached.")),
        example = json!(ServerMetadata::example()))),
    security(),
)]
pub(crate) async fn openid(context: Data<Context>, published: Data<Published>) -> HttpResponse {
    metadata(&context, &published)
}
