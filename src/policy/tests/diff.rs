//! What changed between two documents, compared with an evaluator that tries every request of a small world.

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};

use crate::policy::{
    compile_options::Undeclared,
    compiled::Policy,
    diff::changes,
    tests::{document, external},
};

fn compiled(document: &Value) -> Policy {
    Policy::compile(document, &external(Undeclared::Deny)).unwrap_or_else(|errors| {
        panic!("{errors}");
    })
}

fn document_of(paths: Value) -> Value {
    let mut document = document("3.1.0", paths);
    let schemes = &mut document["components"]["securitySchemes"];
    schemes["oidc1"] = json!({ "type": "openIdConnect", "openIdConnectUrl": "https://one" });
    schemes["oidc2"] = json!({ "type": "openIdConnect", "openIdConnectUrl": "https://two" });
    schemes["otherKey"] = json!({ "type": "apiKey", "in": "header", "name": "X-Other" });
    schemes["sameKey"] = json!({ "type": "apiKey", "in": "header", "name": "x-api-key" });
    document
}

fn lines(old: Value, new: Value) -> Vec<String> {
    let (old, new) = (compiled(&document_of(old)), compiled(&document_of(new)));
    changes(&old, &new).iter().map(ToString::to_string).collect()
}

fn get(security: Value) -> Value {
    json!({ "get": { "security": security } })
}

#[track_caller]
fn assert_class(old: Value, new: Value, class: &str) {
    let found = lines(json!({ "/a": get(old) }), json!({ "/a": get(new) }));
    let found: Vec<_> = found.iter().filter_map(|line| line.split(' ').next()).collect();
    let wanted: Vec<_> = class.split_whitespace().collect();
    assert_eq!(found, wanted);
}

#[test]
fn fewer_roles_or_more_alternatives_are_weaker() {
    let bearer = json!([{ "bearer": ["a"] }]);
    for weaker in [
        json!([]),
        json!([{}]),
        json!([{ "bearer": [] }]),
        json!([{ "bearer": ["a"] }, { "apiKey": [] }]),
        json!([{ "bearer": ["a"] }, {}]),
    ] {
        assert_class(bearer.clone(), weaker.clone(), "WEAKER");
        assert_class(weaker, bearer.clone(), "STRONGER");
    }
    assert_class(json!([{ "bearer": [], "apiKey": [] }]), json!([{ "apiKey": [] }]), "WEAKER");
}

#[test]
fn another_place_or_issuer_is_different_and_another_name_is_nothing() {
    assert_class(json!([{ "apiKey": [] }]), json!([{ "otherKey": [] }]), "DIFFERENT");
    assert_class(json!([{ "apiKey": [] }]), json!([{ "bearer": [] }]), "DIFFERENT");
    assert_class(json!([{ "bearer": ["a"] }]), json!([{ "bearer": ["b"] }]), "DIFFERENT");
    assert_class(json!([{ "oidc1": [] }]), json!([{ "oidc2": [] }]), "DIFFERENT");
    assert_class(json!([{ "oidc1": [] }]), json!([{ "bearer": [] }]), "WEAKER");
    assert_class(json!([{ "apiKey": [] }]), json!([{ "sameKey": [] }]), "");
    assert_class(json!([{ "bearer": [] }]), json!([{ "oauth2": [] }]), "");
    let (one, other) = (
        json!([{ "bearer": ["a", "b"] }, { "basic": [] }]),
        json!([{ "basic": [] }, { "bearer": ["b", "a"] }]),
    );
    assert_class(one, other, "");
}

#[test]
fn invalid_credentials_are_refused_where_they_are_optional() {
    let optional = json!([{ "bearer": [] }, {}]);
    assert_class(optional.clone(), json!([]), "WEAKER");
    assert_class(optional.clone(), json!([{ "apiKey": [] }, {}]), "DIFFERENT");
    assert_class(json!([{ "bearer": ["a"] }, {}]), optional, "");
    assert_class(json!([{}]), json!([]), "");
}

#[test]
fn operations_are_compared_by_method_and_path_without_parameter_names() {
    let (open, closed) = (json!([]), json!([{ "bearer": [] }]));
    let item = |security: &Value| get(security.clone());
    assert_eq!(
        lines(json!({ "/a/{x}": item(&closed) }), json!({ "/a/{y}": item(&open) })),
        ["WEAKER GET /a/{y}: {bearer: []} -> public"]
    );
    assert_eq!(
        lines(
            json!({ "/gone": item(&open), "/a": item(&open) }),
            json!({ "/a": item(&open), "/b": item(&open), "/c": item(&closed), "/d": item(&json!([{}, {"bearer": []}])) })
        ),
        [
            "ADDED GET /b: public",
            "ADDED GET /c: {bearer: []}",
            "ADDED GET /d: public, anonymous or {bearer: []}",
            "REMOVED GET /gone: public",
        ]
    );
}

#[test]
fn paths_that_differ_only_in_parameter_names_are_compared_as_one() {
    let of = |roles: Value| json!({ "security": [{ "bearer": roles }] });
    let old = json!({
        "/a/{x}": { "get": of(json!(["admin"])) },
        "/a/{y}": { "get": of(json!(["admin"])), "put": of(json!([])) },
    });
    let new = json!({
        "/a/{y}": { "get": of(json!([])) },
        "/a/{z}": { "put": of(json!(["admin"])), "post": of(json!([])) },
    });
    assert_eq!(
        lines(old.clone(), new),
        [
            "WEAKER GET /a/{y}: {bearer: [admin]} -> {bearer: []}",
            "STRONGER PUT /a/{y}: {bearer: []} -> {bearer: [admin]}",
            "ADDED POST /a/{y}: {bearer: []}",
        ]
    );
    let merged = json!({ "/a/{n}": { "put": of(json!([])), "get": of(json!(["admin"])) } });
    assert_eq!(lines(old, merged), [""; 0]);
}

#[test]
fn a_request_that_falls_to_another_operation_is_judged_by_that_one() {
    let (open, closed) = (json!([]), json!([{ "bearer": [] }]));
    let item = |security: &Value| get(security.clone());
    let both = json!({ "/users/{id}": item(&closed), "/users/me": item(&open) });
    let one = json!({ "/users/{id}": item(&closed) });
    assert_eq!(
        lines(one.clone(), both.clone()),
        ["WEAKER GET /users/me: {bearer: []} (by GET /users/{id}) -> public"]
    );
    assert_eq!(
        lines(both, one.clone()),
        ["STRONGER GET /users/me: public -> {bearer: []} (by GET /users/{id})"]
    );
    let same = json!({ "/users/{id}": item(&closed), "/users/me": item(&closed) });
    assert_eq!(lines(one, same), [""; 0]);
    let crossing =
        lines(json!({ "/users/{id}": item(&closed) }), json!({ "/{a}/list": item(&open) }));
    assert_eq!(
        crossing,
        [
            "WEAKER GET /{a}/list: {bearer: []} (by GET /users/{id}) -> public",
            "REMOVED GET /users/{id}: {bearer: []}",
        ]
    );
    let head = json!({ "/a": { "get": { "security": closed }, "head": { "security": [] } } });
    assert_eq!(
        lines(json!({ "/a": item(&closed) }), head),
        ["WEAKER HEAD /a: {bearer: []} (by GET /a) -> public"]
    );
}

#[test]
fn an_operation_that_gets_or_loses_the_requests_of_a_path_is_told() {
    let (open, closed) = (json!({ "security": [] }), json!({ "security": [{ "bearer": [] }] }));
    let one = json!({ "/users/{id}": { "get": closed, "delete": closed } });
    let mut both = one.clone();
    both["/users/me"] = json!({ "get": closed });
    assert_eq!(
        lines(both.clone(), one.clone()),
        ["WEAKER DELETE /users/me: no operation -> {bearer: []} (by DELETE /users/{id})"]
    );
    assert_eq!(
        lines(one.clone(), both.clone()),
        ["STRONGER DELETE /users/me: {bearer: []} (by DELETE /users/{id}) -> no operation"]
    );
    both["/users/me"] = json!({});
    assert_eq!(
        lines(both, one),
        [
            "WEAKER GET /users/me: no operation -> {bearer: []} (by GET /users/{id})",
            "WEAKER DELETE /users/me: no operation -> {bearer: []} (by DELETE /users/{id})",
        ]
    );
    assert_eq!(
        lines(
            json!({ "/users/me": { "get": closed } }),
            json!({ "/users/{id}": { "delete": closed } })
        ),
        ["ADDED DELETE /users/{id}: {bearer: []}", "REMOVED GET /users/me: {bearer: []}"]
    );
    let crossed = json!({ "/users/{id}": {}, "/{a}/me": { "post": open } });
    assert_eq!(
        lines(crossed, json!({ "/{a}/me": { "post": open } })),
        ["WEAKER POST /{a}/me: no operation for some paths -> public"]
    );
}

#[test]
fn changes_are_told_without_control_characters() {
    let told = lines(json!({}), json!({ "/\u{1b}[2J\n": get(json!([])) }));
    assert_eq!(told, ["ADDED GET /\\u001b[2J\\u000a: public"]);
    let told = lines(
        json!({ "/a": get(json!([{ "apiKey": [] }])) }),
        json!({ "/a": get(json!([{ "apiKeyQuery": [] }])) }),
    );
    assert_eq!(told, ["DIFFERENT GET /a: {apiKey: []} -> {apiKeyQuery: []}"]);
}

/// A credential of the small world.
#[derive(Clone, PartialEq)]
enum Sent {
    Nothing,
    Bad,
    Good { issuer: &'static str, words: Vec<&'static str> },
}

/// What a request carries as bearer token, as API key and as Basic.
type Request = [Sent; 3];

fn every_request() -> Vec<Request> {
    let good = |issuer, words: &[&'static str]| Sent::Good { issuer, words: words.to_vec() };
    let mut tokens = vec![Sent::Nothing, Sent::Bad];
    for issuer in ["ours", "oidc1", "oidc2"] {
        for words in [&[][..], &["a"], &["b"], &["a", "b"]] {
            tokens.push(good(issuer, words));
            tokens.push(good(issuer, &[words, &["read"]].concat()));
        }
    }
    let keys = [Sent::Nothing, Sent::Bad, good("", &[]), good("", &["a"])];
    let basics = [Sent::Nothing, Sent::Bad, good("", &[])];
    let mut requests = Vec::new();
    for token in &tokens {
        for key in &keys {
            // `Authorization` holds one of the two.
            let basics = if *token == Sent::Nothing { &basics[..] } else { &[Sent::Nothing] };
            for basic in basics {
                requests.push([token.clone(), key.clone(), basic.clone()]);
            }
        }
    }
    requests
}

/// What a request carries for a scheme.
fn sent<'r>(scheme: &str, request: &'r Request) -> &'r Sent {
    match (scheme, request) {
        ("apiKey" | "sameKey", [_, key, _]) => key,
        ("basic", [_, _, basic]) => basic,
        ("oidc1" | "oidc2", [Sent::Good { issuer, .. }, ..]) if *issuer != scheme => &Sent::Bad,
        (_, [token, ..]) => token,
    }
}

/// Whether a request passes, by the table of the contract.
fn passes(security: &Value, request: &Request) -> bool {
    let alternatives = security.as_array().unwrap();
    let objects = || alternatives.iter().map(|one| one.as_object().unwrap());
    let is_met = |(scheme, words): (&String, &Value)| match sent(scheme, request) {
        Sent::Good { words: has, .. } => {
            words.as_array().unwrap().iter().all(|word| has.contains(&word.as_str().unwrap()))
        }
        _ => false,
    };
    alternatives.is_empty()
        || objects().any(|one| !one.is_empty() && one.iter().all(is_met))
        || objects().any(Map::is_empty)
            && !objects().any(|one| one.keys().any(|scheme| *sent(scheme, request) == Sent::Bad))
}

fn random_security(random: &mut StdRng) -> Value {
    let demands = [
        ("bearer", json!([])),
        ("bearer", json!(["a"])),
        ("bearer", json!(["b"])),
        ("bearer", json!(["a", "b"])),
        ("oauth2", json!([])),
        ("oauth2", json!(["read"])),
        ("oidc1", json!([])),
        ("oidc2", json!(["read"])),
        ("apiKey", json!([])),
        ("apiKey", json!(["a"])),
        ("sameKey", json!([])),
        ("basic", json!([])),
    ];
    let mut alternatives = Vec::new();
    for _ in 0..random.random_range(0..4) {
        let mut alternative = Map::new();
        for _ in 0..*[0, 1, 1, 1, 2, 2, 3].choose(random).unwrap() {
            let (scheme, words) = demands.choose(random).unwrap();
            alternative.insert((*scheme).to_owned(), words.clone());
        }
        alternatives.push(Value::Object(alternative));
    }
    Value::Array(alternatives)
}

#[test]
fn the_class_of_an_operation_is_that_of_its_requests() {
    let mut random = StdRng::seed_from_u64(12);
    let requests = every_request();
    for _ in 0..2000 {
        let (old, new) = (random_security(&mut random), random_security(&mut random));
        let is_new = |from, to| requests.iter().any(|one| passes(to, one) && !passes(from, one));
        let class = match (is_new(&old, &new), is_new(&new, &old)) {
            (true, true) => "DIFFERENT",
            (true, false) => "WEAKER",
            (false, true) => "STRONGER",
            (false, false) => "",
        };
        assert_class(old, new, class);
    }
}
