//! `Gate::protect` refuses documents that cannot be enforced, and the site serves what its document says.

use actix_web::{HttpResponse, get, post, test as actix_test, web};
use hallpass::{Site, testing::TestGate};
use serde_json::json;
use utoipa::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

#[derive(OpenApi)]
#[openapi(info(title = "Ours", version = "7", description = "What it is."))]
struct About;

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
#[get("/ours")]
async fn ours() -> &'static str {
    "ours"
}

#[utoipa::path(responses((status = 200)))]
#[get("/forgotten")]
async fn forgotten() -> &'static str {
    "forgotten"
}

#[utoipa::path(responses((status = 200)), security(("bearre" = [])))]
#[get("/misspelt")]
async fn misspelt() -> &'static str {
    "misspelt"
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/clients")]
async fn clients() -> &'static str {
    "not ours"
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/")]
async fn start() -> &'static str {
    "our own start"
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/{anything}")]
async fn anything() -> &'static str {
    "anything"
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/code/{code:[A-Z]+}")]
async fn code(code: web::Path<String>) -> String {
    code.into_inner()
}

#[utoipa::path(request_body = String, responses((status = 200)), security())]
#[post("/length")]
async fn length(body: web::Bytes) -> String {
    body.len().to_string()
}

fn protect(operations: impl Fn(&mut ServiceConfig<'_>) + Send + Sync + 'static) -> Site {
    TestGate::new().protect(About::openapi(), operations).unwrap()
}

#[test]
fn protect_names_every_operation_that_cannot_be_enforced() {
    let gate = TestGate::new();
    let diagnostics = gate.protect(About::openapi(), |config| {
        config.service(ours).service(forgotten).service(misspelt);
    });
    let diagnostics = diagnostics.unwrap_err().to_string();
    assert!(diagnostics.contains("/forgotten") && diagnostics.contains("bearre"), "{diagnostics}");
    assert!(!diagnostics.contains("/ours"), "{diagnostics}");
}

#[test]
fn operations_where_proxies_ask_are_refused() {
    #[utoipa::path(responses((status = 200)), security())]
    #[get("/verify")]
    async fn verify() -> &'static str {
        "not asked"
    }
    #[utoipa::path(responses((status = 200)), security())]
    #[post("/verify/{code}")]
    async fn code_of_a_mail() -> &'static str {
        "not asked"
    }
    #[utoipa::path(responses((status = 200)), security())]
    #[get("/verify-mail")]
    async fn verify_mail() -> &'static str {
        "asked"
    }
    let diagnostics = TestGate::new().protect(About::openapi(), |config| {
        let scope = utoipa_actix_web::scope("/verify").service(ours);
        config.service(verify).service(code_of_a_mail).service(verify_mail).service(scope);
    });
    let diagnostics = diagnostics.unwrap_err().to_string();
    let mut lines: Vec<_> = diagnostics.lines().collect();
    lines.sort_unstable();
    let refused =
        "is hallpass' own: use another path for yours, or leave ours out with `.own_routes(..)`";
    let wanted = ["GET /verify/ours", "GET /verify", "POST /verify/{code}"];
    assert_eq!(lines, wanted.map(|operation| format!("{operation}: {refused}")));
}

#[test]
fn a_missing_security_is_explained_in_the_words_in_which_the_document_is_written() {
    let diagnostics = TestGate::new().protect(About::openapi(), |config| {
        config.service(forgotten);
    });
    let diagnostics = diagnostics.unwrap_err().to_string();
    assert!(diagnostics.contains("`security((\"bearer\" = []))`"), "{diagnostics}");
    assert!(diagnostics.contains("`security()`"), "{diagnostics}");
    assert!(!diagnostics.contains("\"security\": "), "{diagnostics}");
    let site = protect(|config| {
        config.service(ours);
    });
    let mut document = site.document().clone();
    document["paths"]["/ours"]["get"].as_object_mut().unwrap().remove("security");
    let diagnostics = site.with_document(&document).unwrap_err().to_string();
    assert!(diagnostics.contains("`\"security\": [{ \"bearer\": [] }]`"), "{diagnostics}");
    assert!(diagnostics.contains("`\"security\": []`"), "{diagnostics}");
    assert!(!diagnostics.contains("utoipa") && !diagnostics.contains("security("), "{diagnostics}");
}

#[test]
fn protect_refuses_an_operation_that_hallpass_serves_itself() {
    let diagnostics = TestGate::new().protect(About::openapi(), |config| {
        config.service(clients);
    });
    let diagnostics = diagnostics.unwrap_err().to_string();
    assert!(diagnostics.starts_with("GET /clients: "), "{diagnostics}");
}

#[actix_web::test]
async fn an_application_may_serve_the_start_page() {
    for (own, expected) in [(true, "our own start"), (false, "")] {
        let site = protect(move |config| {
            if own {
                config.service(start);
            }
        });
        let app = actix_test::init_service(site.app()).await;
        let request = actix_test::TestRequest::get().uri("/").to_request();
        assert_eq!(actix_test::call_and_read_body(&app, request).await, expected);
    }
}

#[actix_web::test]
async fn the_published_document_is_the_enforced_one() {
    let site = protect(|config| {
        config.service(ours);
    });
    let app = actix_test::init_service(site.app()).await;
    let request = actix_test::TestRequest::get().uri("/openapi.json").to_request();
    let published = actix_test::call_and_read_body(&app, request).await;
    let published: serde_json::Value = serde_json::from_slice(&published).unwrap();
    assert_eq!(&published, site.document());
    assert_eq!(published["info"]["title"], "Ours");
    assert_eq!(published["info"]["description"], "What it is.");
    let paths = &published["paths"];
    assert!(paths["/ours"].is_object() && paths["/login"].is_object(), "{paths}");
    // `with_document` publishes the other document.
    let mut other = published.clone();
    other["paths"]["/ours"]["get"]["security"] = json!([]);
    let app = actix_test::init_service(site.with_document(&other).unwrap().app()).await;
    let request = actix_test::TestRequest::get().uri("/openapi.json").to_request();
    let published = actix_test::call_and_read_body(&app, request).await;
    assert_eq!(other, serde_json::from_slice::<serde_json::Value>(&published).unwrap());
    let request = actix_test::TestRequest::get().uri("/ours").to_request();
    assert_eq!(actix_test::call_and_read_body(&app, request).await, "ours");
}

#[actix_web::test]
async fn templates_of_the_application_do_not_hide_paths_of_hallpass() {
    let site = protect(|config| {
        config.service(anything);
    });
    let app = actix_test::init_service(site.app()).await;
    for (path, status) in [("/anything", 200), ("/request", 401), ("/clients", 401)] {
        let request = actix_test::TestRequest::get().uri(path).to_request();
        assert_eq!(actix_test::call_service(&app, request).await.status(), status, "{path}");
    }
}

#[actix_web::test]
async fn patterns_answer_under_their_documented_templates() {
    let site = protect(|config| {
        config.service(code);
    });
    assert!(site.document()["paths"]["/code/{code}"].is_object());
    let app = actix_test::init_service(site.app()).await;
    for (path, status) in [("/code/DE", 200), ("/code/de", 404), ("/code/D/E", 404)] {
        let request = actix_test::TestRequest::get().uri(path).to_request();
        assert_eq!(actix_test::call_service(&app, request).await.status(), status, "{path}");
    }
}

#[actix_web::test]
async fn body_limits_of_hallpass_do_not_apply_to_the_application() {
    let site = protect(|config| {
        config.app_data(web::PayloadConfig::new(1024 * 1024)).service(length);
    });
    let app = actix_test::init_service(site.app().default_service(web::to(HttpResponse::Ok))).await;
    let request =
        |path: &str| actix_test::TestRequest::post().uri(path).set_payload(vec![b' '; 100_000]);
    assert_eq!(
        actix_test::call_and_read_body(&app, request("/length").to_request()).await,
        "100000"
    );
    let form =
        request("/token").insert_header(("Content-Type", "application/x-www-form-urlencoded"));
    assert_eq!(actix_test::call_service(&app, form.to_request()).await.status(), 413);
    assert_eq!(actix_test::call_service(&app, request("/no").to_request()).await.status(), 404);
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
struct Amount {
    cents: u64,
}

#[utoipa::path(request_body = Amount, responses((status = 200)), security())]
#[post("/amount/{id}")]
async fn amount(_: web::Path<u32>, amount: web::Json<Amount>) -> String {
    amount.cents.to_string()
}

#[actix_web::test]
async fn refusals_of_extractors_have_the_documented_shape() {
    let site = protect(|config| {
        config.service(amount);
    });
    let responses = &site.document()["paths"]["/amount/{id}"]["post"]["responses"];
    let app = actix_test::init_service(site.app()).await;
    let table = [
        ("/amount/7", "application/json", "{\"cents\":1}", 200),
        ("/amount/7", "application/json", "{\"cents\":", 400),
        ("/amount/7", "application/json", "{}", 400),
        ("/amount/x", "application/json", "{\"cents\":1}", 400),
        ("/amount/7", "text/plain", "{\"cents\":1}", 415),
    ];
    for (path, kind, body, status) in table {
        let request = actix_test::TestRequest::post().uri(path);
        let request = request.insert_header(("Content-Type", kind)).set_payload(body);
        let response = actix_test::call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), status, "{path} {kind} {body}");
        assert!(
            responses[status.to_string()].is_object()
                && response.headers().contains_key("x-request-id")
        );
        let problem = response.headers().get("content-type").unwrap() == "application/problem+json";
        assert_eq!(problem, status != 200, "{path} {kind} {body}");
    }
}

#[test]
fn the_top_of_the_document_is_complete() {
    let site = protect(|_| {});
    let document = site.document();
    let named = |tag: &serde_json::Value| {
        document["tags"].as_array().unwrap().iter().any(|one| one["name"] == *tag)
    };
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            assert!(operation["tags"].as_array().unwrap().iter().all(named), "{operation}");
        }
    }
    assert!(document["servers"][0]["url"].is_string());
}

/// What an application might answer where hallpass refuses.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct TheirError {
    reason: String,
}

#[utoipa::path(
    responses(
        (status = 200),
        (status = 400, description = "Theirs.", body = TheirError),
        (status = 401, description = "Theirs.", body = TheirError),
        (status = 403, description = "Theirs.", body = TheirError),
        (status = 404, description = "Theirs.", body = TheirError),
        (status = 429),
        (status = 503, description = "Theirs.", body = TheirError),
    ),
    security(("apiKey" = ["reader"])),
)]
#[get("/theirs")]
async fn theirs() -> &'static str {
    "theirs"
}

#[test]
fn refusals_of_the_document_are_those_that_are_sent() {
    let site = protect(|config| {
        config.service(theirs);
    });
    let responses = &site.document()["paths"]["/theirs"]["get"]["responses"];
    for (status, name) in [
        ("401", "Unauthorized"),
        ("403", "Forbidden"),
        ("429", "TooManyRequests"),
        ("503", "Overloaded"),
    ] {
        let expected = json!({ "$ref": format!("#/components/responses/{name}") });
        assert_eq!(responses[status], expected, "{status}");
    }
    // A handler can answer with these too.
    let content = &responses["400"]["content"];
    let schema = |media_type: &str| content[media_type]["schema"]["$ref"].as_str().unwrap();
    assert_eq!(responses["400"]["description"], "Theirs.");
    assert_eq!(schema("application/json"), "#/components/schemas/TheirError");
    assert_eq!(schema("application/problem+json"), "#/components/schemas/Problem");
    assert_eq!(responses["404"]["content"].as_object().unwrap().len(), 1);
    let again = site.with_document(site.document()).unwrap();
    assert_eq!(again.document(), site.document());
}

#[derive(utoipa::ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "only its schema is used")]
struct OtherProblem {
    reason: String,
}

#[utoipa::path(responses((status = 200, body = OtherProblem)), security())]
#[get("/other-problem")]
async fn show_other_problem() -> &'static str {
    "problem"
}

#[test]
fn a_component_that_would_describe_what_hallpass_sends_is_refused() {
    let error = TestGate::new().protect(About::openapi(), |config| {
        config.service(show_other_problem);
    });
    let error = error.map(drop).unwrap_err().to_string();
    assert!(error.contains("#/components/schemas/Problem"), "{error}");
    let site = protect(|config| {
        config.service(theirs);
    });
    let mut document = site.document().clone();
    document["components"]["responses"]["Unauthorized"] = json!({ "description": "Theirs." });
    let error = site.with_document(&document).map(drop).unwrap_err().to_string();
    assert!(error.contains("#/components/responses/Unauthorized"), "{error}");
}

#[test]
fn what_two_merged_documents_let_in_without_meaning_it_is_refused() {
    #[derive(OpenApi)]
    #[openapi(security(("bearer" = [])))]
    struct Lenient;
    #[derive(OpenApi)]
    #[openapi(security(("bearer" = ["admin"])))]
    struct Strict;
    let mut merged = Lenient::openapi();
    merged.merge(Strict::openapi());
    let error = TestGate::new().protect(merged, |config| {
        config.service(forgotten);
    });
    let error = error.map(drop).unwrap_err().to_string();
    assert!(error.contains("`bearer: []`") && error.contains("`bearer: [admin]`"), "{error}");
    let twice = TestGate::new().protect(About::openapi(), |config| {
        config.service(ours).service(utoipa_actix_web::scope("/v1").service(ours));
    });
    let twice = twice.map(drop).unwrap_err().to_string();
    assert!(twice.contains("GET /ours") && twice.contains("GET /v1/ours"), "{twice}");
}

#[actix_web::test]
async fn a_page_belongs_to_the_document_that_declares_it_in_any_way() {
    let site = protect(|_| {});
    let admin = json!({ "security": [{ "bearer": ["admin"] }], "responses": {} });
    let referenced = json!({ "$ref": "#/components/pathItems/page" });
    for (page, item, expected) in [
        ("/openapi.yaml", referenced.clone(), 401),
        ("/openapi.yaml", json!({ "head": admin }), 405),
        ("/docs/{file}", json!({ "head": admin }), 405),
        ("/docs/{file}", json!({ "post": admin }), 200),
        ("/docs/{file}", json!({ "get": admin }), 401),
    ] {
        let mut document = site.document().clone();
        document["paths"][page] = item.clone();
        document["components"]["pathItems"] = json!({ "page": { "get": admin } });
        let changed = site.with_document(&document).unwrap();
        if item == referenced {
            let get = &changed.document()["components"]["pathItems"]["page"]["get"];
            assert!(get["responses"]["401"].is_object(), "{get}");
        }
        let app = actix_test::init_service(changed.app()).await;
        let page = page.replace("{file}", "index.html");
        let request = actix_test::TestRequest::get().uri(&page).to_request();
        assert_eq!(
            actix_test::call_service(&app, request).await.status(),
            expected,
            "{page} {item}"
        );
    }
}

#[actix_web::test]
async fn a_document_may_name_the_parameters_of_a_path_in_its_own_way() {
    let site = protect(|config| {
        config.service(code);
    });
    let mut document = site.document().clone();
    let item = document["paths"].as_object_mut().unwrap().remove("/code/{code}").unwrap();
    document["paths"]["/code/{of_country}"] = item;
    let app = actix_test::init_service(site.with_document(&document).unwrap().app()).await;
    let request = actix_test::TestRequest::get().uri("/code/DE").to_request();
    assert_eq!(actix_test::call_and_read_body(&app, request).await, "DE");
}
