//! Mutated and random documents: none makes the compiler panic or opens a protected operation.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Map, Value, json};

use crate::policy::{
    compile_options::{CompileOptions, Undeclared},
    compiled::{Lookup, Policy},
    decision::{Authentication, Authentications, Decision, Evaluation},
    requirement::Requirement,
    tests::{document, external, own},
};

/// A document with every feature, in which only one operation is public.
fn sample() -> Value {
    let mut document = document(
        "3.1.0",
        json!({
            "/a": { "get": { "operationId": "a", "summary": "A" }, "servers": [{ "url": "/v1" }] },
            "/a/{x}": { "$ref": "#/components/pathItems/shared", "get": { "security": [
                { "bearer": ["admin"], "apiKey": [] }, { "oauth2": ["read"] },
            ] } },
            "/b/{x}.{y}": { "post": { "security": [{ "alias": [] }] } },
            "/open": { "get": { "security": [] }, "head": { "security": [{}, { "bearer": [] }] } },
        }),
    );
    document["servers"] = json!([{ "url": "https://x.example.com/v1" }]);
    document["security"] = json!([{ "session": [] }, { "openIdConnect": ["x"] }]);
    document["components"]["pathItems"] = json!({ "shared": { "put": {} } });
    document["components"]["securitySchemes"]["alias"] =
        json!({ "$ref": "#/components/securitySchemes/basic" });
    document
}

fn all_options() -> [CompileOptions; 4] {
    let base = || Some("/v1".to_owned());
    [
        CompileOptions::own("access_token"),
        external(Undeclared::Deny),
        CompileOptions { base: base(), ..external(Undeclared::Deny) },
        CompileOptions { base: base(), ..external(Undeclared::Public) },
    ]
}

fn is_open(requirement: &Requirement) -> bool {
    let mut authentications = Authentications::default();
    loop {
        match requirement.evaluate(&authentications) {
            Evaluation::Authenticate(scheme) => {
                authentications.insert(scheme, Authentication::Missing)
            }
            Evaluation::Decided(decision) => return matches!(decision, Decision::Allow { .. }),
        }
    }
}

/// The pointers of all nodes.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                pointers(member, &format!("{here}/{}", escape(key)), found);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                pointers(element, &format!("{here}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// The document with one node replaced, or removed if `replacement` is `None`.
fn mutated(document: &Value, pointer: &str, replacement: Option<&Value>) -> Value {
    let mut copy = document.clone();
    match (replacement, pointer.rsplit_once('/')) {
        (Some(replacement), _) => *copy.pointer_mut(pointer).unwrap() = replacement.clone(),
        (None, None) => copy = Value::Null,
        (None, Some((parent, key))) => match copy.pointer_mut(parent).unwrap() {
            Value::Object(members) => {
                members.shift_remove(&key.replace("~1", "/").replace("~0", "~"));
            }
            Value::Array(elements) => drop(elements.remove(key.parse().unwrap())),
            _ => unreachable!("a parent has children"),
        },
    }
    copy
}

#[test]
fn a_mutation_outside_security_never_opens_a_protected_operation() {
    let sample = sample();
    let known = Policy::compile(&sample, &all_options()[1]).unwrap();
    let mut all = Vec::new();
    pointers(&sample, "", &mut all);
    let replacements = [json!(null), json!(1), json!("x"), json!([]), json!({})];
    let mut compiled = 0;
    for pointer in &all {
        for replacement in replacements.iter().map(Some).chain([None]) {
            let mutation = mutated(&sample, pointer, replacement);
            for options in all_options() {
                let Ok(policy) = Policy::compile(&mutation, &options) else { continue };
                compiled += 1;
                let opened = policy.operations().find(|one| {
                    let path = one.path.strip_prefix("/v1").unwrap_or(&one.path);
                    let before = known.find(&one.method, &format!("/v1{path}"));
                    let was_open =
                        matches!(before, Lookup::Operation(old) if is_open(&old.requirement));
                    !was_open && is_open(&one.requirement)
                });
                // A mutated path names another operation, which is compared with nothing.
                let is_security = pointer.split('/').any(|key| key == "security");
                assert!(
                    opened.is_none() || is_security,
                    "{pointer} -> {replacement:?} opened {opened:?}"
                );
            }
        }
    }
    assert!(compiled > 100, "mutations that still compile: {compiled}");
}

#[test]
fn malformed_security_is_refused() {
    let sample = sample();
    for pointer in ["/security", "/paths/~1a~1{x}/get/security"] {
        for wrong in [json!(null), json!(1), json!("x"), json!({}), json!([null]), json!([[]])] {
            let mutation = mutated(&sample, pointer, Some(&wrong));
            for options in all_options() {
                assert!(Policy::compile(&mutation, &options).is_err(), "{pointer} -> {wrong}");
            }
        }
    }
}

const KEYS: [&str; 24] = [
    "openapi",
    "paths",
    "/a",
    "/a/{x}",
    "/a/{x}.{y}",
    "/{",
    "get",
    "post",
    "trace",
    "security",
    "bearer",
    "oauth2",
    "components",
    "securitySchemes",
    "type",
    "in",
    "name",
    "scheme",
    "flows",
    "scopes",
    "servers",
    "url",
    "$ref",
    "additionalOperations",
];
const TEXTS: [&str; 16] = [
    "3.0.3",
    "3.1.0",
    "3.2.0",
    "http",
    "bearer",
    "apiKey",
    "header",
    "oauth2",
    "x",
    "",
    "/v1",
    "#/paths/~1a",
    "#/components/securitySchemes/bearer",
    "#",
    "https://{x}/y",
    "\u{0}~/é",
];

fn value(random: &mut StdRng, depth: usize) -> Value {
    match random.random_range(0..if depth == 0 { 5 } else { 12 }) {
        0 => Value::Null,
        1 => json!(random.next_u32()),
        2 => json!(true),
        3 | 4 => json!(TEXTS[random.random_range(0..TEXTS.len())]),
        5 | 6 => (0..random.random_range(0..4)).map(|_| value(random, depth - 1)).collect(),
        _ => object(random, depth),
    }
}

fn object(random: &mut StdRng, depth: usize) -> Value {
    let key = |random: &mut StdRng| KEYS[random.random_range(0..KEYS.len())].to_owned();
    let members: Map<_, _> =
        (0..random.random_range(0..6)).map(|_| (key(random), value(random, depth - 1))).collect();
    Value::Object(members)
}

#[test]
fn no_json_makes_compile_panic() {
    let mut random = StdRng::seed_from_u64(42);
    let sample = sample();
    let mut all = Vec::new();
    pointers(&sample, "", &mut all);
    for round in 0..6_000 {
        let mut document = match round % 3 {
            0 => object(&mut random, 6),
            _ => sample.clone(),
        };
        for _ in 0..random.random_range(1..4) {
            let replacement = value(&mut random, 4);
            let location = document.pointer_mut(&all[random.random_range(0..all.len())]);
            location.map(|location| *location = replacement).unwrap_or_default();
        }
        for options in all_options() {
            let Ok(policy) = Policy::compile(&document, &options) else { continue };
            for (method, path) in
                [("GET", "/a"), ("HEAD", "/a/."), ("TRACE", "/v1/a/x.y"), ("", "")]
            {
                let _ = (policy.find(method, path), policy.look_up(method, path));
            }
            let _ = crate::policy::explanation::table(&policy);
        }
    }
    own(&sample_without_servers(sample));
}

/// The sample without mutations must compile.
fn sample_without_servers(sample: Value) -> Value {
    mutated(&mutated(&sample, "/servers", None), "/paths/~1a/servers", None)
}
