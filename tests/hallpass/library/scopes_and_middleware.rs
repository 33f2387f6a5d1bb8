//! Scopes of an application inside the enforcement, and middleware around it.

use actix_cors::Cors;
use actix_web::{
    HttpMessage, HttpResponse, get,
    middleware::{DefaultHeaders, Logger, Next, NormalizePath, TrailingSlash, from_fn},
    test as actix_test, web,
};
use hallpass::{Authenticated, Principal, Site, testing::TestGate};
use utoipa::openapi::OpenApi;

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
#[get("/list")]
async fn list() -> &'static str {
    "the list"
}

/// A gate, and a site with `list` in two nested scopes.
fn nested() -> (TestGate, Site) {
    let gate = TestGate::new();
    let site = gate.protect(OpenApi::default(), |config| {
        let inner = utoipa_actix_web::scope("/{tenant}").service(list);
        config.service(utoipa_actix_web::scope("/v1").service(inner));
    });
    (gate, site.unwrap())
}

fn get(path: &str, bearer: Option<&str>) -> actix_test::TestRequest {
    let request = actix_test::TestRequest::get().uri(path);
    match bearer {
        Some(token) => request.insert_header(("Authorization", format!("Bearer {token}"))),
        None => request,
    }
}

#[actix_web::test]
async fn operations_in_scopes_are_enforced_under_their_full_path() {
    let (gate, site) = nested();
    let (reader, other) = (gate.token("a", &["reader"], &[]), gate.token("b", &[], &[]));
    let app = actix_test::init_service(site.app()).await;
    let table = [
        ("/v1/acme/list", Some(&reader), 200),
        ("/v1/acme/list", Some(&other), 403),
        ("/v1/acme/list", None, 401),
        ("/list", Some(&reader), 404),
        ("/v1/list", Some(&reader), 404),
        ("/v1/acme/list/", Some(&reader), 404),
        ("/v1/a/b/list", Some(&reader), 404),
    ];
    for (path, token, status) in table {
        let request = get(path, token.map(String::as_str)).to_request();
        assert_eq!(actix_test::call_service(&app, request).await.status(), status, "{path}");
    }
}

#[utoipa::path(responses((status = 200)), security(()))]
#[get("/needs")]
async fn needs(principal: Principal) -> String {
    principal.subject().to_string()
}

#[actix_web::test]
async fn the_request_id_of_an_inner_layer_is_replaced_and_hides_no_refusal() {
    let upstream = || DefaultHeaders::new().add(("x-request-id", "upstream"));
    let gate = TestGate::new();
    let site = gate.protect(OpenApi::default(), move |config| {
        let scope = utoipa_actix_web::scope("/v1").service(list).service(needs);
        config.service(scope.wrap(upstream()));
    });
    let app = actix_test::init_service(site.unwrap().app()).await;
    let reader = gate.token("a", &["reader"], &[]);
    for (path, token, status) in [("/v1/list", Some(&*reader), 200), ("/v1/needs", None, 401)] {
        let response = actix_test::call_service(&app, get(path, token).to_request()).await;
        assert_eq!(response.status(), status, "{path}");
        let id = response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
        assert_ne!(id, "upstream", "{path}");
        let body = actix_test::read_body(response).await;
        let body = std::str::from_utf8(&body).unwrap();
        assert!(status == 200 || body.contains(&id), "{body}");
    }
}

#[actix_web::test]
async fn an_error_of_an_inner_layer_is_answered_like_a_refusal() {
    let site = TestGate::new().protect(OpenApi::default(), |config| {
        let scope =
                utoipa_actix_web::scope("/v1").service(needs).wrap(from_fn(
                    |principal: Principal,
                     request: actix_web::dev::ServiceRequest,
                     next: Next<_>| async move {
                        drop(principal);
                        next.call(request).await
                    },
                ));
        config.service(scope);
    });
    let app = actix_test::init_service(site.unwrap().app()).await;
    let error = actix_test::try_call_service(&app, get("/v1/needs", None).to_request()).await;
    let response = error.unwrap_err().error_response();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
    let id = response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
    let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
    assert!(std::str::from_utf8(&body).unwrap().contains(&id), "{body:?}");
}

#[actix_web::test]
async fn cors_middleware_around_the_site_applies_to_refusals() {
    let (_, site) = nested();
    let cors = Cors::default().allowed_origin("https://app.example.com").allow_any_method();
    let app = actix_test::init_service(site.app().wrap(cors)).await;
    let origin = ("Origin", "https://app.example.com");
    let preflight = actix_test::TestRequest::default()
        .method(actix_web::http::Method::OPTIONS)
        .uri("/v1/acme/list")
        .insert_header(origin)
        .insert_header(("Access-Control-Request-Method", "GET"));
    let refused = get("/v1/acme/list", None).insert_header(origin);
    for (request, status) in [(preflight, 200), (refused, 401)] {
        let response = actix_test::call_service(&app, request.to_request()).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().get("access-control-allow-origin").unwrap(), origin.1);
    }
}

#[actix_web::test]
async fn normalized_paths_are_the_ones_that_are_enforced() {
    let (gate, site) = nested();
    let reader = gate.token("a", &["reader"], &[]);
    let app = site.app().wrap(NormalizePath::new(TrailingSlash::Trim));
    let app = actix_test::init_service(app).await;
    for path in ["/v1/acme/list", "/v1/acme/list/", "//v1//acme/list"] {
        for (token, status) in [(Some(reader.as_str()), 200), (None, 401)] {
            let request = get(path, token).to_request();
            assert_eq!(actix_test::call_service(&app, request).await.status(), status, "{path}");
        }
    }
}

#[actix_web::test]
async fn middleware_around_the_site_sees_refusals() {
    let (gate, site) = nested();
    let reader = gate.token("a", &["reader"], &[]);
    let app = site
        .app()
        .wrap(Logger::default())
        .wrap(DefaultHeaders::new().add(("X-Version", "7")))
        .wrap(from_fn(|request, next: Next<_>| async move {
            let response = next.call(request).await?;
            Ok(response.map_into_boxed_body())
        }));
    let app = actix_test::init_service(app).await;
    for (token, status) in [(Some(reader.as_str()), 200), (None, 401)] {
        let request = get("/v1/acme/list", token).to_request();
        let response = actix_test::call_service(&app, request).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers().get("x-version").unwrap(), "7");
    }
}

#[actix_web::test]
async fn middleware_of_a_scope_runs_after_authentication() {
    let gate = TestGate::new();
    let site = gate.protect(OpenApi::default(), |config| {
        let scope = utoipa_actix_web::scope("/v1").service(list).wrap(from_fn(
            |request: actix_web::dev::ServiceRequest, next: Next<_>| async move {
                let authenticated = request.extensions().get::<Authenticated>().cloned().unwrap();
                let mut response = next.call(request).await?;
                let name = authenticated.principal.subject().to_string().parse().unwrap();
                response.headers_mut().insert("x-subject".parse().unwrap(), name);
                Ok::<_, actix_web::Error>(response)
            },
        ));
        config.service(scope);
    });
    let app = actix_test::init_service(site.unwrap().app()).await;
    let reader = gate.token("alice", &["reader"], &[]);
    let response =
        actix_test::call_service(&app, get("/v1/list", Some(&reader)).to_request()).await;
    assert_eq!(response.headers().get("x-subject").unwrap(), "alice");
    let response = actix_test::call_service(&app, get("/v1/list", None).to_request()).await;
    assert_eq!(response.status(), 401);
}

#[actix_web::test]
async fn routes_that_are_not_in_the_document_answer_404() {
    let (gate, site) = nested();
    let leak = || async { HttpResponse::Ok().body("a secret") };
    let reader = gate.token("a", &["reader"], &[]);
    let app = site.app().service(web::scope("/v1/{tenant}").route("/more", web::get().to(leak)));
    let app = actix_test::init_service(app.route("/more", web::get().to(leak))).await;
    for path in ["/more", "/v1/acme/more"] {
        let request = get(path, Some(&reader)).to_request();
        assert_eq!(actix_test::call_service(&app, request).await.status(), 404, "{path}");
    }
}

#[actix_web::test]
async fn every_answer_closes_its_connection_once_the_application_is_stopping() {
    let (gate, site) = nested();
    let token = gate.token("a", &["reader"], &[]);
    let app = actix_test::init_service(site.app()).await;
    let mut closes = Vec::new();
    for _ in 0..2 {
        for (path, token) in
            [("/v1/acme/list", Some(&*token)), ("/v1/acme/list", None), ("/none", None)]
        {
            let answer = actix_test::call_service(&app, get(path, token).to_request()).await;
            closes.push(!answer.response().head().keep_alive());
        }
        gate.stop();
    }
    assert_eq!(closes, [false, false, false, true, true, true]);
}
