//! An application that makes its `App` itself: the guard is wrapped around it or around a part of it.

use actix_web::{
    App, HttpResponse,
    dev::ServiceResponse,
    get, post,
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use hallpass::{
    Principal, Site,
    testing::{TestGate, matrix},
};
use serde_json::json;
use utoipa::OpenApi;

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
#[get("/notes/{id}")]
async fn read_note(id: web::Path<u32>, principal: Principal) -> String {
    format!("note {id} of {}", principal.subject())
}

#[utoipa::path(request_body = u32, responses((status = 200)), security(("bearer" = ["writer"])))]
#[post("/notes")]
async fn write_note(body: web::Json<u32>) -> String {
    format!("note {body}")
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/prices")]
async fn prices() -> &'static str {
    "prices"
}

#[derive(OpenApi)]
#[openapi(paths(read_note, write_note, prices))]
struct Notes;

/// The same in a scope.
#[derive(OpenApi)]
#[openapi(nest((path = "/api", api = Notes)))]
struct NestedNotes;

fn routes(config: &mut web::ServiceConfig) {
    config.service(read_note).service(write_note).service(prices);
}

/// Sends requests of nobody, and of a client with the role `reader`, and compares the statuses of the answers.
async fn compare<B>(
    gate: &TestGate,
    app: impl AsyncFn(TestRequest) -> ServiceResponse<B>,
    table: &[(&str, u16, u16)],
) {
    let token = gate.token("alice", &["reader"], &[]);
    for (path, nobody, reader) in table {
        let bearer = ("Authorization", format!("Bearer {token}"));
        let known = TestRequest::with_uri(path).insert_header(bearer);
        for (request, status) in [(TestRequest::with_uri(path), nobody), (known, reader)] {
            assert_eq!(app(request).await.status().as_u16(), *status, "{path}");
        }
    }
}

/// Has an application answer.
macro_rules! serving {
    ($app:expr) => {{
        let app = init_service($app).await;
        async move |request: TestRequest| call_service(&app, request.to_request()).await
    }};
}

fn site(gate: &TestGate, document: impl serde::Serialize) -> Site {
    gate.site(document).build().unwrap()
}

#[actix_web::test]
async fn a_guard_around_the_app_enforces_handlers_that_the_application_registers() {
    let gate = TestGate::new();
    let site = site(&gate, Notes::openapi());
    let app = || {
        let leak = || async { "a secret" };
        App::new()
            .wrap(site.guard())
            .configure(|config| site.register(config))
            .configure(routes)
            .route("/hidden", web::get().to(leak))
    };
    let table = [
        ("/notes/7", 401, 200),
        ("/notes/%37", 401, 200),
        ("/prices", 200, 200),
        ("/hidden", 404, 404),
        ("/clients", 401, 403),
        ("/openapi.json", 200, 200),
        ("/docs/", 200, 200),
    ];
    compare(&gate, serving!(app()), &table).await;
    let markdown = matrix(&site).served_by(serving!(app())).await;
    assert!(markdown.contains("| GET /notes/{id} | 401 |"), "{markdown}");
}

#[actix_web::test]
async fn a_guard_around_a_scope_leaves_alone_what_lies_outside() {
    let gate = TestGate::new();
    let site = site(&gate, NestedNotes::openapi());
    let outside = || async { "left alone" };
    let app = App::new()
        .service(
            web::scope("/api")
                .wrap(site.guard())
                .configure(routes)
                .route("/hidden", web::get().to(outside)),
        )
        .route("/outside", web::get().to(outside))
        .route("/apis", web::get().to(outside));
    let table = [
        ("/api/notes/7", 401, 200),
        ("/api/prices", 200, 200),
        ("/api/hidden", 404, 404),
        ("/api/nothing", 404, 404),
        ("/api", 404, 404),
        ("/outside", 200, 200),
        ("/apis", 200, 200),
        ("/nothing", 404, 404),
    ];
    compare(&gate, serving!(app), &table).await;
}

#[actix_web::test]
async fn a_guard_fits_into_a_configure_function() {
    let gate = TestGate::new();
    let site = site(&gate, NestedNotes::openapi());
    let configure = move |config: &mut web::ServiceConfig| {
        config.service(web::scope("/api").wrap(site.guard()).configure(routes));
    };
    let app = serving!(App::new().configure(configure));
    compare(&gate, &app, &[("/api/notes/7", 401, 200), ("/api/prices", 200, 200)]).await;
}

#[actix_web::test]
async fn any_json_can_be_the_document() {
    let gate = TestGate::new();
    let document = json!({
        "openapi": "3.1.0",
        "info": { "title": "Notes", "version": "1" },
        "paths": { "/notes/{note}": { "get": { "security": [{ "bearer": ["reader"] }], "responses": {} } } },
    });
    let site = site(&gate, &document);
    assert_eq!(site.document()["info"]["title"], "Notes");
    let app = serving!(App::new().wrap(site.guard()).configure(routes));
    compare(&gate, app, &[("/notes/7", 401, 200), ("/prices", 404, 404)]).await;
}

#[actix_web::test]
async fn collected_operations_stand_beside_listed_ones() {
    #[derive(OpenApi)]
    #[openapi(paths(prices))]
    struct Listed;
    let gate = TestGate::new();
    let site = gate.site(Listed::openapi()).operations(|config| {
        config.service(read_note);
    });
    let site = site.build().unwrap();
    let app = App::new().wrap(site.guard()).configure(|config| site.register(config));
    let table = [("/notes/7", 401, 200), ("/prices", 200, 200)];
    compare(&gate, serving!(app.service(prices)), &table).await;
    // `site.app()` is the same in one word.
    compare(&gate, serving!(site.app().service(prices)), &table).await;
}

#[test]
fn an_operation_that_is_documented_twice_is_refused_where_its_security_differs() {
    let gate = TestGate::new();
    let listed = |security| {
        json!({
            "openapi": "3.1.0",
            "info": { "title": "Notes", "version": "1" },
            "paths": { "/prices": { "get": { "security": security, "responses": {} } } },
        })
    };
    let build = |document| {
        let site = gate.site(document).operations(|config| {
            config.service(prices);
        });
        site.build()
    };
    assert!(build(listed(json!([]))).is_ok());
    let diagnostics = build(listed(json!([{ "bearer": [] }]))).unwrap_err().to_string();
    assert!(
        diagnostics.starts_with("GET /prices: is documented twice, with different `security`"),
        "{diagnostics}"
    );
}

#[actix_web::test]
async fn answers_of_the_framework_have_the_shape_of_refusals_inside_of_the_guard() {
    let gate = TestGate::new();
    let site = site(&gate, NestedNotes::openapi());
    let app = App::new()
        .service(web::scope("/api").wrap(site.guard()).configure(routes))
        .service(write_note);
    let app = serving!(app);
    let token = gate.token("alice", &["writer"], &[]);
    for (path, content_type) in
        [("/api/notes", "application/problem+json"), ("/notes", "text/plain; charset=utf-8")]
    {
        let request =
            TestRequest::post().uri(path).insert_header(("Content-Type", "application/json"));
        let request = request.insert_header(("Authorization", format!("Bearer {token}")));
        let response = app(request.set_payload("{")).await;
        assert_eq!(response.status(), 400, "{path}");
        assert_eq!(response.headers().get("content-type").unwrap(), content_type, "{path}");
    }
}

#[actix_web::test]
async fn two_applications_of_one_gate_are_told_apart() {
    let gate = TestGate::new();
    let (site, other) = (site(&gate, NestedNotes::openapi()), site(&gate, Notes::openapi()));
    let app = App::new().service(web::scope("/api").wrap(site.guard()).configure(routes)).service(
        web::scope("/notes").wrap(other.guard()).route("/{id}", web::get().to(HttpResponse::Ok)),
    );
    let table = [
        ("/api/notes/7", 401, 200),
        ("/notes/7", 401, 200),
        ("/api/prices", 200, 200),
        ("/notes/7/more", 404, 404),
    ];
    compare(&gate, serving!(app), &table).await;
}

#[actix_web::test]
async fn hallpass_own_routes_outside_of_the_guard_answer_nobody() {
    let gate = TestGate::new();
    let site = site(&gate, NestedNotes::openapi());
    let app = App::new()
        .configure(|config| site.register(config))
        .service(web::scope("/api").wrap(site.guard()).configure(routes));
    let app = serving!(app);
    let token = gate.token("alice", &["admin"], &[]);
    for (method, path) in [
        ("POST", "/login"),
        ("GET", "/clients"),
        ("GET", "/request"),
        ("GET", "/health/ready"),
        ("POST", "/token"),
    ] {
        let request = TestRequest::with_uri(path).method(method.parse().unwrap());
        let request = request.insert_header(("Authorization", format!("Bearer {token}")));
        let request = request.insert_header(("X-API-Key", gate.key("alice", &["admin"], &[])));
        let response = app(request).await;
        assert!(response.status().as_u16() >= 400, "{path}: {}", response.status());
        let body = read_body(response).await;
        assert!(!body.windows(5).any(|window| window == b"alice"), "{path}: {body:?}");
    }
}
