//! Random documents and requests, in a vocabulary so small that they meet.

use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};

use super::contract::OURS;

pub(crate) const ROLES: [&str; 2] = ["admin", "reader"];
pub(crate) const SCOPES: [&str; 2] = ["invoices:read", "invoices:write"];

/// The provider whose tokens are not ours.
pub(crate) const CORP: &str = "https://corp.example/.well-known/openid-configuration";

pub(crate) const TEMPLATES: &[&str] =
    &["/a", "/a/b", "/a/b/", "/a/{x}", "/a/{x}.json", "/a/{x}/c", "/{y}", "/{y}/b", "/{y}/b/{z}"];

/// Those of operations; TRACE is never one of them.
pub(crate) const METHODS: &[&str] =
    &["get", "get", "get", "get", "post", "post", "delete", "delete", "head", "options", "trace"];

/// What random documents may contain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vocabulary<'s> {
    pub(crate) version: &'static str,
    /// The names of usable schemes.
    pub(crate) schemes: &'s [&'static str],
}

pub(crate) const ALL_SCHEMES: &[&str] = &[
    "token",
    "token",
    "oauth",
    "ours",
    "corp",
    "basic",
    "headerKey",
    "otherHeader",
    "sameHeader",
    "queryKey",
    "cookieKey",
];

impl Vocabulary<'_> {
    /// A document whose paths stand below `groups` prefixes, or below none.
    pub(crate) fn document(&self, random: &mut StdRng, groups: usize) -> Value {
        let mut document = json!({
            "openapi": self.version,
            "info": { "title": "Random", "version": "1" },
            "paths": {},
            "components": { "securitySchemes": schemes(), "pathItems": {} },
        });
        for group in 0..groups.max(1) {
            let prefix = if groups == 0 { String::new() } else { format!("/g{group}") };
            for template in TEMPLATES {
                if random.random_bool(0.55) {
                    let item = self.item(random);
                    document["paths"][format!("{prefix}{template}")] = item;
                }
            }
        }
        if random.random_bool(0.6) {
            document["security"] = self.security(random);
        }
        let path = ["", "/api", "https://shop.example/v1/", "https://shop.example"];
        match *path.choose(random).unwrap() {
            "" => {}
            url => document["servers"] = json!([{ "url": url }]),
        }
        document
    }

    fn item(&self, random: &mut StdRng) -> Value {
        let mut item = Map::new();
        for _ in 0..random.random_range(1..4) {
            let method = *METHODS.choose(random).unwrap();
            item.insert(method.to_owned(), self.operation(random));
        }
        item.into()
    }

    pub(crate) fn operation(&self, random: &mut StdRng) -> Value {
        match random.random_bool(0.85) {
            true => json!({ "security": self.security(random), "responses": {} }),
            false => json!({ "responses": {} }),
        }
    }

    pub(crate) fn security(&self, random: &mut StdRng) -> Value {
        let count = *[0, 1, 1, 1, 2, 2, 2, 3, 3].choose(random).unwrap();
        (0..count).map(|_| self.alternative(random)).collect()
    }

    pub(crate) fn alternative(&self, random: &mut StdRng) -> Value {
        let mut alternative = Map::new();
        for _ in 0..*[0, 1, 1, 1, 1, 2, 2, 3].choose(random).unwrap() {
            let scheme = *self.schemes.choose(random).unwrap();
            alternative.insert(scheme.to_owned(), self.words(random, scheme));
        }
        alternative.into()
    }

    fn words(&self, random: &mut StdRng, scheme: &str) -> Value {
        let words = match scheme {
            "oauth" | "ours" | "corp" => SCOPES,
            _ if self.version.starts_with("3.0") => return json!([]),
            _ => ROLES,
        };
        subset(random, &words, 0.35).into()
    }
}

fn schemes() -> Value {
    let [read, write] = SCOPES;
    json!({
        "token": { "type": "http", "scheme": "Bearer" },
        "basic": { "type": "http", "scheme": "basic" },
        "digest": { "type": "http", "scheme": "digest" },
        "mutual": { "type": "mutualTLS" },
        "oauth": { "type": "oauth2", "flows": {
            "clientCredentials": { "tokenUrl": "/token", "scopes": { read: "" } },
            "password": { "tokenUrl": "/token", "scopes": { write: "" } },
        } },
        "ours": { "type": "openIdConnect", "openIdConnectUrl": OURS },
        "corp": { "type": "openIdConnect", "openIdConnectUrl": CORP },
        "headerKey": { "type": "apiKey", "in": "header", "name": "X-API-Key" },
        "sameHeader": { "$ref": "#/components/securitySchemes/headerKey" },
        "otherHeader": { "type": "apiKey", "in": "header", "name": "Shop-Key" },
        "queryKey": { "type": "apiKey", "in": "query", "name": "key" },
        "cookieKey": { "type": "apiKey", "in": "cookie", "name": "key" },
    })
}

pub(crate) fn subset(
    random: &mut StdRng,
    of: &[&'static str],
    probability: f64,
) -> Vec<&'static str> {
    of.iter().copied().filter(|_| random.random_bool(probability)).collect()
}

/// A method and a path: often one of the document, else near one.
pub(crate) fn target(random: &mut StdRng, document: &Value, base: &str) -> (String, String) {
    let paths: Vec<(&String, &Value)> = document["paths"].as_object().unwrap().iter().collect();
    let value = *["b", "7", "a", "c", "7.json", "b.json"].choose(random).unwrap();
    let (mut method, mut path) = match paths.choose(random) {
        Some((template, item)) => {
            let methods: Vec<_> = item.as_object().unwrap().keys().collect();
            let method = methods.choose(random).map_or("GET".to_owned(), |it| it.to_uppercase());
            let parts: Vec<_> = template.split(['{', '}']).step_by(2).collect();
            (method, format!("{base}{}", parts.join(value)))
        }
        None => ("GET".to_owned(), format!("{base}/a")),
    };
    if random.random_bool(0.2) {
        method = ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "PATCH", "get"]
            .choose(random)
            .unwrap()
            .to_string();
    }
    match random.random_range(0..40) {
        0 => path = path.strip_prefix(base).unwrap().to_owned(),
        1 => path.push('/'),
        2 => path.push_str("/b"),
        3 => path = path.to_uppercase(),
        4 => path = format!("{base}{path}"),
        5 => path = path.trim_end_matches('/').to_owned(),
        _ => {}
    }
    (method, path)
}
