//! People whom the application knows: their tokens in an application with a registration and a login of its own.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use actix_web::{
    HttpResponse, get,
    http::{Method, header::HeaderMap},
    post, test as actix_test, web,
};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use hallpass::{
    Account, AccountError, AccountId, AccountStatus, Accounts, Authenticated, BoxError, Gate,
    Principal, Refusal, Site, TokenResponse, testing::TestGate,
};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

/// What the application knows of one account.
#[derive(Debug, Clone)]
enum Known {
    Status(AccountStatus),
    Broken,
    Panics,
    Hangs,
}

#[derive(Debug, Clone, Default)]
struct People(Arc<Mutex<HashMap<String, Known>>>);

impl People {
    fn set(&self, id: &str, known: Known) {
        self.0.lock().unwrap().insert(id.to_owned(), known);
    }

    fn add(&self, id: &str, roles: &[&str]) {
        self.set(id, Known::Status(status(roles)));
    }

    fn remove(&self, id: &str) {
        self.0.lock().unwrap().remove(id);
    }
}

impl Accounts for People {
    async fn find(&self, account: &AccountId) -> Result<Option<AccountStatus>, BoxError> {
        let known = self.0.lock().unwrap().get(account.as_str()).cloned();
        match known {
            None => Ok(None),
            Some(Known::Status(status)) => Ok(Some(status)),
            Some(Known::Broken) => Err("the database is gone".into()),
            Some(Known::Panics) => panic!("a bug of the application"),
            Some(Known::Hangs) => pending().await,
        }
    }
}

fn status(roles: &[&str]) -> AccountStatus {
    AccountStatus::new().roles(roles).unwrap()
}

/// Log in with a password that the application checks
#[utoipa::path(responses((status = 200, body = TokenResponse)), security())]
#[post("/sign-in/{name}")]
async fn sign_in(gate: web::Data<Gate>, name: web::Path<String>) -> Result<TokenResponse, Refusal> {
    Ok(gate.issue(Account::new(&name).unwrap()).await?)
}

#[utoipa::path(responses((status = 200)), security())]
#[post("/sign-in-by-cookie/{name}")]
async fn sign_in_by_cookie(
    gate: web::Data<Gate>,
    name: web::Path<String>,
) -> Result<HttpResponse, actix_web::Error> {
    let token = gate.issue(Account::new(&name).unwrap()).await?;
    let cookie = gate.session_cookie(&token);
    Ok(HttpResponse::NoContent().cookie(cookie).finish())
}

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"]), ("session" = ["reader"])))]
#[get("/who")]
async fn who(principal: Principal) -> String {
    let account = principal.account().map(AccountId::as_str);
    format!("{} {:?} {account:?}", principal.subject(), principal.kind())
}

#[utoipa::path(responses((status = 204)), security(("bearer" = []), ("apiKey" = [])))]
#[post("/sign-out")]
async fn sign_out(
    gate: web::Data<Gate>,
    authenticated: Authenticated,
) -> Result<HttpResponse, Refusal> {
    gate.revoke(&authenticated).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[utoipa::path(responses((status = 200)), security(("bearer" = [], "apiKey" = [])))]
#[get("/both")]
async fn both() -> &'static str {
    "both"
}

#[utoipa::path(responses((status = 200)), security(("bearer" = []), ()))]
#[get("/optional")]
async fn optional(principal: Option<Principal>) -> String {
    principal.is_some().to_string()
}

#[utoipa::path(responses((status = 200)), security(("bearer" = [])))]
#[get("/plan")]
async fn plan(principal: Principal) -> String {
    format!("{:?} {:?}", principal.claim::<String>("plan"), principal.claim::<String>("other"))
}

fn protect(gate: &Gate) -> Site {
    gate.protect(OpenApi::default(), |config| {
        config.service(sign_in).service(sign_in_by_cookie).service(sign_out);
        config.service(who).service(both).service(optional).service(plan);
    })
    .unwrap()
}

/// A gate with these accounts, and its site.
fn application() -> (TestGate, People, Site) {
    let people = People::default();
    let gate = TestGate::new().with_accounts(people.clone());
    let site = protect(&gate);
    (gate, people, site)
}

type Headers<'h> = &'h [(&'h str, &'h str)];

/// Status, headers and body.
async fn send(
    site: &Site,
    method: Method,
    path: &str,
    headers: Headers<'_>,
    form: &str,
) -> (u16, HeaderMap, String) {
    let app = actix_test::init_service(site.app()).await;
    let mut request = actix_test::TestRequest::with_uri(path).method(method);
    for header in headers {
        request = request.insert_header(*header);
    }
    if !form.is_empty() {
        request = request.set_payload(form.to_owned());
        request = request.insert_header(("Content-Type", "application/x-www-form-urlencoded"));
    }
    let response = actix_test::call_service(&app, request.to_request()).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = actix_test::read_body(response).await;
    (status, headers, String::from_utf8(body.to_vec()).unwrap())
}

fn one<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).unwrap().to_str().unwrap()
}

async fn get(site: &Site, path: &str, token: &str) -> (u16, String) {
    let bearer = format!("Bearer {token}");
    let (status, _, body) = send(site, Method::GET, path, &[("Authorization", &bearer)], "").await;
    (status, body)
}

async fn token_of(gate: &Gate, id: &str) -> String {
    gate.issue(Account::new(id).unwrap()).await.unwrap().access_token().to_owned()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn code(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    body["code"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn an_account_logs_in_at_the_application_and_comes_in_until_it_logs_out() {
    let (_gate, people, site) = application();
    people.add("alice", &["reader"]);
    let (status, headers, body) = send(&site, Method::POST, "/sign-in/alice", &[], "").await;
    assert_eq!((status, one(&headers, "cache-control")), (200, "no-store"));
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(1800)));
    let token = answer["access_token"].as_str().unwrap();
    let claims = claims(token);
    assert_eq!(claims["sub"], "account/alice");
    assert_eq!((&claims["client_id"], &claims["roles"]), (&claims["iss"], &json!(["reader"])));
    let came_in = (200, "alice Account Some(\"alice\")".to_owned());
    assert_eq!(get(&site, "/who", token).await, came_in);
    let (status, body) = get(&site, "/request", token).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &body["sub"], &body["kind"]),
        (200, &json!("account/alice"), &json!("account"))
    );
    assert_eq!(body.get("client_id"), None);
    let bearer = format!("Bearer {token}");
    let logout = send(&site, Method::POST, "/logout", &[("Authorization", &bearer)], "").await;
    assert_eq!(logout.0, 200);
    assert_eq!(get(&site, "/who", token).await.0, 401);
    // By cookie, for browsers.
    let (_, headers, _) = send(&site, Method::POST, "/sign-in-by-cookie/alice", &[], "").await;
    let cookie = one(&headers, "set-cookie");
    assert!(cookie.starts_with("access_token=") && cookie.contains("HttpOnly"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(send(&site, Method::GET, "/who", &[("Cookie", cookie)], "").await.0, 200);
}

#[actix_web::test]
async fn a_token_carries_claims_of_the_application() {
    let (gate, people, site) = application();
    people.add("alice", &["reader"]);
    let account = Account::new("alice").unwrap().claim("plan", "pro").unwrap();
    let token = gate.issue(account.claim("beta", true).unwrap()).await.unwrap();
    let token = token.access_token();
    assert_eq!((&claims(token)["plan"], &claims(token)["beta"]), (&json!("pro"), &json!(true)));
    assert_eq!(get(&site, "/plan", token).await, (200, "Some(\"pro\") None".to_owned()));
    let key = gate.key("billing", &[], &[]);
    let basic = format!("Basic {}", STANDARD.encode(format!("billing:{key}")));
    let (headers, form) = ([("Authorization", basic.as_str())], format!("token={token}"));
    let (_, _, told) = send(&site, Method::POST, "/introspect", &headers, &form).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["plan"], &told["sub"]), (&json!("pro"), &json!("account/alice")));
    for name in ["sub", "iss", "roles", "active"] {
        let refused = Account::new("alice").unwrap().claim(name, "x").unwrap_err();
        assert!(matches!(refused, AccountError::Claim(_)), "{name}");
    }
}

#[actix_web::test]
async fn what_the_application_says_counts_at_once() {
    let (gate, people, site) = application();
    people.add("alice", &["reader", "writer"]);
    let token = token_of(&gate, "alice").await;
    let now = SystemTime::now();
    for (known, expected) in [
        (status(&["reader"]), (200, "")),
        (status(&["writer"]), (403, "insufficient_scope")),
        (status(&["reader"]).disabled(true), (401, "invalid_token")),
        (status(&["reader"]).disabled(false), (200, "")),
        (status(&["reader"]).valid_since(now - Duration::from_secs(60)), (200, "")),
        (status(&["reader"]).valid_since(now + Duration::from_secs(60)), (401, "invalid_token")),
    ] {
        people.set("alice", Known::Status(known));
        let (status, body) = get(&site, "/who", &token).await;
        let code = if status == 200 { String::new() } else { code(&body) };
        assert_eq!((status, code.as_str()), expected);
    }
    people.remove("alice");
    assert_eq!(get(&site, "/who", &token).await.0, 401);
    // An id that somebody else gets is the application's mistake: it says since when.
    people.add("alice", &["reader"]);
    assert_eq!(get(&site, "/who", &token).await.0, 200);
}

#[actix_web::test]
async fn an_account_that_cannot_be_looked_up_is_answered_with_503() {
    let (gate, people, site) = application();
    people.add("alice", &["reader"]);
    let token = token_of(&gate, "alice").await;
    let key = gate.key("billing", &["reader"], &[]);
    let basic = format!("Basic {}", STANDARD.encode(format!("billing:{key}")));
    for known in [Known::Broken, Known::Panics, Known::Hangs] {
        people.set("alice", known.clone());
        let (status, body) = get(&site, "/who", &token).await;
        assert_eq!((status, code(&body).as_str()), (503, "unavailable"), "{known:?}");
        assert!(!body.contains("database"), "{body}");
        if matches!(known, Known::Hangs) {
            continue;
        }
        // Neither taken for nobody, nor for an inactive one.
        assert_eq!(get(&site, "/optional", &token).await.0, 503);
        let form = format!("token={token}");
        let headers = [("Authorization", basic.as_str())];
        let told = send(&site, Method::POST, "/introspect", &headers, &form).await;
        assert_eq!(told.0, 503, "{}", told.2);
        let refused = gate.issue(Account::new("alice").unwrap()).await.unwrap_err();
        assert!(matches!(refused, AccountError::Unavailable(_)), "{refused}");
        assert_eq!(send(&site, Method::POST, "/sign-in/alice", &[], "").await.0, 503);
    }
    // The worker goes on.
    people.add("alice", &["reader"]);
    assert_eq!(get(&site, "/who", &token).await.0, 200);
}

#[actix_web::test]
async fn an_account_never_passes_for_a_client_or_user_of_its_name() {
    let (gate, people, site) = application();
    people.add("billing", &["reader"]);
    people.add("alice", &["reader"]);
    gate.user("alice", "open sesame", &["admin"], &[]);
    let key = gate.key("billing", &["admin"], &[]);
    let (token, client_token) = (token_of(&gate, "billing").await, gate.token("billing", &[], &[]));
    // Two credentials that are demanded together.
    for (token, expected) in [(&token, 403), (&client_token, 200)] {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("X-API-Key", key.as_str())];
        let (status, _, body) = send(&site, Method::GET, "/both", &headers, "").await;
        assert_eq!(status, expected, "{body}");
    }
    // The roles of the roster's client are not its own.
    assert_eq!(get(&site, "/clients", &token).await.0, 403);
    // Where clients and users authenticate themselves, a token is nothing.
    for path in ["/login", "/token", "/introspect", "/revoke"] {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        let form = "token=x&grant_type=client_credentials";
        let (status, _, body) = send(&site, Method::POST, path, &headers, form).await;
        assert_eq!(status, 401, "{path}: {body}");
    }
    // A client is told that the token is active, and not to whom it belongs in the roster; it cannot revoke it.
    let basic = format!("Basic {}", STANDARD.encode(format!("billing:{key}")));
    let headers = [("Authorization", basic.as_str())];
    let form = format!("token={token}");
    let (_, _, told) = send(&site, Method::POST, "/introspect", &headers, &form).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["active"], &told["sub"]), (&json!(true), &json!("account/billing")));
    assert_eq!((&told["client_id"], &told["roles"]), (&told["iss"], &json!(["reader"])));
    let (status, _, body) = send(&site, Method::POST, "/revoke", &headers, &form).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("unauthorized_client"), "{body}");
    assert_eq!(get(&site, "/who", &token).await.0, 200);
    people.remove("billing");
    let (_, _, told) = send(&site, Method::POST, "/introspect", &headers, &form).await;
    assert_eq!(told, "{\"active\":false}");
    // The other way round.
    assert_eq!(get(&site, "/who", &client_token).await.0, 403);
    assert!(get(&site, "/request", &client_token).await.1.contains("\"client\""));
}

#[actix_web::test]
async fn a_gate_without_accounts_takes_no_tokens_of_accounts_and_issues_none() {
    let (gate, people) = (TestGate::new(), People::default());
    people.add("alice", &["reader"]);
    let refused = gate.issue(Account::new("alice").unwrap()).await.unwrap_err();
    assert_eq!(refused, AccountError::NoAccounts);
    let site = protect(&gate);
    assert_eq!(send(&site, Method::POST, "/sign-in/alice", &[], "").await.0, 500);
    let with = gate.clone().with_accounts(people);
    let token = token_of(&with, "alice").await;
    assert_eq!(get(&site, "/who", &token).await.0, 200, "clones share their accounts");
    let none = with.clone().with_accounts(People::default());
    let unknown = none.issue(Account::new("alice").unwrap()).await.unwrap_err();
    assert!(matches!(unknown, AccountError::Unknown(id) if id.as_str() == "alice"));
    assert_eq!(send(&site, Method::POST, "/sign-in/alice", &[], "").await.0, 403);
    assert_eq!(get(&site, "/who", &token).await.0, 401, "the last accounts count");
}

#[actix_web::test]
async fn names_that_no_account_has_are_refused_before_anybody_is_asked() {
    for bad in ["", "a b", "a\n", "\u{e4}", &"x".repeat(256)] {
        assert!(Account::new(bad).is_err(), "{bad:?}");
    }
    assert!(Account::new("alice").unwrap().roles(["a b"]).is_err());
    assert!(AccountStatus::new().scopes(["a\"b"]).is_err());
    let token = format!("{:?}", {
        let (gate, people, _site) = application();
        people.add("alice", &[]);
        gate.issue(Account::new("alice").unwrap()).await.unwrap()
    });
    assert_eq!(token, "TokenResponse { expires_in: 1800, .. }", "a token is a secret");
}

#[actix_web::test]
async fn a_logout_of_the_application_revokes_the_token_of_the_request() {
    let (gate, people, site) = application();
    people.add("alice", &["reader"]);
    let (ended, other) = (token_of(&gate, "alice").await, token_of(&gate, "alice").await);
    let bearer = format!("Bearer {ended}");
    let headers = [("Authorization", bearer.as_str())];
    assert_eq!(send(&site, Method::POST, "/sign-out", &headers, "").await.0, 204);
    assert_eq!(send(&site, Method::POST, "/sign-out", &headers, "").await.0, 401);
    assert_eq!(get(&site, "/who", &ended).await.0, 401);
    assert_eq!(get(&site, "/who", &other).await.0, 200);
    let key = gate.key("billing", &[], &[]);
    let headers = [("X-API-Key", key.as_str())];
    let (status, _, body) = send(&site, Method::POST, "/sign-out", &headers, "").await;
    assert_eq!(status, 400, "a key is not revoked by its holder: {body}");
}
