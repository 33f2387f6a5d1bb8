//! Clients that the application keeps elsewhere than in the roster: their API keys, and the tokens for these.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use actix_web::{get, http::Method, test as actix_test};
use base64::{Engine, engine::general_purpose::STANDARD};
use hallpass::{
    BoxError, ClientRecord, Clients, Gate, KeyId, NewApiKey, Principal, Site, testing::TestGate,
};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use crate::support::accounts::unknown_key;

/// What the application knows of one key.
#[derive(Debug, Clone)]
enum Known {
    Record(ClientRecord),
    Broken,
    Panics,
}

#[derive(Debug, Clone, Default)]
struct Table {
    keys: Arc<Mutex<HashMap<KeyId, Known>>>,
    asked: Arc<AtomicUsize>,
}

impl Table {
    fn set(&self, key: &NewApiKey, known: Known) {
        self.keys.lock().unwrap().insert(key.id().clone(), known);
    }

    fn add(&self, key: &NewApiKey, client: &str) {
        self.set(key, Known::Record(record(key, client)));
    }

    fn remove(&self, key: &NewApiKey) {
        self.keys.lock().unwrap().remove(key.id());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Clients for Table {
    async fn find(&self, key_id: &KeyId) -> Result<Option<ClientRecord>, BoxError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let known = self.keys.lock().unwrap().get(key_id).cloned();
        match known {
            None => Ok(None),
            Some(Known::Record(record)) => Ok(Some(record)),
            Some(Known::Broken) => Err("the database is gone".into()),
            Some(Known::Panics) => panic!("a bug of the application"),
        }
    }
}

fn record(key: &NewApiKey, client: &str) -> ClientRecord {
    ClientRecord::new(client, key.hash()).unwrap().roles(["reader"]).unwrap()
}

fn new_key() -> NewApiKey {
    NewApiKey::generate().unwrap()
}

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"]), ("apiKey" = ["reader"])))]
#[get("/who")]
async fn who(principal: Principal) -> String {
    format!("{} {:?}", principal.subject(), principal.kind())
}

/// An application that asks the table anew: what was asked before is forgotten.
fn protect(gate: &Gate, table: &Table) -> Site {
    let gate = gate.clone().with_clients(table.clone());
    gate.protect(OpenApi::default(), |config| {
        config.service(who);
    })
    .unwrap()
}

/// Status and body.
async fn send(
    site: &Site,
    method: Method,
    path: &str,
    header: (&str, &str),
    form: &str,
) -> (u16, String) {
    let app = actix_test::init_service(site.app()).await;
    let mut request = actix_test::TestRequest::with_uri(path).method(method).insert_header(header);
    if !form.is_empty() {
        request = request.set_payload(form.to_owned());
        request = request.insert_header(("Content-Type", "application/x-www-form-urlencoded"));
    }
    let response = actix_test::call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    let body = actix_test::read_body(response).await;
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn by_key(site: &Site, key: &str) -> (u16, String) {
    send(site, Method::GET, "/who", ("X-API-Key", key), "").await
}

async fn by_token(site: &Site, token: &str) -> (u16, String) {
    send(site, Method::GET, "/who", ("Authorization", &format!("Bearer {token}")), "").await
}

async fn log_in(site: &Site, key: &str) -> String {
    let (status, body) = send(site, Method::POST, "/login", ("X-API-Key", key), "").await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}

fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

#[actix_web::test]
async fn a_client_of_the_application_is_one_like_any_other() {
    let (gate, table, key) = (TestGate::new(), Table::default(), new_key());
    table.add(&key, "shop");
    let site = protect(&gate, &table);
    let came_in = (200, "shop Client".to_owned());
    assert_eq!(by_key(&site, key.expose()).await, came_in);
    let token = log_in(&site, key.expose()).await;
    assert_eq!(by_token(&site, &token).await, came_in);
    let header = basic("shop", key.expose());
    for (path, form) in [
        ("/token", "grant_type=client_credentials".to_owned()),
        ("/introspect", format!("token={token}")),
        ("/revoke", format!("token={token}")),
    ] {
        let (status, body) =
            send(&site, Method::POST, path, ("Authorization", &header), &form).await;
        assert_eq!(status, 200, "{path}: {body}");
        if path == "/introspect" {
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((&body["active"], &body["sub"]), (&json!(true), &json!("shop")));
        }
    }
    assert_eq!(by_token(&site, &token).await.0, 401, "it was revoked");
    assert_eq!(table.asked(), 1, "an answer is remembered for a moment");
    // Wrong keys, and a name that is not the key's.
    for wrong in [unknown_key(), new_key().expose().to_owned(), format!("{}x", key.expose())] {
        assert_eq!(by_key(&site, &wrong).await.0, 401);
    }
    let other = basic("other", key.expose());
    let form = "grant_type=client_credentials";
    assert_eq!(send(&site, Method::POST, "/token", ("Authorization", &other), form).await.0, 401);
}

#[actix_web::test]
async fn what_the_application_says_of_a_key_counts_for_its_tokens_too() {
    let (gate, table, key) = (TestGate::new(), Table::default(), new_key());
    table.add(&key, "shop");
    let token = log_in(&protect(&gate, &table), key.expose()).await;
    let (now, minute) = (SystemTime::now(), Duration::from_secs(60));
    let known = || record(&key, "shop");
    for (record, by_key_status, by_token_status) in [
        (known(), 200, 200),
        (known().roles(["other"]).unwrap(), 403, 403),
        (known().disabled(true), 401, 401),
        (known().expires(now + minute), 200, 200),
        (known().expires(now - minute), 401, 401),
        // The key of another client now.
        (record(&key, "else"), 200, 401),
    ] {
        let shown = format!("{record:?}");
        table.set(&key, Known::Record(record));
        let site = protect(&gate, &table);
        assert_eq!(by_key(&site, key.expose()).await.0, by_key_status, "{shown}");
        assert_eq!(by_token(&site, &token).await.0, by_token_status, "{shown}");
    }
    // Another hash under the same id.
    table.set(&key, Known::Record(record(&new_key(), "shop")));
    let site = protect(&gate, &table);
    assert_eq!(by_key(&site, key.expose()).await.0, 401);
    table.remove(&key);
    let site = protect(&gate, &table);
    assert_eq!((by_key(&site, key.expose()).await.0, by_token(&site, &token).await.0), (401, 401));
    // A key that the application gets counts at once.
    table.add(&key, "shop");
    assert_eq!((by_key(&site, key.expose()).await.0, by_token(&site, &token).await.0), (200, 200));
}

#[actix_web::test]
async fn a_key_that_cannot_be_looked_up_is_answered_with_503() {
    let (gate, table, key) = (TestGate::new(), Table::default(), new_key());
    table.add(&key, "shop");
    let token = log_in(&protect(&gate, &table), key.expose()).await;
    for known in [Known::Broken, Known::Panics] {
        table.set(&key, known.clone());
        let site = protect(&gate, &table);
        let (status, body) = by_key(&site, key.expose()).await;
        assert!(status == 503 && body.contains("\"unavailable\""), "{known:?}: {status} {body}");
        assert_eq!(by_token(&site, &token).await.0, 503, "{known:?}");
    }
    // The roster needs nobody.
    let own = gate.key("billing", &["reader"], &[]);
    assert_eq!(by_key(&protect(&gate, &table), &own).await.0, 200);
}

#[actix_web::test]
async fn the_names_and_keys_of_the_roster_come_first() {
    let (gate, table) = (TestGate::new(), Table::default());
    let (as_client, as_user, own) = (new_key(), new_key(), new_key());
    let roster_key = gate.key("billing", &[], &[]);
    gate.user("alice", "open sesame", &[], &[]);
    table.add(&as_client, "billing");
    table.add(&as_user, "alice");
    table.add(&own, "late");
    let site = protect(&gate, &table);
    for key in [&as_client, &as_user] {
        assert_eq!(by_key(&site, key.expose()).await.0, 401);
    }
    assert_eq!(by_key(&site, &roster_key).await.0, 403, "its roles are those of the roster");
    assert_eq!(table.asked(), 2, "a key of the roster is not looked up");
    // A client that the roster gets later ends the application's of this name.
    let token = log_in(&site, own.expose()).await;
    assert_eq!(by_token(&site, &token).await.0, 200);
    gate.key("late", &["reader"], &[]);
    assert_eq!((by_key(&site, own.expose()).await.0, by_token(&site, &token).await.0), (401, 401));
    // Users of the roster do not speak through clients that it does not have.
    let shop = new_key();
    table.add(&shop, "shop");
    let form = "grant_type=password&username=alice&password=open+sesame";
    let header = basic("shop", shop.expose());
    let (status, body) =
        send(&site, Method::POST, "/token", ("Authorization", &header), form).await;
    assert!(status == 400 && body.contains("unauthorized_client"), "{status} {body}");
}

#[test]
fn records_are_checked_and_keys_are_secrets() {
    let key = new_key();
    assert!(ClientRecord::new("a b", key.hash()).is_err());
    for hash in ["", "$2b$", "secret", &key.hash().replace("$10$", "$31$")] {
        let error = ClientRecord::new("shop", hash).unwrap_err().to_string();
        assert!(error.starts_with("the hash "), "{error}");
    }
    assert!(ClientRecord::new("shop", key.hash()).unwrap().roles(["a b"]).is_err());
    let shown = format!("{key:?} {:?}", record(&key, "shop"));
    let secret = key.expose().rsplit('_').next().unwrap();
    assert!(!shown.contains(secret) && !shown.contains(key.hash()), "{shown}");
}
