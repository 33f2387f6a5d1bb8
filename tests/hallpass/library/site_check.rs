//! `Site::check` compares an application with its document, and calls none of its handlers.

use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{
    App, HttpResponse, get,
    middleware::DefaultHeaders,
    post,
    test::{TestRequest, call_service, init_service},
    web,
};
use hallpass::{Site, testing::TestGate};
use utoipa::OpenApi;

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
#[get("/notes/{id}")]
async fn read_note() -> &'static str {
    "a note"
}

#[utoipa::path(responses((status = 200)), security(("bearer" = ["writer"])))]
#[post("/notes")]
async fn write_note() -> &'static str {
    "written"
}

#[derive(OpenApi)]
#[openapi(paths(read_note, write_note))]
struct Notes;

#[derive(OpenApi)]
#[openapi(nest((path = "/api", api = Notes)))]
struct NestedNotes;

#[get("/health")]
async fn health() -> &'static str {
    "well"
}

fn routes(config: &mut web::ServiceConfig) {
    config.service(read_note).service(write_note);
}

fn site(document: impl serde::Serialize) -> Site {
    TestGate::new().site(document).build().unwrap()
}

fn lines(text: &impl ToString) -> Vec<String> {
    let mut lines: Vec<_> = text.to_string().lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[actix_web::test]
async fn an_application_that_fits_has_nothing_to_warn_of() {
    let site = site(Notes::openapi());
    let app = App::new().wrap(site.guard()).configure(|config| site.register(config));
    let warnings = site.check(app.configure(routes)).await.unwrap();
    assert!(warnings.is_empty(), "{warnings}");
    let warnings = site.check(site.app().configure(routes)).await.unwrap();
    assert!(warnings.is_empty(), "{warnings}");
}

#[actix_web::test]
async fn handlers_that_nobody_can_reach_are_listed() {
    let site = site(NestedNotes::openapi());
    let api = web::scope("/api")
        .configure(routes)
        .service(health)
        .route("/notes", web::delete().to(HttpResponse::Ok))
        .route("/upload", web::post().to(HttpResponse::Ok))
        .route("/any/{tail:.*}", web::to(HttpResponse::Ok));
    let app = App::new().wrap(site.guard()).configure(|config| site.register(config));
    let warnings = site.check(app.service(api)).await.unwrap();
    let get_404 = "is not in the document, so requests for it get 404: document it";
    let public = "or make it public with `.public(..)`";
    let expected = [
        "DELETE /api/notes: is not in the document, so requests for it get 405: document it"
            .to_owned(),
        format!("GET /api/health (`health`): {get_404}, {public}"),
        format!("POST /api/upload: {get_404}"),
        format!("any method /api/any/{{tail:.*}}: {get_404}, {public}"),
    ];
    assert_eq!(lines(&warnings), expected);
}

#[actix_web::test]
async fn what_lies_outside_of_the_guard_is_not_listed() {
    let site = site(NestedNotes::openapi());
    let app = App::new()
        .service(web::scope("/api").wrap(site.guard()).configure(|config| {
            routes(config);
            config.service(health);
        }))
        .service(health)
        .service(web::scope("/other").service(health));
    let warnings = lines(&site.check(app).await.unwrap());
    let listed: Vec<_> =
        warnings.iter().filter(|line| line.contains("is not in the document")).collect();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert!(listed[0].starts_with("GET /api/health "), "{listed:?}");
    let others = "hallpass' own routes: are not registered: call `site.register(config)` inside of the guard";
    assert!(warnings.iter().any(|line| line == others), "{warnings:?}");
}

#[actix_web::test]
async fn an_operation_outside_of_the_guard_is_an_error() {
    let site = site(NestedNotes::openapi());
    let app = App::new()
        .service(
            web::scope("/api/notes")
                .service(web::resource("/{id}").route(web::get().to(HttpResponse::Ok))),
        )
        .service(web::scope("/api").wrap(site.guard()).service(write_note));
    let errors = site.check(app).await.unwrap_err();
    let errors = lines(&errors);
    assert!(
        errors[0].starts_with(
            "GET /api/notes/{id} (`read_note`): its handler lies outside of the guard"
        ),
        "{errors:?}"
    );
    // Around each resource is as good as around all of them.
    let notes =
        web::resource("/api/notes").wrap(site.guard()).route(web::post().to(HttpResponse::Ok));
    let note =
        web::resource("/api/notes/{id}").wrap(site.guard()).route(web::get().to(HttpResponse::Ok));
    let app = App::new().service(notes).service(note).service(health);
    let warnings = site.check(app).await.unwrap();
    assert!(!warnings.to_string().contains("health"), "{warnings}");
}

#[actix_web::test]
async fn an_application_without_its_guard_is_an_error() {
    let (site, other) = (site(Notes::openapi()), site(Notes::openapi()));
    for errors in [
        site.check(App::new().configure(routes)).await,
        site.check(App::new().wrap(other.guard()).configure(routes)).await,
    ] {
        let errors = errors.unwrap_err().to_string();
        assert!(errors.starts_with("the application: `site.guard()` is not in it"), "{errors}");
    }
}

#[actix_web::test]
async fn handlers_that_could_answer_for_another_are_errors() {
    let site = site(NestedNotes::openapi());
    let api = web::scope("/api")
        .route("/notes/{id:.*}", web::get().to(HttpResponse::Ok))
        .service(read_note);
    let app = App::new().wrap(site.guard()).service(api.service(write_note));
    let errors = site.check(app).await.unwrap_err().to_string();
    assert!(errors.contains("GET /api/notes/{id}"), "{errors}");
}

#[actix_web::test]
async fn a_public_pattern_that_the_router_does_not_have_is_told() {
    let gate = TestGate::new();
    let site =
        gate.site(Notes::openapi()).public("/spa/{tail:.*}").public("/stati").build().unwrap();
    let app = site.app().configure(routes).route("/spa/{tail:.*}", web::get().to(HttpResponse::Ok));
    let warnings = site.check(app).await.unwrap();
    let expected =
        "`/stati`: is public, and the router has no such pattern; write it as it was registered";
    assert_eq!(lines(&warnings), [expected]);
}

#[actix_web::test]
async fn no_handler_is_called_and_no_request_from_outside_is_a_probe() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let count = async || {
        CALLS.fetch_add(1, Ordering::SeqCst);
        "called"
    };
    let site = site(NestedNotes::openapi());
    let app = || {
        App::new()
            .service(web::scope("/every").route("/{tail:.*}", web::to(count)))
            .service(web::scope("/api").wrap(site.guard()).configure(routes))
            .route("/outside", web::to(count))
            .default_service(web::to(count))
            .wrap(DefaultHeaders::new())
    };
    let warnings = site.check(app()).await.unwrap().to_string();
    assert_eq!(CALLS.load(Ordering::SeqCst), 0);
    assert!(warnings.contains("the scope `/every`: it is not known whether"), "{warnings}");
    let app = init_service(app()).await;
    let request = TestRequest::with_uri("/api/notes/7").method("PROBE".parse().unwrap());
    assert_eq!(call_service(&app, request.to_request()).await.status(), 405);
}
