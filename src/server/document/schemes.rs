//! hallpass' own security schemes (OpenAPI 3.1 §4.8.27, Security Scheme Object).

use serde_json::{Map, Value, json};

use crate::{
    config::{api_key_names::API_KEY_COOKIE, document_settings::DocumentSettings},
    server::document::issuer_schemes::securities_in,
};

/// The scheme of API keys in the query, which a setting can leave out.
const API_KEY_QUERY: &str = "apiKeyQuery";

/// [`API_KEY_QUERY`], and what to do about an operation that names it while it is left out.
pub(crate) const LEFT_OUT: (&str, &str) = (
    API_KEY_QUERY,
    "HALLPASS_API_KEY_QUERY is off: remove it from `security`, or have the setting name a parameter",
);

/// Takes the alternatives with the scheme that the settings leave out from the operations of a document, where others
/// remain.
pub(crate) fn leave_out(document: &mut Map<String, Value>, settings: &DocumentSettings) {
    if settings.api_keys.query.is_some() {
        return;
    }
    let names_it = |alternative: &Value| alternative.get(API_KEY_QUERY).is_some();
    for security in securities_in(document) {
        if !security.iter().all(names_it) {
            security.retain(|alternative| !names_it(alternative));
        }
    }
}

/// The schemes, the simplest first.
pub(crate) fn schemes(settings: &DocumentSettings) -> Map<String, Value> {
    let (session, keys) = (&settings.cookie_name, &settings.api_keys);
    let schemes = [
        (
            "apiKey",
            json!({
                "type": "apiKey", "in": "header", "name": keys.header,
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
            API_KEY_QUERY,
            json!({
                "type": "apiKey", "in": "query", "name": keys.query,
                "description": "An API key in the query. For testing: URLs end up in logs.",
            }),
        ),
        (
            "apiKeyCookie",
            json!({
                "type": "apiKey", "in": "cookie", "name": API_KEY_COOKIE,
                "description": "An API key in a cookie, for clients that can do nothing else. Browsers let no page \
                                send it: what is entered here has no effect.",
            }),
        ),
    ];
    let is_left_out = |name: &str| name == API_KEY_QUERY && keys.query.is_none();
    let schemes = schemes.into_iter().filter(|(name, _)| !is_left_out(name));
    schemes.map(|(name, scheme)| (name.to_owned(), scheme)).collect()
}
