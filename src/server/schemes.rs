//! hallpass' own security schemes, as OpenAPI's Security Scheme Object writes them.
//!
//! Must not know which operation uses which.

use serde_json::{Map, Value, json};

use crate::config::Surface;

/// The schemes of this service, as OpenAPI's Security Scheme Object writes them.
pub(super) fn schemes(surface: &Surface) -> Map<String, Value> {
    let session = &surface.cookie_name;
    let schemes = [
        (
            "bearer",
            json!({
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "The token from `/login`, a JWT (RFC7519, made and read as RFC8725 advises): paste it here.",
            }),
        ),
        (
            "session",
            json!({
                "type": "apiKey", "in": "cookie", "name": session,
                "description": "The token in the cookie that `/login` sets when asked with `\"cookie\": true`. \
                                Browsers send it by themselves; nothing needs to be entered here.",
            }),
        ),
        (
            "apiKey",
            json!({
                "type": "apiKey", "in": "header", "name": "X-API-Key",
                "description": "An API key, `hp_...`, in the header.",
            }),
        ),
        (
            "apiKeyQuery",
            json!({
                "type": "apiKey", "in": "query", "name": "api_key",
                "description": "An API key in the query. For testing: addresses end up in logs.",
            }),
        ),
        (
            "apiKeyCookie",
            json!({
                "type": "apiKey", "in": "cookie", "name": "api_key",
                "description": "An API key in a cookie, for clients that can do nothing else.",
            }),
        ),
        (
            "basic",
            json!({
                "type": "http", "scheme": "basic",
                "description": "A client's name and API key (RFC 6749 §2.3.1).",
            }),
        ),
        (
            "oauth2",
            json!({
                "type": "oauth2",
                "description": "Tokens from `/token`: for a client by its name and API key, for a user by name and password. \
                                They are JWTs, made and read as RFC8725 advises.",
                "flows": {
                    "clientCredentials": { "tokenUrl": "token", "scopes": {} },
                    "password": { "tokenUrl": "token", "scopes": {} },
                },
            }),
        ),
        (
            "openIdConnect",
            json!({
                "type": "openIdConnect", "openIdConnectUrl": ".well-known/openid-configuration",
                "description": "The same tokens, for clients that configure themselves.",
            }),
        ),
    ];
    schemes.into_iter().map(|(name, scheme)| (name.to_owned(), scheme)).collect()
}
