//! An application serves the metrics as one of its own operations.

use actix_web::{
    HttpResponse, Responder,
    dev::ServiceRequest,
    error::ErrorImATeapot,
    get,
    middleware::{Next, from_fn},
    test::{TestRequest, call_and_read_body, call_service, init_service, try_call_service},
    web,
};
use hallpass::{Gate, testing::TestGate};
use serde_json::json;
use utoipa::openapi::OpenApi;

use crate::support::metrics_text::Scrape;

#[utoipa::path(responses((status = 200)), security(("bearer" = ["watcher"])))]
#[get("/metrics")]
async fn metrics(gate: web::Data<Gate>) -> HttpResponse {
    gate.metrics()
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/items/{id}")]
async fn item() -> impl Responder {
    "an item"
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/items/{id}")]
async fn failing_item() -> impl Responder {
    "an item"
}

async fn teapot<B>(
    _: ServiceRequest,
    _: Next<B>,
) -> Result<actix_web::dev::ServiceResponse<B>, actix_web::Error> {
    Err(ErrorImATeapot("no coffee"))
}

#[actix_web::test]
async fn operations_of_an_application_are_counted_across_its_sites() {
    let gate = TestGate::new();
    let site = gate
        .protect(OpenApi::default(), |config| {
            let failing = utoipa_actix_web::scope("/failing").wrap(from_fn(teapot));
            config.service(metrics).service(item).service(failing.service(failing_item));
        })
        .unwrap();
    let mut document = site.document().clone();
    document["paths"]["/items/{id}"]["get"]["operationId"] = json!(null);
    document["paths"]["/items/{id}"]["get"].as_object_mut().unwrap().remove("operationId");
    let unnamed = site.with_document(&document).unwrap();
    let (app, unnamed) = (init_service(site.app()).await, init_service(unnamed.app()).await);
    let get = |path: &str| TestRequest::get().uri(path).to_request();
    for _ in 0..2 {
        call_service(&app, get("/items/7")).await;
        call_service(&unnamed, get("/items/8")).await;
        call_service(&unnamed, get("/health/live")).await;
    }
    call_service(&app, get("/health/live")).await;
    assert!(try_call_service(&app, get("/failing/items/7")).await.is_err());

    assert_eq!(call_service(&app, get("/metrics")).await.status(), 401);
    let token = gate.token("prometheus", &["watcher"], &[]);
    let request = TestRequest::get().uri("/metrics");
    let request = request.insert_header(("Authorization", format!("Bearer {token}"))).to_request();
    let text = call_and_read_body(&app, request).await;
    let scrape = Scrape::parse(std::str::from_utf8(&text).unwrap());
    let requests = |operation, status| {
        scrape.value("hallpass_requests_total", &[("operation", operation), ("status", status)])
    };
    assert_eq!(requests("item", "200"), Some(2.0));
    assert_eq!(requests("GET /items/{id}", "200"), Some(2.0));
    assert_eq!(requests("live", "200"), Some(3.0));
    assert_eq!(requests("failing_item", "418"), Some(1.0));
    assert_eq!(requests("metrics", "401"), Some(1.0));
    let code = [("code", "missing_credentials")];
    assert_eq!(scrape.value("hallpass_refusals_total", &code), Some(1.0));
}
