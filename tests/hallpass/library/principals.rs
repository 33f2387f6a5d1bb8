//! Principals in handlers, and credentials of `TestGate`.

use actix_web::{get, test as actix_test};
use hallpass::{Authenticated, Gate, Principal, Site, testing::TestGate};
use utoipa::openapi::OpenApi;

#[utoipa::path(responses((status = 200)), security(("bearer" = []), ("apiKey" = [])))]
#[get("/who")]
async fn who(principal: Principal) -> String {
    let list = |words: Vec<&str>| words.join(" ");
    let roles = list(principal.roles().iter().map(|role| role.as_str()).collect());
    let scopes = list(principal.scopes().iter().map(|scope| scope.as_str()).collect());
    format!("{} {roles} {scopes}", principal.subject())
}

#[utoipa::path(responses((status = 200)), security((), ("bearer" = []), ("apiKey" = [])))]
#[get("/scheme")]
async fn scheme(authenticated: Option<Authenticated>) -> String {
    authenticated.map_or_else(String::new, |authenticated| authenticated.scheme.to_string())
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/public")]
async fn public(principal: Option<Principal>) -> String {
    format!("{}", principal.is_some())
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/wrong")]
async fn wrong(_: Principal) -> &'static str {
    "never"
}

fn protect(gate: &Gate) -> Site {
    gate.protect(OpenApi::default(), |config| {
        config.service(who).service(scheme).service(public).service(wrong);
    })
    .unwrap()
}

/// Status and body.
async fn answer(site: &Site, path: &str, header: Option<(&str, String)>) -> (u16, String) {
    let app = actix_test::init_service(site.app()).await;
    let mut request = actix_test::TestRequest::get().uri(path);
    if let Some(header) = header {
        request = request.insert_header(header);
    }
    let response = actix_test::call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    let body = actix_test::read_body(response).await;
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[actix_web::test]
async fn handlers_get_the_principal_and_the_scheme() {
    let gate = TestGate::new();
    let site = protect(&gate);
    let token = format!("Bearer {}", gate.token("alice", &["b", "a"], &["x:y"]));
    let bearer = || Some(("Authorization", token.clone()));
    let key = gate.key("bob", &[], &[]);
    let table = [
        ("/who", bearer(), 200, "alice a b x:y"),
        ("/who", Some(("X-API-Key", key.clone())), 200, "bob  "),
        ("/scheme", bearer(), 200, "bearer"),
        ("/scheme", Some(("X-API-Key", key)), 200, "apiKey"),
        ("/scheme", None, 200, ""),
        // Public operations read no credential.
        ("/public", bearer(), 200, "false"),
    ];
    for (path, header, status, body) in table {
        assert_eq!(answer(&site, path, header).await, (status, body.to_owned()), "{path}");
    }
    assert_eq!(answer(&site, "/wrong", bearer()).await.0, 401);
}

#[actix_web::test]
async fn a_token_of_one_test_gate_is_refused_by_another() {
    let (one, other) = (TestGate::new(), TestGate::new());
    let token =
        |gate: &TestGate| Some(("Authorization", format!("Bearer {}", gate.token("a", &[], &[]))));
    other.key("a", &[], &[]);
    assert_eq!(answer(&protect(&one), "/who", token(&one)).await.0, 200);
    assert_eq!(answer(&protect(&other), "/who", token(&one)).await.0, 401);
}

#[actix_web::test]
async fn test_credentials_stay_valid_while_others_are_made() {
    let gate = TestGate::new();
    let site = protect(&gate);
    let before = format!("Bearer {}", gate.token("alice", &["a"], &[]));
    let key = gate.key("alice", &["b"], &[]);
    gate.key("bob", &[], &[]);
    let (_, body) = answer(&site, "/who", Some(("Authorization", before))).await;
    assert_eq!(body, "alice a ", "a token keeps its roles");
    let (_, body) = answer(&site, "/who", Some(("X-API-Key", key))).await;
    assert_eq!(body, "alice b ");
}
