//! `/.well-known/oauth-authorization-server` (RFC 8414) and `/.well-known/openid-configuration`
//! (OpenID Connect Discovery): where everything is, for clients that configure themselves.
//!
//! Must not know how anything named here works.

use actix_web::{HttpResponse, get, http::header, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::oauth::GrantType;
use crate::server::{document::schemas::SigningAlgorithm, gate::Gate};

/// Answers of an authorization endpoint, which there is not.
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

/// What this server offers, and where.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServerMetadata {
    /// `iss` of every token, and what stands before every address here.
    #[schema(example = "http://127.0.0.1:8080", format = "uri", max_length = 2048)]
    issuer: String,
    /// Where tokens are asked for.
    #[schema(example = "http://127.0.0.1:8080/token", format = "uri", max_length = 2048)]
    token_endpoint: String,
    /// Where the public signing keys are.
    #[schema(
        example = "http://127.0.0.1:8080/.well-known/jwks.json",
        format = "uri",
        max_length = 2048
    )]
    jwks_uri: String,
    /// Where one asks what a token is worth.
    #[schema(example = "http://127.0.0.1:8080/introspect", format = "uri", max_length = 2048)]
    introspection_endpoint: String,
    /// Where tokens are ended.
    #[schema(example = "http://127.0.0.1:8080/revoke", format = "uri", max_length = 2048)]
    revocation_endpoint: String,
    /// The document that describes everything.
    #[schema(example = "http://127.0.0.1:8080/openapi.json", format = "uri", max_length = 2048)]
    service_documentation: String,
    /// The grants that `/token` gives.
    #[schema(example = json!(["client_credentials", "password"]), max_items = 8)]
    grant_types_supported: Vec<GrantType>,
    /// `none`: there is no authorization endpoint. An empty list may not be sent (RFC 8414 §3.2).
    #[schema(example = json!(["none"]), max_items = 8)]
    response_types_supported: Vec<ResponseType>,
    /// Every client sees the same `sub`.
    #[schema(example = json!(["public"]), max_items = 8)]
    subject_types_supported: Vec<SubjectType>,
    /// The algorithm that signs; discovery demands the field, though ID tokens are not issued.
    #[schema(example = json!(["EdDSA"]), max_items = 8, value_type = Vec<SigningAlgorithm>)]
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

fn metadata(gate: &Gate) -> HttpResponse {
    let issuer = gate.authority().issuer();
    let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
    let metadata = ServerMetadata {
        issuer: issuer.to_owned(),
        token_endpoint: at("/token"),
        jwks_uri: at("/.well-known/jwks.json"),
        introspection_endpoint: at("/introspect"),
        revocation_endpoint: at("/revoke"),
        service_documentation: at("/openapi.json"),
        grant_types_supported: GrantType::ALL.to_vec(),
        response_types_supported: vec![ResponseType::None],
        subject_types_supported: vec![SubjectType::Public],
        id_token_signing_alg_values_supported: vec![
            gate.authority().signing_algorithm().to_owned(),
        ],
        token_endpoint_auth_methods_supported: vec![
            AuthMethod::ClientSecretBasic,
            AuthMethod::ClientSecretPost,
        ],
        introspection_endpoint_auth_methods_supported: vec![AuthMethod::ClientSecretBasic],
        revocation_endpoint_auth_methods_supported: vec![AuthMethod::ClientSecretBasic],
    };
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=300")).json(metadata)
}

/// Find everything, as OAuth2 clients do
///
/// Authorization server metadata (RFC 8414): the address of every operation, and what each offers.
#[utoipa::path(
    tag = "discovery",
    operation_id = "oauth_metadata",
    responses((status = 200, description = "What is offered, and where.", body = ServerMetadata,
        headers(("Cache-Control" = String, description = "How long the answer may be kept.")),
        example = json!({
            "issuer": "http://127.0.0.1:8080", "token_endpoint": "http://127.0.0.1:8080/token",
            "jwks_uri": "http://127.0.0.1:8080/.well-known/jwks.json",
            "introspection_endpoint": "http://127.0.0.1:8080/introspect",
            "revocation_endpoint": "http://127.0.0.1:8080/revoke",
            "service_documentation": "http://127.0.0.1:8080/openapi.json",
            "grant_types_supported": ["client_credentials", "password"], "response_types_supported": ["none"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["EdDSA"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic"],
        }))),
    security(),
)]
#[get("/.well-known/oauth-authorization-server")]
pub(crate) async fn oauth(gate: web::Data<Gate>) -> HttpResponse {
    metadata(&gate)
}

/// Find everything, as OpenID Connect clients do
///
/// The same metadata at the place where OpenID Connect Discovery looks for it.
#[utoipa::path(
    tag = "discovery",
    operation_id = "openid_configuration",
    responses((status = 200, description = "What is offered, and where.", body = ServerMetadata,
        headers(("Cache-Control" = String, description = "How long the answer may be kept.")),
        example = json!({
            "issuer": "http://127.0.0.1:8080", "token_endpoint": "http://127.0.0.1:8080/token",
            "jwks_uri": "http://127.0.0.1:8080/.well-known/jwks.json",
            "introspection_endpoint": "http://127.0.0.1:8080/introspect",
            "revocation_endpoint": "http://127.0.0.1:8080/revoke",
            "service_documentation": "http://127.0.0.1:8080/openapi.json",
            "grant_types_supported": ["client_credentials", "password"], "response_types_supported": ["none"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["EdDSA"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic"],
        }))),
    security(),
)]
#[get("/.well-known/openid-configuration")]
pub(crate) async fn openid(gate: web::Data<Gate>) -> HttpResponse {
    metadata(&gate)
}
