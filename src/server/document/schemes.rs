//! hallpass' own security schemes (OpenAPI 3.1 §4.8.27, Security Scheme Object).

use serde_json::{Map, Value, json};

use crate::config::document_settings::DocumentSettings;

/// The schemes, the simplest first.
pub(crate) fn schemes(settings: &DocumentSettings) -> Map<String, Value> {
    let session = &settings.cookie_name;
    let schemes = [
        (
            "apiKey",
            json!({
                "type": "apiKey", "in": "header", "name": "X-API-Key",
                "description": "An API key, `hp_...`, in the header: start with this one, at `/login`.",
            }),
        ),
        (
            "bearer",
            json!({
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "The token from `/login`, a JWT (RFC7519, made and read as RFC8725 advises).",
            }),
        ),
        (
            "session",
            json!({
                "type": "apiKey", "in": "cookie", "name": session,
                "description": "The token in the cookie that `/login` sets when asked with `\"cookie\": true`. \
                                Browsers send it by themselves: what is entered here has no effect.",
            }),
        ),
        (
            "basic",
            json!({
                "type": "http", "scheme": "basic",
                "description": "A client's name and API key. Operations of an application take a user's name and password too, \
                                OAuth2 endpoints clients only (RFC 6749 §2.3.1).",
            }),
        ),
        (
            "oauth2",
            json!({
                "type": "oauth2",
                "description": "Tokens from `/token`: for a client by its name and API key, for a user by name and password. \
                                JWTs, made and read as RFC8725 advises.",
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
        (
            "apiKeyQuery",
            json!({
                "type": "apiKey", "in": "query", "name": "api_key",
                "description": "An API key in the query. For testing: URLs end up in logs.",
            }),
        ),
        (
            "apiKeyCookie",
            json!({
                "type": "apiKey", "in": "cookie", "name": "api_key",
                "description": "An API key in a cookie, for clients that can do nothing else. Browsers let no page \
                                send it: what is entered here has no effect.",
            }),
        ),
    ];
    schemes.into_iter().map(|(name, scheme)| (name.to_owned(), scheme)).collect()
}
