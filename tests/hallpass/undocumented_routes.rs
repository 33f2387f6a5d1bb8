//! Routes that are registered but not documented are not served.

use actix_web::{HttpResponse, http::Method, test as actix_test, web};
use serde_json::json;

use crate::changed_documents::own_site;

/// Requests, and the status that everybody gets.
const UNDOCUMENTED: &[(&str, &str, u16)] = &[
    ("GET", "/hidden", 404),
    ("HEAD", "/hidden", 404),
    ("GET", "/hidd%65n", 404),
    ("GET", "/docs/index.html/deeper", 404),
    ("GET", "/any/", 404),
    ("GET", "/any/openapi.json", 404),
    ("GET", "/scope", 404),
    ("GET", "/scope/in", 404),
    ("GET", "/clients/", 404),
    ("GET", "/Clients", 404),
    ("DELETE", "/request", 405),
    ("GET", "/login", 405),
    ("POST", "/openapi.json", 405),
    ("GET", "/nothing", 404),
    ("OPTIONS", "/nothing", 404),
    ("TRACE", "/openapi.json", 405),
];

#[actix_web::test]
async fn an_undocumented_route_answers_404() {
    let (gate, site) = own_site();
    let leak = || async { HttpResponse::Ok().body("a secret") };
    let app = site
        .app()
        .route("/hidden", web::get().to(leak))
        .route("/docs/{file}/deeper", web::get().to(leak))
        .route("/any/{tail:.*}", web::route().to(leak))
        .service(
            web::scope("/scope").route("", web::get().to(leak)).route("/in", web::get().to(leak)),
        )
        .service(web::resource("/clients/").to(leak))
        .service(web::resource("/Clients").to(leak))
        .route("/request", web::delete().to(leak))
        .route("/login", web::get().to(leak))
        .route("/openapi.json", web::post().to(leak))
        .default_service(web::to(leak));
    let app = actix_test::init_service(app).await;
    for (method, path, status) in UNDOCUMENTED {
        for client in ["", "admin"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let mut request = actix_test::TestRequest::with_uri(path).method(method);
            if !client.is_empty() {
                let token = gate.token(client, &["admin"], &[]);
                request = request.insert_header(("Authorization", format!("Bearer {token}")));
            }
            let response = actix_test::call_service(&app, request.to_request()).await;
            assert_eq!(response.status().as_u16(), *status, "{path}");
            let body = actix_test::read_body(response).await;
            assert!(!body.windows(8).any(|window| window == b"a secret"), "{path}");
        }
    }
}

#[actix_web::test]
async fn no_handler_runs_under_the_requirement_of_another() {
    let (gate, site) = own_site();
    let answer = |text: &'static str| move || async move { HttpResponse::Ok().body(text) };
    let mut document = site.document().clone();
    let operation = |security| json!({ "get": { "security": security, "responses": {} } });
    document["paths"]["/a/{x}"] = operation(json!([{ "bearer": ["admin"] }]));
    document["paths"]["/a/open"] = operation(json!([]));
    document["paths"]["/b/{x}"] = operation(json!([]));
    document["paths"]["/c/open"] = operation(json!([]));
    document["paths"]["/d/{x}"] = operation(json!([]));
    document["paths"]["/b/closed"] = operation(json!([{ "bearer": ["admin"] }]));
    // The router prefers what was registered first, the policy what is more specific: here they differ.
    let site = site.with_document(&document).unwrap();
    let app = site
        .app()
        .route("/a/{x}", web::get().to(answer("for administrators")))
        .route("/a/open", web::get().to(answer("for all")))
        .route("/b/{x}", web::get().to(answer("for all")))
        .route("/b/closed", web::get().to(answer("for administrators")))
        // Undocumented routes that overlap documented ones.
        .route("/c/{x}", web::get().to(answer("a secret")))
        .route("/c/open", web::get().to(answer("for all")))
        .route("/d/secret", web::get().to(answer("a secret")))
        .route("/d/{x}", web::get().to(answer("for all")));
    let app = actix_test::init_service(app).await;
    let table = [
        ("/a/x", 401, 200),
        ("/a/open", 404, 404),
        ("/a/%6fpen", 404, 404),
        ("/b/x", 200, 200),
        ("/b/closed", 404, 404),
        ("/b/close%64", 404, 404),
        ("/c/open", 404, 404),
        ("/d/x", 200, 200),
        ("/d/secret", 404, 404),
    ];
    for (path, anonymous, admin) in table {
        let token = gate.token("admin", &["admin"], &[]);
        let bearer = ("Authorization", format!("Bearer {token}"));
        let known = actix_test::TestRequest::with_uri(path).insert_header(bearer);
        let requests = [(actix_test::TestRequest::with_uri(path), anonymous), (known, admin)];
        for (request, status) in requests {
            let response = actix_test::call_service(&app, request.to_request()).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
        }
    }
}

#[actix_web::test]
async fn an_application_may_have_operations_beside_the_pages() {
    let (gate, site) = own_site();
    let mut document = site.document().clone();
    let operation = json!({ "security": [{ "bearer": ["admin"] }], "responses": {} });
    document["paths"]["/docs/{name}"] = json!({ "post": operation });
    document["paths"]["/docs/a/b"] = json!({ "get": operation });
    document["paths"]["/openapi.yaml"] = json!({ "get": operation });
    let site = site.with_document(&document).unwrap();
    let ours = || async { HttpResponse::Ok().body("ours") };
    let app = site
        .app()
        .route("/docs/{name}", web::post().to(ours))
        .route("/docs/a/b", web::get().to(ours));
    let app = actix_test::init_service(app).await;
    let table = [
        ("POST", "/docs/x", 401, 200),
        ("GET", "/docs/a/b", 401, 200),
        ("GET", "/openapi.yaml", 401, 200),
        ("GET", "/docs/index.html", 200, 200),
    ];
    for (method, path, anonymous, admin) in table {
        let token = gate.token("admin", &["admin"], &[]);
        for (token, status) in [(None, anonymous), (Some(token), admin)] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let mut request = actix_test::TestRequest::with_uri(path).method(method);
            if let Some(token) = token {
                request = request.insert_header(("Authorization", format!("Bearer {token}")));
            }
            let response = actix_test::call_service(&app, request.to_request()).await;
            assert_eq!(response.status().as_u16(), status, "{path}");
        }
    }
}
