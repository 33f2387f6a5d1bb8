//! The top of a document: what it is about, its server, its tags.

use serde_json::{Map, Value, json};

/// `document` with the top of hallpass' own document.
pub(crate) fn introduce_own(document: &mut Map<String, Value>, base_path: &str) {
    if let Value::Object(top) = top(base_path) {
        document.extend(top);
    }
}

/// An application's document with what it leaves out at the top: the server, and what hallpass' tags mean.
pub(crate) fn introduce(document: &mut Map<String, Value>, base_path: &str) {
    let top = top(base_path);
    let ours = |name: &str| top.get(name).cloned().unwrap_or_default();
    document.entry("servers").or_insert_with(|| ours("servers"));
    let tags = document.entry("tags").or_insert_with(|| json!([])).as_array_mut();
    if let (Some(theirs), Value::Array(ours)) = (tags, ours("tags")) {
        let known: Vec<Value> = theirs.iter().filter_map(|tag| tag.get("name")).cloned().collect();
        let is_new = |tag: &Value| tag.get("name").is_none_or(|name| !known.contains(name));
        theirs.extend(ours.into_iter().filter(is_new));
    }
}

fn top(base_path: &str) -> Value {
    json!({
        "info": {
            "title": "hallpass",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "API keys in, short-lived tokens out, no database. Present an API key at `/login`, \
                            send the token of the answer as `Authorization: Bearer`, end it at `/logout`. \
                            This document is the policy that is enforced: what it says under `security` is what happens.",
            "contact": { "name": "The maintainers of hallpass" },
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        // Relative to whichever host published the document. Generators cannot use `.`.
        "servers": [{
            "url": if base_path.is_empty() { "/" } else { base_path },
            "description": "The server that published this document, be it local, staging or production.",
            "x-internal": false,
        }],
        "tags": [
            { "name": "tokens", "description": "Log in, see who you are, log out." },
            { "name": "administration", "description": "For clients with the role `admin`." },
            { "name": "oauth2", "description": "The same for OAuth2 clients." },
            { "name": "discovery", "description": "For clients that configure themselves, and services that verify tokens themselves." },
            { "name": "forward-auth", "description": "For reverse proxies that ask before they pass a request on." },
            { "name": "health", "description": "Probes for whatever starts and stops processes." },
        ],
    })
}
