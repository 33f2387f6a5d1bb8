//! Types of the application's own for who is calling.

use std::{
    cell::Cell,
    sync::atomic::{AtomicUsize, Ordering},
};

use actix_web::{HttpRequest, get, post, test as actix_test, web};
use hallpass::{
    Caller, FromPrincipal, Principal, Refusal, Site,
    testing::{TestGate, matrix},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

/// How often the database was asked.
#[derive(Default)]
struct Database(AtomicUsize);

#[derive(Debug)]
struct User {
    name: String,
    plan: &'static str,
}

impl FromPrincipal for User {
    async fn from_principal(principal: &Principal, request: &HttpRequest) -> Result<Self, Refusal> {
        let database = request
            .app_data::<web::Data<Database>>()
            .ok_or_else(|| Refusal::internal("no database"))?;
        database.0.fetch_add(1, Ordering::Relaxed);
        actix_web::rt::task::yield_now().await;
        let plan = match principal.subject() {
            "closed" => return Err(Refusal::denied("This account is closed.")),
            "unlucky" => {
                return Err(Refusal::unavailable(
                    "The accounts are out of reach.",
                    "connection refused",
                ));
            }
            "acme" => "pro",
            _ => "free",
        };
        Ok(Self { name: principal.subject().to_owned(), plan })
    }
}

thread_local! {
    static HANDLED: Cell<usize> = const { Cell::new(0) };
}

#[utoipa::path(responses((status = 200, body = String)), security(("bearer" = []), ()))]
#[get("/plan")]
async fn show_plan(user: Option<Caller<User>>) -> String {
    HANDLED.set(HANDLED.get() + 1);
    user.map_or_else(|| "nobody".to_owned(), |user| format!("{} {}", user.name, user.plan))
}

#[derive(Deserialize, ToSchema)]
struct Note {
    text: String,
}

#[utoipa::path(request_body = Note, responses((status = 200, body = String)), security(("bearer" = [])))]
#[post("/notes")]
async fn write_note(user: Caller<User>, note: web::Json<Note>) -> String {
    HANDLED.set(HANDLED.get() + 1);
    format!("{}: {}", user.name, note.text)
}

#[utoipa::path(responses((status = 200, body = String)), security())]
#[get("/public")]
async fn public() -> &'static str {
    "public"
}

#[utoipa::path(responses((status = 200, body = String)), security(("bearer" = [])))]
#[get("/own-plan")]
async fn own_plan(user: Caller<User>) -> &'static str {
    user.plan
}

#[derive(OpenApi)]
struct Plans;

#[derive(OpenApi)]
#[openapi(paths(show_plan, write_note, public))]
struct Notes;

fn site(gate: &TestGate, database: &web::Data<Database>) -> Site {
    let database = database.clone();
    let site = gate.site(Notes::openapi()).operations(move |config| {
        config.app_data(database.clone()).service(show_plan).service(write_note).service(public);
    });
    site.principal_as::<User>().build().unwrap()
}

#[actix_web::test]
async fn the_users_type_is_made_before_the_handler_and_its_body_and_may_refuse() {
    let (gate, database) = (TestGate::new(), web::Data::new(Database::default()));
    let app = actix_test::init_service(site(&gate, &database).app()).await;
    let note = json!({ "text": "hello" }).to_string();
    let table = [
        ("GET", "/plan", None, "", 200, "nobody"),
        ("GET", "/plan", Some("acme"), "", 200, "acme pro"),
        ("HEAD", "/plan", Some("acme"), "", 200, ""),
        ("POST", "/notes", Some("acme"), note.as_str(), 200, "acme: hello"),
        // A bad body does not hide that the principal may not pass.
        ("POST", "/notes", Some("closed"), "{", 403, "denied"),
        ("POST", "/notes", Some("unlucky"), "{", 503, "unavailable"),
        ("POST", "/notes", Some("acme"), "{", 400, "invalid_request"),
        ("GET", "/public", Some("closed"), "", 200, "public"),
        // hallpass' own operations do not ask.
        ("GET", "/request", Some("closed"), "", 200, "closed"),
        ("POST", "/logout", Some("closed"), "", 200, ""),
    ];
    for (method, path, subject, body, status, text) in table {
        let request = actix_test::TestRequest::with_uri(path).method(method.parse().unwrap());
        let request = match subject {
            Some(subject) => {
                let token = gate.token(subject, &[], &[]);
                request.insert_header(("Authorization", format!("Bearer {token}")))
            }
            None => request,
        };
        let request = match body {
            "" => request,
            body => request
                .insert_header(("Content-Type", "application/json"))
                .set_payload(body.to_owned()),
        };
        let response = actix_test::call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), status, "{method} {path} of {subject:?}");
        let answered = String::from_utf8(actix_test::read_body(response).await.to_vec()).unwrap();
        assert!(answered.contains(text), "{method} {path} of {subject:?}: {answered}");
        assert!(!answered.contains("connection refused"), "{answered}");
    }
    assert_eq!(HANDLED.get(), 4, "only requests that may pass reach a handler");
    assert_eq!(
        database.0.load(Ordering::Relaxed),
        6,
        "the type is made for principals at the application's operations"
    );
}

#[actix_web::test]
async fn the_document_says_that_the_application_may_refuse() {
    let (gate, database) = (TestGate::new(), web::Data::new(Database::default()));
    let site = site(&gate, &database);
    let has_403 = |site: &Site, path: &str, method: &str| {
        !site.document()["paths"][path][method]["responses"]["403"].is_null()
    };
    assert!(has_403(&site, "/plan", "get") && has_403(&site, "/notes", "post"));
    assert!(!has_403(&site, "/public", "get"));
    let plain = gate.site(Notes::openapi()).build().unwrap();
    assert!(!has_403(&plain, "/plan", "get"));
    assert_eq!(site.document()["paths"]["/token"], plain.document()["paths"]["/token"]);
    let changed = site.with_document(&site.document().clone()).unwrap();
    assert!(has_403(&changed, "/plan", "get"));
    let app = actix_test::init_service(changed.app()).await;
    let token = gate.token("closed", &[], &[]);
    let request = actix_test::TestRequest::get().uri("/plan");
    let request = request.insert_header(("Authorization", format!("Bearer {token}"))).to_request();
    let response = actix_test::call_service(&app, request).await;
    assert_eq!(response.status(), 403);
    let problem: Value = actix_test::read_body_json(response).await;
    assert_eq!(problem["detail"], "This account is closed.");
}

#[actix_web::test]
async fn a_handler_that_takes_a_type_which_the_site_does_not_make_answers_500() {
    let gate = TestGate::new();
    let site = gate.protect(utoipa::openapi::OpenApi::default(), |config| {
        config.service(write_note);
    });
    let app = actix_test::init_service(site.unwrap().app()).await;
    let token = gate.token("acme", &[], &[]);
    let request = actix_test::TestRequest::post().uri("/notes").set_json(json!({ "text": "a" }));
    let request = request.insert_header(("Authorization", format!("Bearer {token}"))).to_request();
    assert_eq!(actix_test::call_service(&app, request).await.status(), 500);
    let site = gate.site(Plans::openapi()).operations(|config| {
        config.service(own_plan);
    });
    let mismatches = matrix(&site.build().unwrap()).compare().await.unwrap_err().to_string();
    assert!(mismatches.contains("GET /own-plan: "), "{mismatches}");
    assert!(mismatches.contains("build the site with `.principal_as`"), "{mismatches}");
}
