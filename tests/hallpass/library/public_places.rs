//! Static files, the pages of an SPA, a fallback and a second documentation page are public where they are declared, and
//! nothing else is.

use std::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
};

use actix_web::{
    App, HttpResponse,
    dev::{
        AppService, HttpServiceFactory, ResourceDef, ServiceRequest, ServiceResponse, fn_service,
    },
    get,
    guard::fn_guard,
    http::Method,
    middleware::NormalizePath,
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use hallpass::{
    Site,
    testing::{TestGate, matrix},
};
use utoipa::OpenApi;

/// Everything below a prefix, as `actix_files::Files` serves it.
struct Files(&'static str);

impl HttpServiceFactory for Files {
    fn register(self, config: &mut AppService) {
        let definition = match config.is_root() {
            true => ResourceDef::root_prefix(self.0),
            false => ResourceDef::prefix(self.0),
        };
        let service = fn_service(|request: ServiceRequest| async {
            let file = format!("the file {}", request.match_info().unprocessed());
            Ok(request.into_response(HttpResponse::Ok().body(file)))
        });
        config.register_service(definition, None, service, None);
    }
}

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
#[get("/notes/{id}")]
async fn read_note() -> &'static str {
    "a secret note"
}

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
#[get("/static/notes")]
async fn notes_beside_files() -> &'static str {
    "secret notes"
}

#[derive(OpenApi)]
#[openapi(paths(read_note, notes_beside_files))]
struct Notes;

#[derive(OpenApi)]
#[openapi(nest((path = "/api", api = Notes)))]
struct NestedNotes;

async fn leak() -> &'static str {
    "a secret that is not documented"
}

/// What is documented, what is public, and what is neither.
fn routes(config: &mut web::ServiceConfig) {
    config
        .service(read_note)
        .service(notes_beside_files)
        .route("/hidden", web::get().to(leak))
        .service(web::scope("/inner").route("/hidden", web::get().to(leak)))
        .service(Files("/static"))
        .route("/swagger-ui/{_:.*}", web::get().to(async || "the pages of Swagger UI"))
        .route("/spa", web::get().to(async || "the start of the SPA"))
        .route("/spa/{tail:.*}", web::get().to(async || "a page of the SPA"));
}

fn site(gate: &TestGate) -> Site {
    let site = gate.site(NestedNotes::openapi());
    let site = site.public("/api/static").public("/api/swagger-ui/{_:.*}").public("/api/spa");
    site.public("/api/spa/{tail:.*}").public_fallback().build().unwrap()
}

type Answer<'a> = Pin<Box<dyn Future<Output = ServiceResponse> + 'a>>;
/// Asks an application.
type Ask<'a> = &'a dyn Fn(TestRequest) -> Answer<'a>;

/// The same application in each of the three ways to serve a site.
macro_rules! in_each_way {
    ($site:expr, $routes:expr, $compare:expr) => {{
        let fallback = || web::get().to(async || "the fallback");
        let scope = || web::scope("/api").configure($routes);
        macro_rules! compare {
            ($app:expr) => {{
                let app = init_service($app.default_service(fallback())).await;
                let ask = |request: TestRequest| -> Answer<'_> {
                    Box::pin(call_service(&app, request.to_request()))
                };
                $compare(&ask).await;
            }};
        }
        compare!($site.app().service(scope()));
        let app = App::new().wrap($site.guard()).configure(|config| $site.register(config));
        compare!(app.service(scope()));
        compare!(App::new().service(scope().wrap($site.guard())));
    }};
}

async fn text(response: ServiceResponse) -> (u16, String) {
    let status = response.status().as_u16();
    let body = read_body(response).await;
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[actix_web::test]
async fn declared_places_are_public_and_nothing_else_is() {
    let gate = TestGate::new();
    let site = site(&gate);
    in_each_way!(site, routes, async |ask: Ask<'_>| {
        let table = [
            ("GET", "/api/static/a.css", 200, "the file /a.css"),
            ("GET", "/api/static", 200, "the file "),
            ("GET", "/api/swagger-ui/", 200, "Swagger UI"),
            ("GET", "/api/swagger-ui/a/b.js", 200, "Swagger UI"),
            ("GET", "/api/spa", 200, "the start"),
            ("GET", "/api/spa/any/page", 200, "a page"),
            ("HEAD", "/api/spa/any/page", 200, ""),
            ("POST", "/api/static/a.css", 404, "not_found"),
            ("OPTIONS", "/api/static/a.css", 404, "not_found"),
            ("GET", "/api/hidden", 404, "not_found"),
            ("GET", "/api/inner/hidden", 404, "not_found"),
            ("GET", "/api/notes/7", 401, "missing_credentials"),
            // An operation goes before the files that the router would serve in its place.
            ("GET", "/api/static/notes", 401, "missing_credentials"),
            ("POST", "/api/static/notes", 405, "method_not_allowed"),
        ];
        for (method, path, status, body) in table {
            let request = TestRequest::with_uri(path).method(method.parse().unwrap());
            let (answered, answer) = text(ask(request).await).await;
            assert_eq!(
                (answered, answer.contains(body)),
                (status, true),
                "{method} {path}: {answer}"
            );
        }
    });
}

#[actix_web::test]
async fn the_fallback_is_that_of_the_application() {
    let gate = TestGate::new();
    let site = gate.site(Notes::openapi()).public_fallback().build().unwrap();
    let app = App::new()
        .wrap(site.guard())
        .configure(|config| site.register(config))
        .service(read_note)
        .route("/hidden", web::get().to(leak))
        .service(web::scope("/closed").default_service(web::to(leak)))
        .default_service(web::get().to(async || "the fallback"));
    let app = init_service(app).await;
    let table = [
        ("/any/page", 200, "the fallback"),
        ("/", 200, "the fallback"),
        ("/docs/", 200, "swagger"),
        ("/hidden", 404, "not_found"),
        ("/hidde%6E", 404, "not_found"),
        ("/closed/page", 404, "not_found"),
        ("/notes/7", 401, "missing_credentials"),
    ];
    for (path, status, body) in table {
        let request = TestRequest::with_uri(path).to_request();
        let (answered, answer) = text(call_service(&app, request).await).await;
        assert_eq!((answered, answer.contains(body)), (status, true), "{path}: {answer}");
    }
}

#[actix_web::test]
async fn a_pattern_whose_guard_leaves_a_request_to_another_handler_stays_closed() {
    let gate = TestGate::new();
    let site = gate.site(Notes::openapi()).public("/files/{name}").build().unwrap();
    let public = web::resource("/files/{name}")
        .guard(fn_guard(|request| request.head().headers().contains_key("x-public")));
    let app = App::new()
        .wrap(site.guard())
        .service(public.to(async || "a public file"))
        .route("/files/secret", web::get().to(leak));
    let app = init_service(app).await;
    for (is_public, status) in [(true, 200), (false, 404)] {
        let mut request = TestRequest::with_uri("/files/secret");
        if is_public {
            request = request.insert_header(("x-public", "1"));
        }
        let (answered, body) = text(call_service(&app, request.to_request()).await).await;
        assert_eq!(answered, status, "{body}");
        assert!(!body.contains("secret"), "{body}");
    }
}

/// Other ways to write a path, most of which somebody somewhere takes for the same one.
fn spellings(path: &str) -> Vec<String> {
    let mut found =
        vec![format!("{path}/"), format!("{path};x=1"), format!("/{path}"), path.to_uppercase()];
    for (at, character) in path.char_indices().skip(1) {
        let (before, behind) = (&path[..at], &path[at + 1..]);
        let others: &[&str] = match character {
            '/' => {
                &["//", "/./", "/x/../", "/%2e/", "/%2E%2e/x/", "%2F", "%2f", "\\", "%5C", "/;/"]
            }
            _ => &[],
        };
        found.extend(others.iter().map(|other| format!("{before}{other}{behind}")));
        found.push(format!("{before}%{:02X}{behind}", u32::from(character)));
        found.push(format!("{before}%25{:02X}{behind}", u32::from(character)));
    }
    found
}

#[actix_web::test]
async fn no_spelling_of_a_path_leads_to_what_is_not_public() {
    let gate = TestGate::new();
    let site = site(&gate);
    in_each_way!(site, routes, async |ask: Ask<'_>| {
        let secrets = [
            "/api/notes/7",
            "/api/static/notes",
            "/api/hidden",
            "/api/inner/hidden",
            "/login",
            "/clients",
        ];
        for path in secrets.iter().flat_map(|path| spellings(path)) {
            for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
                let Ok(_) = path.parse::<actix_web::http::Uri>() else { continue };
                let request = TestRequest::with_uri(&path).method(method.clone());
                let (status, body) = text(ask(request).await).await;
                assert!(!body.contains("secret"), "{method} {path}: {body}");
                assert!(status < 500, "{method} {path}: {status}");
            }
        }
    });
}

#[actix_web::test]
async fn a_middleware_inside_of_the_guard_leads_no_public_request_to_an_operation() {
    let gate = TestGate::new();
    let site = gate.site(Notes::openapi()).public("/{tail:.*}").build().unwrap();
    let ran = web::Data::new(AtomicUsize::new(0));
    let count = async |ran: web::Data<AtomicUsize>| {
        ran.fetch_add(1, Ordering::Relaxed);
        "a secret note"
    };
    let app = App::new()
        .wrap(NormalizePath::trim())
        .wrap(site.guard())
        .app_data(ran.clone())
        .route("/notes/{id}", web::get().to(count))
        .route("/{tail:.*}", web::get().to(async || "a page of the SPA"));
    let app = init_service(app).await;
    for (path, status) in [
        ("/notes/7", 401),
        ("/notes/7/", 404),
        ("//notes/7", 404),
        ("/notes//7", 404),
        ("/pages/7/", 200),
        ("/notes/7/more", 200),
    ] {
        let response = call_service(&app, TestRequest::with_uri(path).to_request()).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(ran.load(Ordering::Relaxed), 0, "{path}");
    }
}

#[actix_web::test]
async fn the_matrix_of_an_application_with_public_places_is_that_of_its_document() {
    let gate = TestGate::new();
    let site = site(&gate);
    let app = init_service(site.app().service(web::scope("/api").configure(routes))).await;
    let markdown = matrix(&site)
        .served_by(async |request: TestRequest| call_service(&app, request.to_request()).await)
        .await;
    assert!(markdown.contains("| GET /api/notes/{id} | 401 |"), "{markdown}");
    assert!(!markdown.contains("spa"), "{markdown}");
}
