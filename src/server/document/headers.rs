//! The grammar of response headers: handlers say what a header means, its schema is here.

use serde_json::{Map, Value, json};

use crate::{server::limits::RETRY_AFTER_SECONDS, tokens::signing_error::LONGEST_TOKEN};

/// The schema of a header that the service sends.
fn schema(name: &str) -> Option<Value> {
    Some(match name {
        "Cache-Control" => json!({
            "type": "string", "pattern": "^[a-z0-9=, -]+$", "maxLength": 64, "example": "no-store",
        }),
        "Location" => json!({
            "type": "string", "format": "uri-reference", "maxLength": 2048, "example": "docs/",
        }),
        "Retry-After" => json!({
            "type": "integer", "format": "int32", "minimum": 1, "maximum": RETRY_AFTER_SECONDS, "example": 2,
        }),
        "Set-Cookie" => json!({
            "type": "string", "pattern": "^[ -~]+$", "maxLength": 10_000,
            "example": "access_token=eyJhbGciOi...; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800",
        }),
        "WWW-Authenticate" => json!({
            "type": "string", "pattern": "^[ -~]+$", "maxLength": 4096,
            "example": "Bearer realm=\"hallpass\"",
        }),
        "x-request-id" => json!({
            "type": "string", "pattern": "^[0-9A-Za-z]+$", "maxLength": 64, "example": "f3Qk81LmXc0a",
        }),
        "X-Hallpass-Roles" => json!({
            "type": "string", "pattern": "^[ -~]*$", "maxLength": 8192, "example": "admin reader",
        }),
        "X-Hallpass-Scope" => json!({
            "type": "string", "pattern": "^[ -~]*$", "maxLength": 8192, "example": "invoices:read",
        }),
        "X-Hallpass-Kind" => {
            json!({ "type": "string", "enum": ["client", "user", ""], "example": "client" })
        }
        "X-Hallpass-Token" => json!({
            "type": "string", "pattern": "^[0-9A-Za-z._-]*$", "maxLength": LONGEST_TOKEN,
            "example": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl",
        }),
        name if name.starts_with("X-Hallpass-") => json!({
            "type": "string", "pattern": "^[ -~]*$", "maxLength": 255, "example": "demo",
        }),
        _ => return None,
    })
}

/// Gives every known header in these Response Objects its schema, where it has none or one that any string meets.
pub(crate) fn describe(responses: &mut Map<String, Value>) {
    let headers = responses.values_mut().filter_map(|response| response.get_mut("headers"));
    for (name, header) in headers.filter_map(Value::as_object_mut).flatten() {
        let vague =
            header.get("schema").is_none_or(|schema| *schema == json!({ "type": "string" }));
        if let (true, Some(schema), Some(header)) = (vague, schema(name), header.as_object_mut()) {
            header.insert("schema".to_owned(), schema);
        }
    }
}
