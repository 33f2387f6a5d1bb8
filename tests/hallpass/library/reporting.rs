//! A site that only reports what it would refuse.

use actix_web::{
    App, HttpRequest, get,
    test::{TestRequest, call_and_read_body_json, call_service, init_service},
    web,
};
use hallpass::{FromPrincipal, OwnRoutes, Principal, Refusal, testing::TestGate};
use serde_json::{Value, json};
use utoipa::OpenApi;

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
#[get("/notes")]
async fn notes(principal: Option<Principal>) -> String {
    principal.map_or("nobody".to_owned(), |principal| principal.subject().to_string())
}

#[derive(OpenApi)]
#[openapi(paths(notes))]
struct Notes;

#[actix_web::test]
async fn what_would_be_refused_passes_for_nobody_and_our_own_operations_stay_closed() {
    let gate = TestGate::new();
    let site = gate.site(Notes::openapi()).report_only().build().unwrap();
    let app = site.app().service(notes).route("/hidden", web::to(async || "hidden"));
    let app = init_service(app).await;
    let (reader, writer) =
        (gate.token("alice", &["reader"], &[]), gate.token("bob", &["writer"], &[]));
    let table = [
        ("GET", "/notes", Some(&reader), 200, "alice"),
        ("GET", "/notes", Some(&writer), 200, "nobody"),
        ("GET", "/notes", None, 200, "nobody"),
        ("HEAD", "/notes", None, 200, "nobody"),
        ("GET", "/hidden", None, 200, "hidden"),
        ("DELETE", "/hidden", None, 200, "hidden"),
        ("DELETE", "/notes", None, 404, ""),
        ("GET", "/nothing", None, 404, ""),
        ("GET", "/clients", None, 401, ""),
        ("GET", "/clients", Some(&reader), 403, ""),
        ("GET", "/request", None, 401, ""),
    ];
    for (method, path, token, status, body) in table {
        let mut request = TestRequest::with_uri(path).method(method.parse().unwrap());
        if let Some(token) = token {
            request = request.insert_header(("Authorization", format!("Bearer {token}")));
        }
        let response = call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), status, "{method} {path}");
        let answer = actix_web::test::read_body(response).await;
        assert!(status != 200 || answer == body, "{method} {path}: {answer:?}");
    }
    let ready: Value =
        call_and_read_body_json(&app, TestRequest::with_uri("/health/ready").to_request()).await;
    assert_eq!((&ready["status"], &ready["policy_mode"]), (&"degraded".into(), &"report".into()));
}

struct Nobody;

impl FromPrincipal for Nobody {
    async fn from_principal(_: &Principal, _: &HttpRequest) -> Result<Self, Refusal> {
        Err(Refusal::denied("This account is closed."))
    }
}

#[actix_web::test]
async fn a_request_that_the_application_would_refuse_passes_for_nobody_too() {
    let gate = TestGate::new();
    let site = gate.site(Notes::openapi()).principal_as::<Nobody>();
    let app = init_service(site.report_only().build().unwrap().app().service(notes)).await;
    let token = gate.token("alice", &["reader"], &[]);
    let request = TestRequest::with_uri("/notes")
        .insert_header(("Authorization", format!("Bearer {token}")))
        .to_request();
    let response = call_service(&app, request).await;
    assert_eq!(response.status(), 200);
    assert_eq!(actix_web::test::read_body(response).await, "nobody");
}

#[actix_web::test]
async fn the_principal_of_a_guard_around_does_not_stay_where_the_inner_one_would_refuse() {
    let gate = TestGate::new();
    let outer = gate.site(Notes::openapi()).own_routes(OwnRoutes::none()).build().unwrap();
    let strict = json!({
        "openapi": "3.1.0",
        "info": { "title": "Notes", "version": "1" },
        "paths": { "/notes": { "get": {
            "security": [{ "bearer": ["admin"] }],
            "responses": { "200": { "description": "The notes." } },
        } } },
    });
    let inner = gate.site(strict).own_routes(OwnRoutes::none()).report_only().build().unwrap();
    let app = App::new().wrap(inner.guard()).wrap(outer.guard()).service(notes);
    let app = init_service(app).await;
    let token = gate.token("alice", &["reader"], &[]);
    let request = TestRequest::with_uri("/notes")
        .insert_header(("Authorization", format!("Bearer {token}")))
        .to_request();
    let response = call_service(&app, request).await;
    assert_eq!(actix_web::test::read_body(response).await, "nobody");
}
