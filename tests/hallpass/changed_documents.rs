//! A changed `security` changes the behaviour of exactly its operation.
//!
//! These tests use the library, because a running program has only one document.

use std::collections::BTreeMap;

use actix_web::{http::Method, test as actix_test};
use hallpass::{Site, testing::TestGate};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use crate::{
    enforcement::{DocumentedOperation, operations},
    support::{
        accounts::unknown_key,
        security_model::{Outcome, RequestCredentials, expected},
    },
};

/// The credentials that are tried on the changed operation.
const CREDENTIALS: &[RequestCredentials] = &[
    RequestCredentials { bearer: None, key: None },
    RequestCredentials { bearer: Some("nobody"), key: None },
    RequestCredentials { bearer: Some("reader"), key: None },
    RequestCredentials { bearer: Some("admin"), key: None },
    RequestCredentials { bearer: None, key: Some("nobody") },
    RequestCredentials { bearer: None, key: Some("reader") },
    RequestCredentials { bearer: Some("admin"), key: Some("admin") },
    RequestCredentials { bearer: Some("admin"), key: Some("reader") },
];

/// Indexes of those that are tried on the other operations.
const FEW: &[usize] = &[0, 2, 6];

/// The values that `security` is changed to.
fn security_values() -> Vec<Value> {
    vec![
        json!([]),
        json!([{}]),
        json!([{ "bearer": [] }]),
        json!([{ "bearer": ["admin"] }]),
        json!([{ "bearer": ["unassigned"] }]),
        json!([{ "apiKey": [] }]),
        json!([{ "bearer": [], "apiKey": [] }]),
        json!([{ "bearer": ["admin"], "apiKey": [] }]),
        json!([{ "bearer": ["admin"] }, { "apiKey": ["reader"] }]),
        json!([{}, { "bearer": ["admin"] }]),
    ]
}

/// The clients of `security_model`, with their roles.
const CLIENTS: &[(&str, &[&str])] = &[("reader", &["reader"]), ("admin", &["admin", "reader"])];

/// hallpass' own operations and no others.
pub(crate) fn own_site() -> (TestGate, Site) {
    let gate = TestGate::new();
    let site = gate.protect(OpenApi::default(), |_| {}).unwrap();
    (gate, site)
}

/// A fresh token and an API key of each client; those of `nobody` are bad.
struct Credentials {
    tokens: BTreeMap<&'static str, String>,
    keys: BTreeMap<&'static str, String>,
}

impl Credentials {
    fn new(gate: &TestGate) -> Self {
        let of_clients = |credential: fn(&TestGate, &str, &[&str], &[&str]) -> String| {
            CLIENTS.iter().map(move |(name, roles)| (*name, credential(gate, name, roles, &[])))
        };
        let nobody = |credential: String| ("nobody", credential);
        Self {
            tokens: of_clients(TestGate::token).chain([nobody("no.such.token".into())]).collect(),
            keys: of_clients(TestGate::key).chain([nobody(unknown_key())]).collect(),
        }
    }
}

/// What every operation answers under this document: the one at `changed` to all credentials, the others to a few.
async fn observe(
    (gate, site): (TestGate, Site),
    document: &Value,
    changed: usize,
) -> Vec<Vec<Outcome>> {
    let site = site.with_document(document).unwrap();
    let app = actix_test::init_service(site.app()).await;
    let mut credentials = Credentials::new(&gate);
    let mut seen = Vec::new();
    for (position, operation) in operations(document).into_iter().enumerate() {
        let mut row = Vec::new();
        for presented in credentials_to_try(position == changed) {
            let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
            let mut request =
                actix_test::TestRequest::with_uri(&operation.concrete()).method(method);
            if let Some(client) = presented.bearer {
                let token = &credentials.tokens[client];
                request = request.insert_header(("Authorization", format!("Bearer {token}")));
            }
            if let Some(client) = presented.key {
                request = request.insert_header(("X-API-Key", credentials.keys[client].as_str()));
            }
            let response = actix_test::call_service(&app, request.to_request()).await;
            let status = response.status().as_u16();
            let body = actix_test::read_body(response).await;
            row.push(Outcome::from_answer(status, &String::from_utf8_lossy(&body)));
            if operation.path == "/logout" {
                credentials = Credentials::new(&gate);
            }
        }
        seen.push(row);
    }
    seen
}

fn credentials_to_try(all: bool) -> impl Iterator<Item = &'static RequestCredentials> {
    let tried = move |index: &usize| all || FEW.contains(index);
    (0..CREDENTIALS.len()).filter(tried).map(|index| &CREDENTIALS[index])
}

fn security_of<'d>(document: &'d mut Value, operation: &DocumentedOperation) -> &'d mut Value {
    &mut document["paths"][&operation.path][operation.method.to_ascii_lowercase()]["security"]
}

#[actix_web::test]
async fn every_change_of_security_changes_exactly_its_operation() {
    changes_exactly_with_security(|_| true, own_site).await;
}

/// Changes `security` of every operation whose path is `tried`, one after the other.
pub(crate) async fn changes_exactly_with_security(
    tried: impl Fn(&str) -> bool,
    fresh: impl Fn() -> (TestGate, Site),
) {
    let document = fresh().1.document().clone();
    let operations = operations(&document);
    let changed = |position: &usize| tried(&operations[*position].path);
    for position in (0..operations.len()).filter(changed) {
        let operation = &operations[position];
        for mutation in [vec![operation.security.clone()], security_values()].concat() {
            let mut changed = document.clone();
            *security_of(&mut changed, operation) = mutation.clone();
            let seen = observe(fresh(), &changed, position).await;
            for (index, other) in operations.iter().enumerate() {
                let here = index == position;
                let security = if here { &mutation } else { &other.security };
                let wanted: Vec<_> =
                    credentials_to_try(here).map(|one| expected(security, one)).collect();
                let what = format!("{} {} as {mutation}", operation.method, operation.path);
                assert_eq!(seen[index], wanted, "{what}, seen at {} {}", other.method, other.path);
            }
        }
    }
}

#[test]
fn a_document_that_cannot_be_enforced_is_refused_with_the_operation() {
    let (_, site) = own_site();
    let document = site.document().clone();
    for operation in operations(&document) {
        let refused = |changed: &Value| {
            let diagnostics = site.with_document(changed).expect_err("it is refused").to_string();
            let method = operation.method.to_ascii_lowercase();
            let pointer = operation.path.replace('/', "~1");
            let named = diagnostics.contains(&operation.path) || diagnostics.contains(&pointer);
            assert!(named && diagnostics.to_ascii_lowercase().contains(&method), "{diagnostics}");
        };
        let mut without = document.clone();
        let item = &mut without["paths"][&operation.path][operation.method.to_ascii_lowercase()];
        item.as_object_mut().unwrap().remove("security").unwrap();
        refused(&without);
        let wrong = [
            json!([{ "unknown": [] }]),
            json!([{ "bearer": [] }, { "unknown": [] }]),
            json!([{ "bearer": "admin" }]),
            json!([{ "bearer": [1] }]),
            json!({ "bearer": [] }),
            json!("bearer"),
            Value::Null,
        ];
        for wrong in wrong {
            let mut changed = document.clone();
            *security_of(&mut changed, &operation) = wrong;
            refused(&changed);
        }
    }
}
