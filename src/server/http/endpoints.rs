//! The paths of hallpass' own routes, as they are without a prefix.

/// Exchanges an API key for an access token.
pub(crate) const LOGIN: &str = "/login";
/// Tells who sent the request.
pub(crate) const REQUEST: &str = "/request";
/// Lists the roster.
pub(crate) const CLIENTS: &str = "/clients";
/// Revokes the presented token.
pub(crate) const LOGOUT: &str = "/logout";
/// Where OAuth2 clients get tokens (RFC 6749 §3.2).
pub(crate) const TOKEN: &str = "/token";
/// Where clients ask about tokens (RFC 7662 §2).
pub(crate) const INTROSPECTION: &str = "/introspect";
/// Where clients revoke tokens (RFC 7009 §2).
pub(crate) const REVOCATION: &str = "/revoke";
/// RFC 8414 §3.
pub(crate) const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";
/// OpenID Connect Discovery 1.0 §4.
pub(crate) const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// The public signing keys (RFC 7517 §5).
pub(crate) const JWKS: &str = "/.well-known/jwks.json";
/// Liveness probe.
pub(crate) const LIVE: &str = "/health/live";
/// Readiness probe.
pub(crate) const READY: &str = "/health/ready";
/// Where proxies ask whether a request may pass.
pub(crate) const VERIFY: &str = "/verify";
/// The published document.
pub(crate) const DOCUMENT: &str = "/openapi.json";
/// The published document as YAML.
pub(crate) const DOCUMENT_YAML: &str = "/openapi.yaml";
/// Redirects to Swagger UI, or to the document. The one page that an application may have instead.
pub(crate) const START: &str = "/";
/// Redirects to Swagger UI.
pub(crate) const DOCS_WITHOUT_SLASH: &str = "/docs";
/// Swagger UI.
pub(crate) const DOCS: &str = "/docs/";
/// The files of Swagger UI.
pub(crate) const DOCS_FILE: &str = "/docs/{name}";

/// The operations, in the order of the document.
pub(crate) const OPERATIONS: [&str; 13] = [
    LOGIN,
    REQUEST,
    CLIENTS,
    LOGOUT,
    TOKEN,
    INTROSPECTION,
    REVOCATION,
    OAUTH_METADATA,
    OPENID_CONFIGURATION,
    JWKS,
    LIVE,
    READY,
    VERIFY,
];

/// The pages beside the operations; each is served to `GET`.
pub(crate) const PAGES: [&str; 6] =
    [DOCUMENT, DOCUMENT_YAML, START, DOCS_WITHOUT_SLASH, DOCS, DOCS_FILE];
/// Those of them that are Swagger UI.
pub(crate) const SWAGGER_UI: [&str; 3] = [DOCS_WITHOUT_SLASH, DOCS, DOCS_FILE];
