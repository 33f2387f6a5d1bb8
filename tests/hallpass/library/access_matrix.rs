//! `hallpass::testing::matrix`: an application is compared with its document.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use actix_web::{
    HttpResponse,
    body::BoxBody,
    delete,
    dev::ServiceRequest,
    get,
    guard::fn_guard,
    http::header::{AUTHORIZATION, HeaderValue},
    middleware::{Next, from_fn},
    post, put,
    test::{TestRequest, call_service, init_service},
    web,
};
use hallpass::{
    Authenticated, Principal, Site,
    testing::{TestGate, matrix},
};
use serde_json::json;
use utoipa::OpenApi;

use crate::support::folder::Folder;

#[derive(OpenApi)]
struct About;

#[utoipa::path(responses((status = 200)), security())]
#[get("/prices")]
async fn prices() -> &'static str {
    "prices"
}

#[utoipa::path(responses((status = 200)), security(("bearer" = []), ()))]
#[get("/greeting")]
async fn greeting(principal: Option<Principal>) -> String {
    principal.map_or("stranger".to_owned(), |principal| principal.subject().to_string())
}

#[utoipa::path(
    responses((status = 200)),
    security(("bearer" = ["reader"]), ("session" = ["reader", "auditor"]), ("basic" = [])),
)]
#[get("/reports")]
async fn reports(_: Authenticated) -> &'static str {
    "reports"
}

#[utoipa::path(responses((status = 200)), security(("oauth2" = ["reports:write", "reports:read"]), ("apiKeyQuery" = [])))]
#[post("/reports")]
async fn write_report(calls: web::Data<AtomicUsize>) -> &'static str {
    calls.fetch_add(1, Ordering::SeqCst);
    "written"
}

#[utoipa::path(
    params(("id" = u32, Path, example = 7)),
    responses((status = 200)),
    security(("bearer" = ["admin"], "apiKey" = []), ("session" = ["admin"], "apiKeyCookie" = [])),
)]
#[delete("/reports/{id}")]
async fn delete_report(id: web::Path<u32>) -> HttpResponse {
    assert_eq!(id.into_inner(), 7);
    HttpResponse::Forbidden().body("this report is not yours")
}

#[utoipa::path(responses((status = 200)), security(("bearer" = [])))]
#[put("/limits")]
async fn set_limits() -> &'static str {
    "set"
}

#[utoipa::path(responses((status = 200)), security(("bearer" = [])))]
#[get("/broken")]
async fn broken() -> &'static str {
    panic!("as handlers may")
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/profile")]
async fn profile(principal: Principal) -> String {
    principal.subject().to_string()
}

#[utoipa::path(responses((status = 200)), security(("bearer" = []), ()))]
#[get("/account")]
async fn account(_: Authenticated) -> &'static str {
    "yours"
}

/// A site with every kind of `security`, and how often its handler of `POST /reports` ran.
fn site() -> (TestGate, Site, Arc<AtomicUsize>) {
    let gate = TestGate::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = web::Data::from(Arc::clone(&calls));
    let site = gate.protect(About::openapi(), move |config| {
        config.app_data(counted.clone()).service(prices).service(greeting).service(reports);
        config.service(write_report).service(delete_report).service(set_limits);
        config.route("/hidden/{id}", web::get().to(HttpResponse::Ok));
    });
    (gate, site.unwrap(), calls)
}

async fn mismatches(site: &Site) -> String {
    matrix(site).compare().await.expect_err("something is wrong").to_string()
}

#[actix_web::test]
async fn an_application_that_answers_as_documented_gets_its_matrix() {
    let (_gate, site, calls) = site();
    let markdown = matrix(&site).await;
    assert!(calls.load(Ordering::SeqCst) > 0, "the handlers run");
    assert!(markdown.contains("| GET /prices | 200 | 200 |"), "{markdown}");
    assert!(markdown.contains("| GET /greeting | 200 | 401 |"), "{markdown}");
    // The same as `explain --matrix`, which does not know the pages beside the document.
    let folder = Folder::new();
    folder.write("openapi.json", &site.document().to_string());
    let explained = folder.run("explain --matrix --openapi openapi.json").success().out;
    let mut rows = markdown.lines();
    for row in explained.lines() {
        assert!(rows.any(|one| one == row), "{row}\n{markdown}");
    }
}

#[actix_web::test]
async fn every_kind_of_security_is_answered_as_its_matrix_says() {
    let (_gate, site, _) = site();
    let document = site.document();
    for security in [
        json!([]),
        json!([{}]),
        json!([{ "bearer": ["a"] }, { "session": ["b"] }]),
        json!([{ "session": ["a", "b"] }, { "apiKeyCookie": [] }]),
        json!([{ "session": ["a"], "apiKey": ["b"] }]),
        json!([{ "basic": ["a"] }, { "bearer": ["b"] }]),
        json!([{ "basic": ["a"], "session": [] }, { "oauth2": ["c:d"] }]),
        json!([{ "apiKey": [], "apiKeyQuery": [] }, { "openIdConnect": ["e"] }]),
        json!([{}, { "bearer": ["a"] }, { "basic": [] }]),
        json!([{ "apiKeyQuery": ["a"], "oauth2": ["e", "c:d"] }]),
    ] {
        let mut changed = document.clone();
        for (path, method) in [("/prices", "get"), ("/reports/{id}", "delete")] {
            changed["paths"][path][method]["security"] = security.clone();
        }
        let flows = &mut changed["components"]["securitySchemes"]["oauth2"]["flows"];
        for flow in flows.as_object_mut().unwrap().values_mut() {
            flow["scopes"]["c:d"] = "".into();
            flow["scopes"]["e"] = "".into();
        }
        let site = site.with_document(&changed).unwrap();
        let compared = matrix(&site).compare().await;
        assert!(compared.is_ok(), "{security}: {}", compared.unwrap_err());
    }
}

#[actix_web::test]
async fn a_handler_that_needs_more_than_its_document_says_is_reported() {
    let gate = TestGate::new();
    let site = gate.protect(About::openapi(), |config| {
        config.service(profile).service(account);
    });
    let report = mismatches(&site.unwrap()).await;
    for operation in ["GET /profile", "HEAD /profile", "GET /account"] {
        let line = format!("- {operation}: the document lets it pass, but its handler needs");
        assert!(report.contains(&line), "{report}");
    }
    assert!(report.contains("`nothing`, without a credential"), "{report}");
    // A caller with a token gets its account.
    let lines = report.split("- ").find(|part| part.starts_with("GET /account")).unwrap();
    assert!(!lines.contains("Authorization: Bearer"), "{report}");
}

#[actix_web::test]
async fn a_documented_operation_without_a_handler_is_reported() {
    let (_gate, site, _) = site();
    let mut document = site.document().clone();
    let operation = json!({ "responses": {}, "security": [{ "bearer": ["reader"] }] });
    document["paths"]["/nowhere"] = json!({ "get": operation });
    document["paths"]["/prices"]["delete"] = operation;
    let report = mismatches(&site.with_document(&document).unwrap()).await;
    assert!(
        report.contains("- GET /nowhere: the document says 401, the answer is 404"),
        "{report}"
    );
    for operation in ["GET /nowhere", "DELETE /prices"] {
        let line =
            format!("- {operation}: the document lets it pass, but no handler is registered");
        assert!(report.contains(&line), "{report}");
    }
}

#[actix_web::test]
async fn an_operation_that_another_handler_answers_is_reported() {
    let (_gate, site, _) = site();
    let mut document = site.document().clone();
    let operation = json!({ "responses": {}, "security": [{ "bearer": ["reader"] }] });
    document["paths"]["/late/{id}"] = json!({ "get": operation });
    let site = site.with_document(&document).unwrap();
    let own = web::resource("/late/{id}").guard(fn_guard(|_| false)).to(HttpResponse::Ok);
    let app = site.app().service(own).route("/{any}/{thing}", web::get().to(HttpResponse::Ok));
    let app = init_service(app).await;
    let served =
        matrix(&site).served_by(async |request| call_service(&app, request.to_request()).await);
    let report = served.compare().await.unwrap_err().to_string();
    let line =
        "- GET /late/{id}: the handler of /{any}/{thing} answers it\n    `roles auditor, reader`, ";
    assert!(report.contains(line), "{report}");
}

/// What is reported of the site behind a middleware that changes requests or answers them.
async fn reported_behind(front: fn(&mut ServiceRequest) -> Option<HttpResponse>) -> String {
    let (_gate, site, _) = site();
    let middleware = move |mut request: ServiceRequest, next: Next<BoxBody>| async move {
        match front(&mut request) {
            Some(answer) => Ok(request.into_response(answer)),
            None => next.call(request).await,
        }
    };
    let app = init_service(site.app().wrap(from_fn(middleware))).await;
    let served =
        matrix(&site).served_by(async |request| call_service(&app, request.to_request()).await);
    served.compare().await.map_or_else(|mismatches| mismatches.to_string(), |_| String::new())
}

#[actix_web::test]
async fn an_application_around_the_site_is_compared() {
    assert_eq!(reported_behind(|_| None).await, "");
    // A cookie is taken for a token: laxer than the document, where it has no cookie.
    let laxer = reported_behind(|request| {
        let token = request.cookie("access_token")?.value().to_owned();
        let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
        request.headers_mut().insert(AUTHORIZATION, value);
        None
    });
    let laxer = laxer.await;
    let line = "- PUT /limits: the document says 401, but it passes and is answered 200\n    \
                `both`, in the cookie access_token";
    assert!(laxer.contains(line), "{laxer}");
    let stricter = reported_behind(|request| {
        request.headers_mut().remove(AUTHORIZATION);
        None
    });
    let stricter = stricter.await;
    let line = "- PUT /limits: the document lets it pass, but it is refused with 401\n    \
                `token`, in Authorization: Bearer";
    assert!(stricter.contains(line), "{stricter}");
    let undocumented = reported_behind(|request| {
        let is_taken = request.path() == "/prices" && request.method() == "PUT"
            || request.path().starts_with("/hidden/");
        is_taken.then(|| HttpResponse::Ok().finish())
    });
    let undocumented = undocumented.await;
    for line in [
        "- PUT /prices: the document says 405, but it passes and is answered 200",
        "- GET /hidden/example: the document says 404, but it passes and is answered 200",
    ] {
        assert!(undocumented.contains(line), "{undocumented}");
    }
}

#[actix_web::test]
async fn an_answer_that_imitates_a_refusal_is_no_refusal() {
    let report = reported_behind(|request| {
        let problem = json!({ "type": "about:blank", "title": "Unauthorized", "status": 401,
            "detail": "No credential was presented.", "code": "missing_credentials" });
        let mut answer = HttpResponse::Unauthorized();
        answer.insert_header(("WWW-Authenticate", "Bearer realm=\"hallpass\""));
        answer.content_type("application/problem+json");
        (request.path() == "/reports").then(|| answer.body(problem.to_string()))
    });
    let line = "- GET /reports: the document says 401, but it passes and is answered 401";
    let report = report.await;
    assert!(report.contains(line), "{report}");
}

#[actix_web::test]
async fn a_handler_that_must_not_run_does_not() {
    let (_gate, site, calls) = site();
    let spared =
        matrix(&site).without_calling("POST /reports").without_calling("GET /prices").await;
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert!(spared.contains("| POST /reports | 401 |"), "{spared}");
    let unknown = matrix(&site).without_calling("POST /report").compare().await.unwrap_err();
    assert!(unknown.to_string().contains("- POST /report: "), "{unknown}");
    // What the document refuses is tried all the same.
    let mut document = site.document().clone();
    document["paths"]["/reports"]["post"]["security"] = json!([{ "apiKey": ["writer"] }]);
    let app = init_service(site.app()).await;
    let stricter = site.with_document(&document).unwrap();
    let stricter = matrix(&stricter).without_calling("POST /reports");
    let stricter =
        stricter.served_by(async |request| call_service(&app, request.to_request()).await);
    let report = stricter.compare().await.unwrap_err().to_string();
    assert!(report.contains("- POST /reports: the document says 401, but it passes"), "{report}");
}

#[actix_web::test]
async fn the_clients_of_the_gate_are_the_same_afterwards() {
    let (gate, site, _) = site();
    let token = gate.token("alice", &["reader"], &[]);
    let matrix = matrix(&site).await;
    assert!(!matrix.is_empty());
    let app = init_service(site.app()).await;
    let request = TestRequest::get().uri("/reports");
    let request = request.insert_header((AUTHORIZATION, format!("Bearer {token}"))).to_request();
    assert_eq!(call_service(&app, request).await.status(), 200);
}

#[actix_web::test]
async fn a_handler_that_panics_was_reached() {
    let gate = TestGate::new();
    let site = gate.protect(About::openapi(), |config| {
        config.service(broken);
    });
    let site = site.unwrap();
    assert!(matrix(&site).await.contains("| GET /broken | 401 | 401 | 200 |"));
    let mut document = site.document().clone();
    document["paths"]["/broken"]["get"]["security"] = json!([{ "bearer": ["reader"] }]);
    let app = init_service(site.app()).await;
    let stricter = site.with_document(&document).unwrap();
    let served =
        matrix(&stricter).served_by(async |request| call_service(&app, request.to_request()).await);
    let report = served.compare().await.unwrap_err().to_string();
    let line =
        "- GET /broken: the document says 403, but it passes, and the handler panics\n    `token`";
    assert!(report.contains(line), "{report}");
}

#[actix_web::test]
#[should_panic(expected = "GET /profile")]
async fn awaited_it_panics_with_the_report() {
    let gate = TestGate::new();
    let site = gate.protect(About::openapi(), |config| {
        config.service(profile);
    });
    let _ = matrix(&site.unwrap()).await;
}
