//! hallpass' own routes in an application: under a prefix, left out, or none.

use std::{collections::BTreeSet, fs, path::Path};

use actix_web::{
    App, get, post,
    test::{TestRequest, call_and_read_body_json, call_service, init_service, read_body},
    web,
};
use hallpass::{
    OwnRoutes,
    testing::{TestGate, matrix},
};
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
#[get("/notes")]
async fn notes() -> &'static str {
    "notes"
}

#[derive(OpenApi)]
#[openapi(paths(notes))]
struct Notes;

/// Not hallpass' schema of this name.
#[derive(serde::Deserialize, ToSchema)]
struct LoginRequest {
    user: String,
    expires_in: Option<u64>,
}

#[utoipa::path(request_body = LoginRequest, responses((status = 200)), security())]
#[post("/login")]
async fn login(body: web::Json<LoginRequest>) -> String {
    format!("{} logs in for {:?}", body.user, body.expires_in)
}

#[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
#[post("/token")]
async fn issue_token() -> &'static str {
    "a token of the application"
}

#[derive(OpenApi)]
#[openapi(paths(notes, login, issue_token))]
struct WithLogin;

fn paths(document: &Value) -> Vec<&str> {
    document["paths"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[actix_web::test]
async fn an_application_keeps_its_own_login_and_token() {
    let gate = TestGate::new();
    let routes = OwnRoutes::under("/auth");
    let site = gate.site(WithLogin::openapi()).own_routes(routes).build().unwrap();
    let routes = |config: &mut web::ServiceConfig| {
        config.service(notes).service(login).service(issue_token);
    };
    let app = App::new().wrap(site.guard()).configure(|config| site.register(config));
    let app = init_service(app.configure(routes)).await;
    let request = TestRequest::post().uri("/login").set_json(json!({ "user": "alice" }));
    let response = call_service(&app, request.to_request()).await;
    assert_eq!(read_body(response).await, "alice logs in for None");
    let key = gate.key("alice", &["reader"], &[]);
    let request = TestRequest::post().uri("/auth/login").insert_header(("X-API-Key", key.clone()));
    let answer: Value = call_and_read_body_json(&app, request.to_request()).await;
    let bearer = ("Authorization", format!("Bearer {}", answer["access_token"].as_str().unwrap()));
    for (method, path, status) in [
        ("GET", "/notes", 200),
        ("POST", "/token", 200),
        ("GET", "/auth/request", 200),
        ("GET", "/request", 404),
    ] {
        let request = TestRequest::with_uri(path).method(method.parse().unwrap());
        let response = call_service(&app, request.insert_header(bearer.clone()).to_request()).await;
        assert_eq!(response.status(), status, "{path}");
    }
    // Only hallpass' endpoint of OAuth2 has the errors of OAuth2.
    for (path, member) in
        [("/token", "code"), ("/auth/token", "error"), ("/auth/introspect", "error")]
    {
        let request = TestRequest::post().uri(path).to_request();
        let refusal: Value = read_json(call_service(&app, request).await).await;
        assert!(refusal.get(member).is_some(), "{path}: {refusal}");
    }
    let matrix =
        matrix(&site).served_by(async |request| call_service(&app, request.to_request()).await);
    let matrix = matrix.without_calling("POST /auth/logout").await;
    assert!(matrix.contains("| POST /token | 401 |"), "{matrix}");
    // Both have a schema of this name.
    let body = |path: &str| {
        let body = &site.document()["paths"][path]["post"]["requestBody"]["content"];
        body["application/json"]["schema"]["$ref"].clone()
    };
    assert_eq!(body("/login"), "#/components/schemas/LoginRequest");
    assert_eq!(body("/auth/login"), "#/components/schemas/HallpassLoginRequest");
    let schemas = &site.document()["components"]["schemas"];
    assert!(schemas["LoginRequest"]["properties"].get("user").is_some());
    assert!(schemas["HallpassLoginRequest"]["properties"]["expires_in"].get("maximum").is_some());
}

async fn read_json(response: actix_web::dev::ServiceResponse) -> Value {
    serde_json::from_slice(&read_body(response).await).unwrap()
}

#[actix_web::test]
async fn everything_of_hallpass_is_under_the_prefix() {
    let gate = TestGate::new();
    let site = gate.site(Notes::openapi()).own_routes(OwnRoutes::under("/auth")).build().unwrap();
    let app = init_service(site.app().service(notes)).await;
    let ask = async |path: &str| {
        let response = call_service(&app, TestRequest::with_uri(path).to_request()).await;
        let location = response.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        (status, location, String::from_utf8_lossy(&read_body(response).await).into_owned())
    };
    let document = site.document();
    assert!(paths(document).iter().all(|path| *path == "/notes" || path.starts_with("/auth/")));
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["oauth2"]["flows"]["password"]["tokenUrl"], "auth/token");
    assert_eq!(
        schemes["openIdConnect"]["openIdConnectUrl"],
        "auth/.well-known/openid-configuration"
    );
    assert!(schemes["bearer"]["description"].as_str().unwrap().contains("`/auth/login`"));
    assert_eq!(document["servers"][0]["url"], "/");
    for path in paths(document).iter().filter(|path| path.starts_with("/auth/")) {
        assert_eq!(ask(path.trim_start_matches("/auth")).await.0, 404, "{path}");
    }
    assert!(ask("/nothing").await.2.contains("/auth/openapi.json lists what there is"));
    let (_, _, metadata) = ask("/auth/.well-known/openid-configuration").await;
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata["token_endpoint"], "http://localhost/auth/token");
    assert_eq!(metadata["jwks_uri"], "http://localhost/auth/.well-known/jwks.json");
    let (status, location, _) = ask("/auth/").await;
    assert_eq!((status, location.as_deref()), (303, Some("docs/")));
    assert_eq!(ask("/").await.0, 404);
    let (status, _, initializer) = ask("/auth/docs/swagger-initializer.js").await;
    assert!(status == 200 && initializer.contains("const root = \"..\";"), "{initializer}");
    let token = gate.token("alice", &["reader"], &[]);
    let request = TestRequest::post().uri("/auth/logout").insert_header(("Accept", "text/html"));
    let request = request.insert_header(("Authorization", format!("Bearer {token}")));
    let response = call_service(&app, request.to_request()).await;
    assert_eq!(response.headers().get("location").unwrap(), "/auth/docs/");
    // The cookie is for the whole application.
    let key = gate.key("alice", &["reader"], &[]);
    let request = TestRequest::post().uri("/auth/login").insert_header(("X-API-Key", key));
    let request = request.set_json(json!({ "cookie": true }));
    let response = call_service(&app, request.to_request()).await;
    let cookie = response.headers().get("set-cookie").unwrap().to_str().unwrap();
    assert!(cookie.contains("Path=/;") || cookie.ends_with("Path=/"), "{cookie}");
}

#[actix_web::test]
async fn what_is_left_out_is_not_in_the_document_either() {
    let gate = TestGate::new();
    let routes = OwnRoutes::at_root()
        .without("/login")
        .without("/token")
        .without("/verify")
        .without("/docs/");
    let site = gate.site(WithLogin::openapi()).own_routes(routes).build().unwrap();
    let document = site.document();
    let ours = [
        "/request",
        "/clients",
        "/logout",
        "/introspect",
        "/revoke",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
        "/health/live",
        "/health/ready",
    ];
    let expected: Vec<_> = ["/notes", "/login", "/token"].into_iter().chain(ours).collect();
    assert_eq!(paths(document), expected);
    let schemas = &document["components"]["schemas"];
    let properties = schemas["LoginRequest"]["properties"].as_object().unwrap();
    assert!(properties.contains_key("user") && properties["expires_in"].get("maximum").is_none());
    assert!(schemas.get("TokenResponse").is_none() && schemas.get("LoginResponse").is_none());
    let required = schemas["ServerMetadata"]["required"].as_array().unwrap();
    assert!(!required.contains(&json!("token_endpoint")) && required.contains(&json!("jwks_uri")));
    assert!(document["components"]["securitySchemes"].get("oauth2").is_none());
    let app = init_service(site.app().configure(|config| {
        config.service(notes).service(login).service(issue_token);
    }))
    .await;
    for (path, status) in
        [("/verify", 404), ("/verify/a", 404), ("/docs/", 404), ("/openapi.json", 200), ("/", 303)]
    {
        let response = call_service(&app, TestRequest::with_uri(path).to_request()).await;
        assert_eq!(response.status(), status, "{path}");
        if path == "/" {
            assert_eq!(response.headers().get("location").unwrap(), "openapi.json");
        }
    }
}

#[actix_web::test]
async fn an_application_can_have_none_of_them_or_only_the_document() {
    let gate = TestGate::new();
    let token = gate.token("alice", &["reader"], &[]);
    let none = gate.site(WithLogin::openapi()).own_routes(OwnRoutes::none()).build().unwrap();
    assert_eq!(paths(none.document()), ["/notes", "/login", "/token"]);
    let document = OwnRoutes::under("/api").only_document();
    let document = gate.site(WithLogin::openapi()).own_routes(document).build().unwrap();
    assert_eq!(paths(document.document()), ["/notes", "/login", "/token"]);
    for (site, status) in [(&none, 404), (&document, 200)] {
        let app = init_service(site.app().configure(|config| {
            config.service(notes).service(login).service(issue_token);
        }))
        .await;
        let table = [
            ("/api/openapi.json", status),
            ("/api/docs/", status),
            ("/openapi.json", 404),
            ("/notes", 200),
        ];
        for (path, status) in table {
            let request = TestRequest::with_uri(path);
            let request = request.insert_header(("Authorization", format!("Bearer {token}")));
            let response = call_service(&app, request.to_request()).await;
            assert_eq!(response.status(), status, "{path}");
        }
        assert!(
            site.check(site.app().configure(|config| {
                config.service(notes).service(login).service(issue_token);
            }))
            .await
            .unwrap()
            .is_empty()
        );
    }
}

#[test]
fn a_route_that_both_have_is_refused_with_the_way_out() {
    let faults = TestGate::new().site(WithLogin::openapi()).build().unwrap_err().to_string();
    let what =
        "is hallpass' own: use another path for yours, or leave ours out with `.own_routes(..)`";
    assert_eq!(faults, format!("POST /login: {what}\nPOST /token: {what}"));
    let routes = OwnRoutes::under("auth").without("/logn");
    let faults = TestGate::new().site(Notes::openapi()).own_routes(routes).build().unwrap_err();
    let faults = faults.to_string();
    assert!(
        faults.contains("`auth`: is no prefix") && faults.contains("`/logn`: is not one of"),
        "{faults}"
    );
}

#[actix_web::test]
async fn the_servers_of_a_document_stand_before_its_paths() {
    let gate = TestGate::new();
    let with = |servers: Value| {
        let mut document = serde_json::to_value(Notes::openapi()).unwrap();
        document["servers"] = servers;
        document
    };
    let servers = json!([{ "url": "https://example.com/api" }, { "url": "/api/" }]);
    let site = gate.site(with(servers)).operations(|config| {
        config.service(login);
    });
    let site = site.own_routes(OwnRoutes::under("/auth")).build().unwrap();
    assert!(
        paths(site.document()).contains(&"/login")
            && paths(site.document()).contains(&"/auth/login")
    );
    let outside = || web::get().to(async || "left alone");
    let guarded = || web::scope("/api").configure(|config| site.register(config)).service(notes);
    let in_scope = App::new().service(guarded().wrap(site.guard())).route("/outside", outside());
    let table =
        [("/api/notes", 401), ("/notes", 404), ("/api/auth/openapi.json", 200), ("/outside", 200)];
    let app = init_service(in_scope).await;
    for (path, status) in table {
        let response = call_service(&app, TestRequest::with_uri(path).to_request()).await;
        assert_eq!(response.status(), status, "{path}");
    }
    let app = init_service(site.app()).await;
    let request = TestRequest::post().uri("/api/login").set_json(json!({ "user": "bob" }));
    assert_eq!(call_service(&app, request.to_request()).await.status(), 200);
    let key = gate.key("alice", &["reader"], &[]);
    let request = TestRequest::post().uri("/api/auth/login").insert_header(("X-API-Key", key));
    assert_eq!(call_service(&app, request.to_request()).await.status(), 200);
    let refusal = call_service(&app, TestRequest::post().uri("/api/auth/token").to_request()).await;
    assert!(read_json(refusal).await.get("error").is_some());
    // Where a proxy takes the prefix away, the paths are those of the document.
    let servers = json!([{ "url": "/api" }]);
    let site = gate.site(with(servers)).base("").build().unwrap();
    let app = init_service(site.app().service(notes)).await;
    assert_eq!(
        call_service(&app, TestRequest::with_uri("/notes").to_request()).await.status(),
        401
    );
    let differing = json!([{ "url": "/a" }, { "url": "/b" }]);
    let faults = gate.site(with(differing)).build().unwrap_err().to_string();
    assert!(faults.contains("SiteBuilder::base"), "{faults}");
}

#[actix_web::test]
async fn everything_of_a_site_can_be_in_a_scope_whose_path_the_document_has() {
    #[derive(OpenApi)]
    #[openapi(nest((path = "/api", api = Notes)))]
    struct NestedNotes;
    let gate = TestGate::new();
    let site = gate.site(NestedNotes::openapi()).in_scope("/api").operations(|config| {
        config.service(login);
    });
    let site = site.own_routes(OwnRoutes::under("/auth").only_document()).build().unwrap();
    assert_eq!(paths(site.document()), ["/api/notes", "/api/login"]);
    let scope = web::scope("/api").configure(|config| site.register(config)).service(notes);
    let app = App::new().service(scope.wrap(site.guard()));
    let warnings = site.check(
        App::new().service(
            web::scope("/api")
                .configure(|config| site.register(config))
                .service(notes)
                .wrap(site.guard()),
        ),
    );
    assert!(warnings.await.unwrap().is_empty());
    let app = init_service(app).await;
    for (path, status) in
        [("/api/notes", 401), ("/api/auth/openapi.json", 200), ("/auth/openapi.json", 404)]
    {
        let response = call_service(&app, TestRequest::with_uri(path).to_request()).await;
        assert_eq!(response.status(), status, "{path}");
    }
}

/// The names in backticks of the first cell of every row that begins with a path.
fn paths_of_tables(text: &str, start: &str) -> BTreeSet<String> {
    let rows = text.lines().filter(|line| line.starts_with(start));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let names = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(|name| name.rsplit(' ').next().unwrap_or(name).to_owned()).collect()
}

#[test]
fn the_manual_lists_the_paths_that_the_program_serves() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let read = |name: &str| fs::read_to_string(docs.join(name)).unwrap();
    let manual = read("library.md");
    let section = manual.split("## An application that exists").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let printed: BTreeSet<_> = ["| `GET /", "| `POST /"]
        .iter()
        .flat_map(|start| paths_of_tables(&read("reference.md"), start))
        .collect();
    assert!(printed.len() > 15, "{printed:?}");
    assert_eq!(paths_of_tables(section, "| `/"), printed);
}

#[actix_web::test]
async fn a_document_of_openapi_3_0_becomes_one_of_3_1() {
    let gate = TestGate::new();
    let document = json!({
        "openapi": "3.0.3",
        "info": { "title": "Notes", "version": "1" },
        "paths": { "/notes": { "get": { "security": [{ "bearer": ["reader"] }], "responses": {
            "200": { "description": "Notes.", "content": { "application/json": {
                "schema": { "type": "string", "nullable": true },
            } } },
        } } } },
    });
    let site = gate.site(document).build().unwrap();
    let notes_200 = &site.document()["paths"]["/notes"]["get"]["responses"]["200"];
    let schema = &notes_200["content"]["application/json"]["schema"];
    assert_eq!(
        (&site.document()["openapi"], schema),
        (&json!("3.1.0"), &json!({ "type": ["string", "null"] }))
    );
    let app = init_service(site.app().service(notes)).await;
    for (role, status) in [("reader", 200), ("writer", 403)] {
        let bearer = ("Authorization", format!("Bearer {}", gate.token(role, &[role], &[])));
        let request = TestRequest::with_uri("/notes").insert_header(bearer);
        assert_eq!(call_service(&app, request.to_request()).await.status(), status);
    }
}
