//! Paths of hallpass that more than their own handler must know.

/// Where OAuth2 clients get tokens (RFC 6749 §3.2).
pub(crate) const TOKEN: &str = "/token";
/// Where clients ask about tokens (RFC 7662 §2).
pub(crate) const INTROSPECTION: &str = "/introspect";
/// Where clients revoke tokens (RFC 7009 §2).
pub(crate) const REVOCATION: &str = "/revoke";
/// The public signing keys (RFC 7517 §5).
pub(crate) const JWKS: &str = "/.well-known/jwks.json";
/// OpenID Connect Discovery 1.0 §4.
pub(crate) const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// The published document.
pub(crate) const DOCUMENT: &str = "/openapi.json";
/// Where proxies ask whether a request may pass.
pub(crate) const VERIFY: &str = "/verify";
