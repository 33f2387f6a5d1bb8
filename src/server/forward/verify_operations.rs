//! `/verify` in the document: one operation a method, since generators need an id for each. TRACE breaks them, and is
//! never allowed anyway.

use serde_json::{Value, json};

use crate::server::http::endpoints::VERIFY;

const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// Path and Path Item Object.
pub(crate) fn path_item() -> (&'static str, Value) {
    let operations = METHODS.iter().map(|method| ((*method).to_owned(), operation(method)));
    (VERIFY, Value::Object(operations.collect()))
}

fn operation(method: &str) -> Value {
    json!({
        "tags": ["forward-auth"],
        "summary": "Ask whether a request may pass",
        "description": "For reverse proxies that are among `HALLPASS_TRUSTED_PROXIES`; anybody else gets 403. The original \
            request stands in `X-Forwarded-Method` or `X-Original-Method`, and in `X-Forwarded-Uri`, `X-Original-URI` or \
            `X-Original-URL`, or in the target behind `/verify`; all that are there must say the same. Its credentials are \
            read from the headers and from its own query. Bodies are ignored.",
        "operationId": format!("verify_{method}"),
        "parameters": [
            parameter("role", "Roles that are required as well, separated by spaces."),
            parameter("scope", "Scopes that are required as well, separated by spaces."),
        ],
        "responses": {
            "200": {
                "description": "The request may pass. The headers say who sent it, and are empty for anonymous requests.",
                "headers": {
                    "X-Hallpass-Subject": { "description": "The name of the client or user." },
                    "X-Hallpass-Issuer": { "description": "The roster's name of the issuer of its token; empty where that is this service." },
                    "X-Hallpass-Kind": { "description": "`client` or `user`." },
                    "X-Hallpass-Client-Id": { "description": "The client through which it speaks." },
                    "X-Hallpass-Roles": { "description": "Its roles, separated by spaces." },
                    "X-Hallpass-Scope": { "description": "Its scopes, separated by spaces." },
                    "X-Hallpass-Token": { "description": "With `HALLPASS_VERIFY_TOKEN=on`: an access token of this service for whoever sent it, at most a minute old." },
                    "Cache-Control": { "description": "`no-store`: the next answer can differ." },
                    "x-request-id": { "description": "Identifies this request in the log of the service." },
                },
            },
        },
        "security": [{ "bearer": [] }, { "session": [] }, { "apiKey": [] }],
    })
}

fn parameter(name: &str, description: &str) -> Value {
    json!({
        "name": name,
        "in": "query",
        "required": false,
        "description": description,
        "schema": { "type": "string", "pattern": "^[!#-\\[\\]-~]+( [!#-\\[\\]-~]+)*$", "maxLength": 1024 },
        "example": "admin",
    })
}
