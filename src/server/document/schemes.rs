//! hallpass' own security schemes (OpenAPI 3.1 §4.8.27, Security Scheme Object).

use serde_json::{Map, Value, json};

use crate::{
    config::{api_key_names::API_KEY_COOKIE, document_settings::DocumentSettings},
    server::{
        document::issuer_schemes::securities_in,
        http::{
            endpoints::{LOGIN, OPENID_CONFIGURATION, TOKEN},
            own_routes::OwnPaths,
        },
    },
};

/// The scheme of API keys in the query, which a setting can leave out.
const API_KEY_QUERY: &str = "apiKeyQuery";

/// [`API_KEY_QUERY`], and what to do about an operation that names it while it is left out.
pub(crate) const LEFT_OUT: (&str, &str) = (
    API_KEY_QUERY,
    "HALLPASS_API_KEY_QUERY is off: remove it from `security`, or have the setting name a parameter",
);

/// Takes the alternatives with schemes that the settings leave out, or whose endpoints are not there, from the
/// operations of a document, where others remain.
pub(crate) fn leave_out(
    document: &mut Map<String, Value>,
    settings: &DocumentSettings,
    own: &OwnPaths,
) {
    let names_one = |alternative: &Value| {
        let names = alternative.as_object().into_iter().flat_map(Map::keys);
        names.into_iter().any(|name| !is_offered(name, settings, own))
    };
    for security in securities_in(document) {
        if !security.iter().all(names_one) {
            security.retain(|alternative| !names_one(alternative));
        }
    }
}

fn is_offered(scheme: &str, settings: &DocumentSettings, own: &OwnPaths) -> bool {
    match scheme {
        API_KEY_QUERY => settings.api_keys.query.is_some(),
        "oauth2" => own.has(TOKEN),
        "openIdConnect" => own.has(OPENID_CONFIGURATION),
        _ => true,
    }
}

/// The schemes, the simplest first; those of OAuth2 only where the endpoint is there that they name.
pub(crate) fn schemes(settings: &DocumentSettings, own: &OwnPaths) -> Map<String, Value> {
    let (session, keys) = (&settings.cookie_name, &settings.api_keys);
    let [login, token, discovery] =
        [LOGIN, TOKEN, OPENID_CONFIGURATION].map(|endpoint| own.documented(endpoint));
    let at_login = |with: &str, without: &str| match &login {
        Some(login) => with.replace(LOGIN, login),
        None => without.to_owned(),
    };
    // Relative to the server of the document.
    let relative = |path: &Option<String>| {
        path.as_ref().map(|path| path.trim_start_matches('/').to_owned()).unwrap_or_default()
    };
    let (token_url, discovery_url) = (relative(&token), relative(&discovery));
    let schemes = [
        (
            "apiKey",
            json!({
                "type": "apiKey", "in": "header", "name": keys.header,
                "description": at_login(
                    "An API key, `hp_...`, in the header: start with this one, at `/login`.",
                    "An API key, `hp_...`, in the header.",
                ),
            }),
        ),
        (
            "bearer",
            json!({
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": at_login(
                    "The token from `/login`, a JWT (RFC7519, made and read as RFC8725 advises).",
                    "A token, a JWT (RFC7519, read as RFC8725 advises).",
                ),
            }),
        ),
        (
            "session",
            json!({
                "type": "apiKey", "in": "cookie", "name": session,
                "description": at_login(
                    "The token in the cookie that `/login` sets when asked with `\"cookie\": true`. \
                     Browsers send it by themselves: what is entered here has no effect.",
                    "The token in the cookie. Browsers send it by themselves: what is entered here has no effect.",
                ),
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
                "description": format!(
                    "Tokens from `{}`: for a client by its name and API key, for a user by name and password. \
                     JWTs, made and read as RFC8725 advises.",
                    token.as_deref().unwrap_or_default()
                ),
                "flows": {
                    "clientCredentials": { "tokenUrl": token_url, "scopes": {} },
                    "password": { "tokenUrl": token_url, "scopes": {} },
                },
            }),
        ),
        (
            "openIdConnect",
            json!({
                "type": "openIdConnect", "openIdConnectUrl": discovery_url,
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
    let schemes = schemes.into_iter().filter(|(name, _)| is_offered(name, settings, own));
    schemes.map(|(name, scheme)| (name.to_owned(), scheme)).collect()
}
