//! Refusals in a body of the application's own: what is sent, and what the document says.

use std::collections::BTreeSet;

use actix_web::{
    HttpRequest, get,
    http::{StatusCode, header::HeaderMap},
    post, test as actix_test, web,
};
use hallpass::{Code, FromPrincipal, Principal, Problem, Refusal, Site, testing::TestGate};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{OpenApi, ToSchema};

/// The error of this application.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorBody {
    /// For programs.
    error: Code,
    message: String,
    /// For support.
    support: Support,
}

#[derive(Debug, Serialize, ToSchema)]
struct Support {
    request: String,
    status: u16,
}

impl From<Problem> for ErrorBody {
    fn from(problem: Problem) -> Self {
        let support = Support { request: problem.request_id, status: problem.status };
        Self { error: problem.code, message: problem.detail, support }
    }
}

struct User;

impl FromPrincipal for User {
    async fn from_principal(principal: &Principal, _: &HttpRequest) -> Result<Self, Refusal> {
        match principal.subject() {
            "closed" => Err(Refusal::denied("This account is closed.")),
            "unlucky" => Err(Refusal::unavailable("The accounts are away.", "no connection")),
            "broken" => Err(Refusal::internal("a bug")),
            _ => Ok(Self),
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct Note {
    text: String,
}

#[utoipa::path(request_body = Note, responses((status = 200, body = String)), security(("bearer" = ["writer"]), ("session" = ["writer"])))]
#[post("/notes/{number}")]
async fn write_note(number: web::Path<u32>, note: web::Json<Note>) -> String {
    format!("{number}: {}", note.text)
}

#[utoipa::path(
    responses((status = 200, body = String), (status = 400, description = "A bad number.", body = Note)),
    security(("apiKey" = [])),
)]
#[get("/old")]
async fn old() -> Result<String, Refusal> {
    Err(Refusal::new(Code::InvalidRequest, "This is gone."))
}

#[derive(OpenApi)]
#[openapi(paths(write_note, old))]
struct Notes;

fn site(gate: &TestGate) -> Site {
    let site = gate.site(Notes::openapi()).operations(|config| {
        config.service(write_note).service(old);
    });
    site.principal_as::<User>().refusals::<ErrorBody>().build().unwrap()
}

struct Sent {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Sent {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn send(site: &Site, request: actix_test::TestRequest) -> Sent {
    let app = actix_test::init_service(site.app()).await;
    let response = actix_test::call_service(&app, request.to_request()).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = actix_test::read_body(response).await;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Sent { status, headers, body }
}

/// The Media Type Object that the document has for an answer.
fn documented<'d>(document: &'d Value, method: &str, path: &str, status: u16) -> &'d Value {
    let mut response = &document["paths"][path][method]["responses"][status.to_string()];
    if let Some(reference) = response["$ref"].as_str() {
        response = document.pointer(&reference[1..]).unwrap();
    }
    let content = response["content"].as_object().unwrap_or_else(|| panic!("{status} of {path}"));
    &content["application/json"]
}

const OWN: &str = "#/components/schemas/ErrorBody";

#[actix_web::test]
async fn every_refusal_has_the_body_of_the_application_and_the_document_says_so() {
    let gate = TestGate::new();
    let site = site(&gate);
    let token = |subject: &str| gate.as_client(subject).role("writer").bearer();
    let note = json!({ "text": "hello" }).to_string();
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(3_000_000));
    let (json, key) = (("Content-Type", "application/json"), gate.key("a", &[], &[]));
    let (good, weak) = (token("a"), gate.as_client("a").bearer());
    let cookie = gate.as_client("a").role("writer").cookie();
    let (closed, unlucky, broken) = (token("closed"), token("unlucky"), token("broken"));
    type Headers<'h> = Vec<(&'h str, &'h str)>;
    let auth = |value| ("Authorization", value);
    let notes = "/notes/{number}";
    let table: Vec<(&str, &str, &str, Headers<'_>, &str, u16, &str)> = vec![
        ("POST", "/notes/1", notes, vec![json], &note, 401, "missing_credentials"),
        ("POST", "/notes/1", notes, vec![auth("Bearer x"), json], &note, 401, "invalid_token"),
        ("POST", "/notes/1", notes, vec![auth(&weak), json], &note, 403, "insufficient_scope"),
        (
            "POST",
            "/notes/1",
            notes,
            vec![("Cookie", &cookie), ("Sec-Fetch-Site", "cross-site"), json],
            &note,
            403,
            "cross_site_request",
        ),
        ("POST", "/notes/1", notes, vec![auth(&closed), json], &note, 403, "denied"),
        ("POST", "/notes/1", notes, vec![auth(&unlucky), json], &note, 503, "unavailable"),
        ("POST", "/notes/1", notes, vec![auth(&broken), json], &note, 500, "internal_error"),
        ("POST", "/notes/1", notes, vec![auth(&good), json], "{", 400, "invalid_request"),
        ("POST", "/notes/x", notes, vec![auth(&good), json], &note, 400, "invalid_request"),
        ("POST", "/notes/1", notes, vec![auth(&good)], &note, 415, "unsupported_media_type"),
        ("POST", "/notes/1", notes, vec![auth(&good), json], &long, 413, "payload_too_large"),
        ("PUT", "/notes/1", "", vec![auth(&good)], "", 405, "method_not_allowed"),
        ("GET", "/nothing", "", vec![], "", 404, "not_found"),
        ("GET", "/old", "/old", vec![], "", 401, "missing_credentials"),
        ("GET", "/old", "/old", vec![("X-API-Key", "x")], "", 401, "invalid_api_key"),
        ("GET", "/old", "/old", vec![("X-API-Key", &key)], "", 400, "invalid_request"),
        ("POST", "/login", "/login", vec![], "", 401, "missing_credentials"),
        ("POST", "/login", "/login", vec![("X-API-Key", &key), json], "[", 400, "invalid_request"),
        ("GET", "/clients", "/clients", vec![auth(&weak)], "", 403, "insufficient_scope"),
    ];
    for (method, path, template, headers, body, status, code) in table {
        let request = actix_test::TestRequest::with_uri(path).method(method.parse().unwrap());
        let request = headers.into_iter().fold(request, |request, one| request.insert_header(one));
        let sent = send(&site, request.set_payload(body.to_owned())).await;
        let case = format!("{method} {path}: {code}");
        assert_eq!(sent.status, status, "{case}");
        assert_eq!(sent.header("content-type"), "application/json", "{case}");
        assert_eq!(sent.body["error"], code, "{case}");
        assert_eq!(sent.body["support"]["status"], status, "{case}");
        assert_eq!(
            sent.header("x-request-id"),
            sent.body["support"]["request"].as_str().unwrap(),
            "{case}"
        );
        let has = |name: &str| sent.headers.contains_key(name);
        assert_eq!(has("www-authenticate"), matches!(status, 401) || code == "insufficient_scope");
        assert_eq!((has("retry-after"), has("allow")), (status == 503, status == 405), "{case}");
        if template.is_empty() {
            continue;
        }
        let says = documented(site.document(), &method.to_lowercase(), template, status);
        let reference = &says["schema"]["$ref"];
        let alternatives = says["schema"]["anyOf"].as_array();
        let is_said = reference == OWN
            || alternatives.is_some_and(|all| all.iter().any(|one| one["$ref"] == OWN));
        assert!(is_said, "{case}: {says}");
        let keys = |value: &Value| -> BTreeSet<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        if reference == OWN {
            assert_eq!(keys(&says["example"]), keys(&sent.body), "{case}");
            assert_eq!(says["example"]["support"]["status"], status, "{case}");
        }
    }
}

#[actix_web::test]
async fn the_document_has_no_problem_and_the_oauth2_shapes_stay() {
    let gate = TestGate::new();
    let site = site(&gate);
    let check = |site: &Site| {
        let (text, schemas) =
            (site.document().to_string(), &site.document()["components"]["schemas"]);
        assert!(!text.contains("problem+json") && !text.contains("schemas/Problem"), "{text}");
        assert!(schemas["Problem"].is_null());
        let of = |value: &Value| value.as_object().unwrap().len();
        assert_eq!(of(&schemas["ErrorBody"]["properties"]), 3);
        assert_eq!(of(&schemas["Support"]["properties"]), 2, "what the schema refers to is there");
        assert!(schemas["Code"].is_object());
        let unready = documented(site.document(), "get", "/health/ready", 503);
        assert_eq!(unready["schema"]["$ref"], OWN);
        assert_eq!(unready["example"]["error"], "unavailable");
        let oauth = documented(site.document(), "post", "/token", 401);
        assert_eq!(oauth["schema"]["$ref"], "#/components/schemas/OAuthError");
    };
    check(&site);
    let again = site.with_document(&site.document().clone()).unwrap();
    assert_eq!(again.document(), site.document(), "a document is completed once");
    check(&again);
    let sent = send(&again, actix_test::TestRequest::get().uri("/nothing")).await;
    assert_eq!(sent.body["error"], "not_found");
    let sent = send(&again, actix_test::TestRequest::post().uri("/token")).await;
    assert_eq!(sent.status, 415);
    assert_eq!(sent.body["error"], "invalid_request");
    assert!(sent.body["support"].is_null() && sent.body["error_description"].is_string());
    gate.stop();
    let sent = send(&again, actix_test::TestRequest::get().uri("/health/ready")).await;
    assert_eq!((sent.status.as_u16(), &sent.body["error"]), (503, &json!("unavailable")));
    let plain = TestGate::new().site(Notes::openapi()).build().unwrap();
    assert!(plain.document()["components"]["schemas"]["Problem"].is_object());
}

/// Takes some problems and not others.
#[derive(Debug, ToSchema)]
struct Moody(Code);

impl From<Problem> for Moody {
    fn from(problem: Problem) -> Self {
        assert!(problem.code != Code::NotFound, "nothing can be said of what is not there");
        Self(problem.code)
    }
}

impl Serialize for Moody {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Code::InsufficientScope => Err(serde::ser::Error::custom("that is secret")),
            code => code.serialize(serializer),
        }
    }
}

#[actix_web::test]
async fn a_body_that_cannot_be_made_is_the_usual_one() {
    let gate = TestGate::new();
    let site = gate.site(Notes::openapi()).operations(|config| {
        config.service(write_note).service(old);
    });
    let site = site.refusals::<Moody>().build().unwrap();
    let usual = "application/problem+json";
    let sent = send(&site, actix_test::TestRequest::get().uri("/nothing")).await;
    assert_eq!((sent.status.as_u16(), &sent.body["code"]), (404, &json!("not_found")));
    assert_eq!(sent.header("content-type"), usual);
    let weak = gate.as_client("a").bearer();
    let request = actix_test::TestRequest::post().uri("/notes/1");
    let sent = send(&site, request.insert_header(("Authorization", weak))).await;
    assert_eq!((sent.status.as_u16(), &sent.body["code"]), (403, &json!("insufficient_scope")));
    assert_eq!(sent.header("content-type"), usual);
    let sent = send(&site, actix_test::TestRequest::get().uri("/old")).await;
    assert_eq!((sent.status.as_u16(), &sent.body), (401, &json!("missing_credentials")));
    assert_eq!(sent.header("content-type"), "application/json");
    let said = &site.document()["components"]["responses"];
    assert_eq!(
        said["Forbidden"]["content"]["application/problem+json"]["schema"]["$ref"],
        "#/components/schemas/Problem"
    );
    assert!(said["Unauthorized"]["content"]["application/json"]["example"].is_string());
    assert!(site.document()["components"]["schemas"]["Problem"].is_object());
}

/// Another schema of the same name.
mod other {
    use super::*;

    #[derive(Serialize, ToSchema)]
    pub(super) struct ErrorBody {
        pub(super) reason: String,
    }

    #[utoipa::path(responses((status = 409, body = ErrorBody)), security(()))]
    #[get("/other")]
    pub(super) async fn clash() -> web::Json<ErrorBody> {
        web::Json(ErrorBody { reason: "taken".to_owned() })
    }
}

#[actix_web::test]
async fn a_schema_of_the_same_name_is_an_error_unless_it_is_the_same() {
    let gate = TestGate::new();
    let with = |refusals: bool| {
        let site = gate.site(utoipa::openapi::OpenApi::default()).operations(|config| {
            config.service(other::clash);
        });
        if refusals { site.refusals::<ErrorBody>().build() } else { site.build() }
    };
    assert!(with(false).is_ok());
    let error = with(true).unwrap_err().to_string();
    assert!(error.contains("#/components/schemas/ErrorBody"), "{error}");
}
