//! Scopes that state the `security` of their operations once.

use actix_web::{HttpResponse, delete, get, middleware::DefaultHeaders, test as actix_test, web};
use hallpass::testing::TestGate;
use serde_json::json;
use utoipa::openapi::{OpenApi, SecurityRequirement};

#[utoipa::path(responses((status = 200)))]
#[get("/users")]
async fn list_users() -> &'static str {
    "users"
}

#[utoipa::path(responses((status = 204)))]
#[delete("/users/{name}")]
async fn remove_user(_name: web::Path<String>) -> HttpResponse {
    HttpResponse::NoContent().finish()
}

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
#[get("/report")]
async fn report() -> &'static str {
    "report"
}

#[utoipa::path(responses((status = 200)), security())]
#[get("/help")]
async fn help() -> &'static str {
    "help"
}

fn bearer(roles: [&str; 1]) -> SecurityRequirement {
    SecurityRequirement::new("bearer", roles)
}

#[actix_web::test]
async fn a_scope_states_the_security_of_the_operations_that_state_none() {
    let gate = TestGate::new();
    let site = gate.protect(OpenApi::default(), |config| {
        let inner = hallpass::scope("/inner").security(bearer(["owner"])).service(report);
        let inner = inner.service(hallpass::scope("/deep").service(remove_user));
        let admin = hallpass::scope("/admin")
            .security(bearer(["admin"]))
            .security(SecurityRequirement::new("apiKey", ["robot"]))
            .wrap(DefaultHeaders::new().add(("X-Scope", "admin")))
            .configure(|config| {
                config.service(list_users);
            })
            .service(help)
            .service(inner)
            .route("/hidden", web::get().to(async || "hidden"));
        config.service(admin);
    });
    let site = site.unwrap();
    let security =
        |path: &str, method: &str| site.document()["paths"][path][method]["security"].clone();
    let of_scope = json!([{"bearer": ["admin"]}, {"apiKey": ["robot"]}]);
    assert_eq!(security("/admin/users", "get"), of_scope);
    assert_eq!(security("/admin/help", "get"), json!([]));
    assert_eq!(security("/admin/inner/report", "get"), json!([{"bearer": ["reader"]}]));
    assert_eq!(
        security("/admin/inner/deep/users/{name}", "delete"),
        json!([{"bearer": ["owner"]}])
    );

    let app = actix_test::init_service(site.app()).await;
    let robot = gate.key("robot", &["robot"], &[]);
    let token = |role| format!("Bearer {}", gate.token("someone", &[role], &[]));
    let table = [
        ("GET", "/admin/users", None, 401),
        ("GET", "/admin/users", Some(("Authorization", token("admin"))), 200),
        ("GET", "/admin/users", Some(("Authorization", token("owner"))), 403),
        ("GET", "/admin/users", Some(("X-API-Key", robot)), 200),
        ("GET", "/admin/help", None, 200),
        ("GET", "/admin/inner/report", Some(("Authorization", token("admin"))), 403),
        ("DELETE", "/admin/inner/deep/users/a", Some(("Authorization", token("admin"))), 403),
        ("DELETE", "/admin/inner/deep/users/a", Some(("Authorization", token("owner"))), 204),
        ("GET", "/admin/hidden", Some(("Authorization", token("admin"))), 404),
    ];
    for (method, path, credential, status) in table {
        let request = actix_test::TestRequest::with_uri(path).method(method.parse().unwrap());
        let request = credential
            .iter()
            .fold(request, |request, header| request.insert_header((header.0, header.1.as_str())));
        let response = actix_test::call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), status, "{method} {path} {credential:?}");
        let passed = status < 400;
        assert_eq!(response.headers().contains_key("X-Scope"), passed, "{method} {path}");
    }
}

#[actix_web::test]
async fn an_operation_without_security_in_a_scope_without_it_is_a_start_error() {
    let gate = TestGate::new();
    let site = gate.protect(OpenApi::default(), |config| {
        config.service(hallpass::scope("/admin").service(list_users));
    });
    let diagnostics = site.unwrap_err().to_string();
    assert!(diagnostics.contains("GET /admin/users"), "{diagnostics}");
}

#[actix_web::test]
async fn the_security_of_a_scope_is_compiled_like_any_other() {
    let gate = TestGate::new();
    let site = gate.protect(OpenApi::default(), |config| {
        let admin =
            hallpass::scope("/admin").security(SecurityRequirement::new("beaer", ["admin"]));
        config.service(admin.service(list_users));
    });
    let diagnostics = site.unwrap_err().to_string();
    assert!(diagnostics.contains("beaer"), "{diagnostics}");
}
