//! A handler runs only under the requirement of its own annotation.

use actix_web::{
    App, HttpResponse, get,
    guard::{self, GuardContext},
    post, test as actix_test, web,
};
use hallpass::{Site, testing::TestGate};
use serde_json::json;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

fn is_preview(context: &GuardContext<'_>) -> bool {
    context.head().headers().contains_key("x-preview")
}

/// A handler with its annotation.
macro_rules! handler {
    ($name:ident, $route:meta, [$($security:tt)*]) => {
        #[utoipa::path(responses((status = 200, body = String)), security($($security)*))]
        #[$route]
        async fn $name() -> &'static str {
            stringify!($name)
        }
    };
}

handler!(summary, get("/report", guard = "is_preview"), []);
handler!(full, get("/report"), [("bearer" = ["admin"])]);
handler!(new_report, post("/report"), [("bearer" = ["admin"])]);
handler!(file_preview, get("/files/{name}", guard = "is_preview"), []);
handler!(file, get("/files/{name}"), []);
handler!(numbered_file, get("/files/{name:[0-9]+}"), []);
handler!(all_files, get("/files/{path:.*}"), []);
handler!(area_secret, get("/{area}/secret"), [("bearer" = ["admin"])]);
handler!(me_preview, get("/users/me", guard = "is_preview"), []);
handler!(me, get("/users/me"), []);
handler!(user, get("/users/{id}"), [("bearer" = ["admin"])]);
handler!(numbered_user, get("/users/{id:[0-9]+}"), [("bearer" = ["admin"])]);
handler!(anything, get("/{anything}"), []);
handler!(summaries, get("/summaries"), []);

#[utoipa::path(get, path = "/elsewhere", responses((status = 200)), security())]
#[get("/here")]
async fn misplaced() -> &'static str {
    "misplaced"
}

#[utoipa::path(post, path = "/there", responses((status = 200)), security())]
#[get("/there")]
async fn misannotated() -> &'static str {
    "misannotated"
}

#[utoipa::path(post, path = "/there", operation_id = "other_id", responses((status = 200)), security())]
#[get("/there")]
async fn renamed() -> &'static str {
    "renamed"
}

handler!(post_anything, post("/{anything}"), [("bearer" = ["admin"])]);

fn protect(
    operations: impl Fn(&mut ServiceConfig<'_>) + Send + Sync + 'static,
) -> Result<Site, String> {
    let site = TestGate::new().protect(OpenApi::default(), operations);
    site.map_err(|diagnostics| diagnostics.to_string())
}

/// The application does not start, and the error has these words.
#[track_caller]
fn assert_refused(
    words: &[&str],
    operations: impl Fn(&mut ServiceConfig<'_>) + Send + Sync + 'static,
) {
    let error = protect(operations).map(drop).expect_err("the application must not start");
    for word in words {
        assert!(error.contains(word), "no {word} in: {error}");
    }
}

#[test]
fn two_handlers_of_one_method_and_path_are_refused() {
    assert_refused(&["GET /report", "`summary`", "`full`", "is_preview"], |config| {
        config.service(summary).service(full);
    });
    assert_refused(&["GET /report", "`full`"], |config| {
        config.service(full).service(full);
    });
    assert_refused(&["GET /v1/report", "`summary`", "`full`"], |config| {
        config.service(utoipa_actix_web::scope("/v1").service(summary).service(full));
    });
    assert_refused(&["GET /v1/report", "`summary`", "`full`"], |config| {
        let preview = utoipa_actix_web::scope("/v1").guard(guard::Header("x-preview", "1"));
        config.service(preview.service(summary));
        config.service(utoipa_actix_web::scope("/v1").service(full));
    });
}

/// A guard whose name could be that of a method.
struct Internal;

impl guard::Guard for Internal {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        is_preview(context)
    }

    fn name(&self) -> String {
        "INTERNAL".to_owned()
    }
}

#[test]
fn a_guard_is_known_whatever_its_name() {
    assert_refused(&["GET /users/me", "`me`", "INTERNAL"], |config| {
        config.service(utoipa_actix_web::scope("").guard(Internal).service(me));
        config.service(user);
    });
}

#[test]
fn an_undocumented_handler_beside_a_documented_one_is_refused() {
    let leak = || async { "a leak" };
    assert_refused(&["GET /report", "`full`"], move |config| {
        config.service(full).route("/report", web::get().to(leak));
    });
    assert_refused(&["GET /report", "`full`"], move |config| {
        config.map(|config| config.service(web::resource("/report").to(leak))).service(full);
    });
    assert_refused(&["GET /report", "`full`", "`raw`"], move |config| {
        let both = web::resource("/report").name("raw").get(leak).post(leak);
        config.map(|config| config.service(both)).service(full);
    });
    // Another method never answers, and hides nothing.
    let site = protect(move |config| {
        config.service(full).route("/report", web::delete().to(leak));
    });
    site.unwrap();
}

#[test]
fn a_guard_that_leaves_requests_to_another_path_is_refused() {
    assert_refused(
        &["/files/{name}", "`file_preview`", "/{area}/secret", "`area_secret`", "is_preview"],
        |config| {
            config.service(file_preview).service(area_secret);
        },
    );
    assert_refused(&["/users/me", "`me_preview`", "/users/{id}", "`user`"], |config| {
        config.service(me_preview).service(user);
    });
    assert_refused(&["/v1/users/me", "`me`", "/v1/{anything}", "Header"], |config| {
        let guarded = utoipa_actix_web::scope("/v1").guard(guard::Header("x-preview", "1"));
        config.service(guarded.service(me));
        let undocumented =
            web::scope("/v1").route("/{anything}/me", web::get().to(|| async { "" }));
        config.map(|config| config.service(undocumented));
    });
    // A regular expression is a guard too.
    assert_refused(&["`numbered_file`", "{name:[0-9]+}", "`area_secret`"], |config| {
        config.service(numbered_file).service(area_secret);
    });
}

#[test]
fn a_path_that_the_router_takes_for_another_is_refused() {
    assert_refused(&["/users/me", "`me`", "/users/{id}", "`user`"], |config| {
        config.service(user).service(me);
    });
    assert_refused(&["/files/{name}", "`file`", "/{area}/secret", "`area_secret`"], |config| {
        config.service(area_secret).service(file);
    });
    assert_refused(&["`summaries`", "/{tail:.*}"], |config| {
        config.route("/{tail:.*}", web::get().to(HttpResponse::Ok)).service(summaries);
    });
    assert_refused(&["`summaries`", "a handler without a name", "/{any}"], |config| {
        config.route("/{any}", web::post().to(HttpResponse::Ok)).service(summaries);
    });
    assert_refused(&["/users/{id}", "`user`", "scope `/users`"], |config| {
        config.service(utoipa_actix_web::scope("/users").service(summaries)).service(user);
    });
    assert_refused(&["/v1/users/me", "`me`", "/v1/users/{id}", "`user`"], |config| {
        config.service(utoipa_actix_web::scope("/v1").service(user).service(me));
    });
}

#[test]
fn a_pattern_of_several_segments_is_refused() {
    assert_refused(&["/files/{path}", "`all_files`", "{path:.*}", "segment"], |config| {
        config.service(all_files);
    });
}

#[test]
fn a_handler_at_another_path_than_its_annotation_says_is_refused() {
    assert_refused(&["GET /elsewhere", "`misplaced`", "GET /here"], |config| {
        config.service(misplaced);
    });
    assert_refused(&["POST /there", "`misannotated`", "GET /there"], |config| {
        config.service(misannotated);
    });
    assert_refused(&["POST /there", "`other_id`", "`post_anything`"], |config| {
        config.service(renamed).service(post_anything);
    });
}

async fn status(site: &Site, path: &str, header: Option<&str>) -> (u16, String) {
    let app = actix_test::init_service(site.app()).await;
    let mut request = actix_test::TestRequest::get().uri(path);
    if let Some(name) = header {
        request = request.insert_header((name, "1"));
    }
    let response = actix_test::call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    let body = actix_test::read_body(response).await;
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[actix_web::test]
async fn what_no_other_handler_can_answer_starts_and_is_served() {
    let site = protect(|config| {
        config.service(me).service(user).service(full).service(new_report).service(area_secret);
        config.service(utoipa_actix_web::scope("/v1").service(summaries));
        config.service(anything);
    });
    let site = site.unwrap();
    for (path, expected) in [
        ("/users/me", 200),
        ("/users/you", 401),
        ("/report", 401),
        ("/x/secret", 401),
        ("/v1/summaries", 200),
        ("/thing", 200),
    ] {
        assert_eq!(status(&site, path, None).await.0, expected, "{path}");
    }
    // A regular expression that does not match the other path hides nothing.
    let site = protect(|config| {
        config.service(numbered_user).service(me);
    });
    assert_eq!(status(&site.unwrap(), "/users/me", None).await.0, 200);
    // One guard around overlapping paths keeps all of them from the rest.
    let site = protect(|config| {
        let scope = utoipa_actix_web::scope("/v1").guard(guard::fn_guard(is_preview));
        config.service(scope.service(me).service(user)).service(anything);
    });
    let site = site.unwrap();
    assert_eq!(status(&site, "/v1/users/me", Some("x-preview")).await.0, 200);
    assert_eq!(status(&site, "/v1/users/me", None).await.0, 404);
}

#[actix_web::test]
async fn what_a_guard_refuses_is_left_to_no_route_that_is_added_later() {
    let site = protect(|config| {
        config.service(me_preview).service(numbered_file);
    });
    let site = site.unwrap();
    let leak = || async { "a leak" };
    let app = site.app().route("/users/me", web::get().to(leak));
    let app = app.route("/files/{name}", web::get().to(leak));
    let app: App<_> = app.route("/{any}/me", web::get().to(leak)).default_service(web::to(leak));
    let app = actix_test::init_service(app).await;
    for path in ["/users/me", "/files/x"] {
        let request = actix_test::TestRequest::get().uri(path).to_request();
        let response = actix_test::call_service(&app, request).await;
        assert_eq!(response.status(), 404, "{path}");
        let body = actix_test::read_body(response).await;
        assert!(!body.starts_with(b"a leak"), "{path}");
    }
    assert_eq!(status(&site, "/users/me", Some("x-preview")).await, (200, "me_preview".to_owned()));
    assert_eq!(status(&site, "/files/7", None).await, (200, "numbered_file".to_owned()));
}

#[actix_web::test]
async fn no_credential_is_read_for_an_operation_that_the_router_does_not_reach() {
    let gate = TestGate::new();
    let site = gate.protect(OpenApi::default(), |_| {}).unwrap();
    let mut document = site.document().clone();
    let operation = json!({ "get": { "security": [{ "apiKey": [] }], "responses": {} } });
    document["paths"]["/users/me"] = operation;
    let site = site.with_document(&document).unwrap();
    let app = site.app().route("/users/{id}", web::get().to(|| async { "a leak" }));
    let app = app.route("/users/me", web::get().to(|| async { "me" }));
    let app = actix_test::init_service(app).await;
    let key = gate.key("alice", &[], &[]);
    for (path, status, hashes) in [("/users/me", 404, 0), ("/request", 200, 1)] {
        let request = actix_test::TestRequest::get().uri(path);
        let request = request.insert_header(("X-API-Key", key.as_str())).to_request();
        assert_eq!(actix_test::call_service(&app, request).await.status(), status, "{path}");
        let metrics = actix_web::body::to_bytes(gate.metrics().into_body()).await.unwrap();
        let metrics = String::from_utf8_lossy(&metrics).into_owned();
        let total = |line: &str| {
            line.strip_prefix("hallpass_hashing_total")?.rsplit(' ').next()?.parse::<u32>().ok()
        };
        assert_eq!(metrics.lines().filter_map(total).sum::<u32>(), hashes, "{path}: {metrics}");
    }
}

#[actix_web::test]
async fn an_answer_of_another_route_is_withheld_where_guards_choose_among_routes_that_are_added_later()
 {
    let site = protect(|_| {}).unwrap();
    let mut document = site.document().clone();
    let operation = |security| json!({ "get": { "security": security, "responses": {} } });
    document["paths"]["/files/{name}"] = operation(json!([]));
    document["paths"]["/{area}/secret"] = operation(json!([{ "bearer": ["admin"] }]));
    let site = site.with_document(&document).unwrap();
    let preview = web::get().guard(guard::fn_guard(is_preview)).to(|| async { "a preview" });
    let preview = web::resource("/files/{name}").guard(guard::fn_guard(is_preview)).route(preview);
    let app = site.app().service(preview);
    let app = app.route("/{area}/secret", web::get().to(|| async { "a secret" }));
    let app = actix_test::init_service(app).await;
    for (header, expected) in [("x-preview", 200), ("x-other", 404)] {
        let request = actix_test::TestRequest::get().uri("/files/secret");
        let request = request.insert_header((header, "1")).to_request();
        let response = actix_test::call_service(&app, request).await;
        assert_eq!(response.status(), expected);
        let body = actix_test::read_body(response).await;
        assert!(!body.starts_with(b"a secret"));
    }
}
