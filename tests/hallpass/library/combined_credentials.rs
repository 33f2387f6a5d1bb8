//! Alternatives and combinations of credentials in applications: what is read, and what a refusal asks for.

use actix_web::{get, post, test as actix_test};
use hallpass::{Site, testing::TestGate};
use serde_json::Value;
use utoipa::openapi::OpenApi;

#[utoipa::path(responses((status = 200)), security(("bearer" = []), ("session" = [])))]
#[post("/either")]
async fn either() -> &'static str {
    "either"
}

#[utoipa::path(responses((status = 200)), security(("session" = [])))]
#[post("/cookie")]
async fn cookie() -> &'static str {
    "cookie"
}

#[utoipa::path(
    responses((status = 200)),
    security(("apiKey" = [], "session" = []), ("bearer" = [], "apiKey" = []), ("apiKeyCookie" = [], "bearer" = [])),
)]
#[get("/both")]
async fn both() -> &'static str {
    "both"
}

#[utoipa::path(responses((status = 200)), security(("bearer" = []), ("oauth2" = []), ("basic" = [])))]
#[get("/any")]
async fn any() -> &'static str {
    "any"
}

fn protected() -> (TestGate, Site) {
    let gate = TestGate::new();
    let site = gate.protect(OpenApi::default(), |config| {
        config.service(either).service(cookie).service(both).service(any);
    });
    (gate, site.unwrap())
}

/// Status and detail.
async fn answer(
    site: &Site,
    request: actix_test::TestRequest,
    headers: &[(&str, String)],
) -> (u16, String) {
    let app = actix_test::init_service(site.app()).await;
    let add = |request: actix_test::TestRequest, (name, value): &(&str, String)| {
        request.append_header((*name, value.clone()))
    };
    let request = headers.iter().fold(request, add);
    let response = actix_test::call_service(&app, request.to_request()).await;
    let status = response.status().as_u16();
    let body = actix_test::read_body(response).await;
    let problem: Option<Value> = serde_json::from_slice(&body).ok();
    let detail = problem.and_then(|problem| Some(problem["detail"].as_str()?.to_owned()));
    (status, detail.unwrap_or_default())
}

#[actix_web::test]
async fn beside_a_bearer_token_no_cookie_of_an_application_is_read() {
    let (gate, site) = protected();
    let bearer = ("Authorization", format!("Bearer {}", gate.token("a", &[], &[])));
    let session = ("Cookie", format!("access_token={}", gate.token("a", &[], &[])));
    let doubled = ("Cookie", "access_token=x; access_token=y".to_owned());
    let basic = ("Authorization", "Basic cHJveHk6c2VjcmV0".to_owned());
    let post = |path: &str| actix_test::TestRequest::post().uri(path);
    for (path, headers, status) in [
        ("/either", vec![bearer.clone(), doubled.clone()], 200),
        ("/either", vec![doubled.clone()], 400),
        ("/either", vec![basic.clone(), session.clone()], 200),
        // Bearer is no credential of this operation, so it hides none.
        ("/cookie", vec![bearer.clone(), session.clone()], 200),
        ("/cookie", vec![bearer.clone()], 401),
        ("/cookie", vec![bearer, doubled], 400),
    ] {
        assert_eq!(answer(&site, post(path), &headers).await.0, status, "{path} {headers:?}");
    }
}

#[actix_web::test]
async fn an_alternative_of_a_key_and_a_cookie_is_met_by_both_together() {
    let (gate, site) = protected();
    let key = ("X-API-Key", gate.key("a", &[], &[]));
    let session =
        |client: &str| ("Cookie", format!("access_token={}", gate.token(client, &[], &[])));
    let get = || actix_test::TestRequest::get().uri("/both");
    assert_eq!(answer(&site, get(), &[key.clone(), session("a")]).await.0, 200);
    assert_eq!(answer(&site, get(), &[key.clone(), session("b")]).await.0, 403);
    assert_eq!(answer(&site, get(), &[session("a")]).await.0, 401);
}

#[actix_web::test]
async fn a_missing_credential_is_asked_for_by_and_inside_of_an_alternative_and_by_or_between() {
    let (gate, site) = protected();
    let get = |path: &str| actix_test::TestRequest::get().uri(path);
    let wanted = "Send the header X-API-Key and the cookie access_token, or the header X-API-Key and \
                  Authorization: Bearer, or the cookie api_key and Authorization: Bearer.";
    let (status, detail) = answer(&site, get("/both"), &[]).await;
    assert_eq!((status, detail), (401, format!("No credential was presented. {wanted}")));
    let key = ("X-API-Key", gate.key("a", &[], &[]));
    let (status, detail) = answer(&site, get("/both"), &[key]).await;
    assert_eq!(
        (status, detail),
        (401, format!("No credential was presented beside the valid one. {wanted}"))
    );
    let (_, detail) = answer(&site, get("/any"), &[]).await;
    let wanted =
        "No credential was presented. Send Authorization: Bearer, or Authorization: Basic.";
    assert_eq!(detail, wanted);
}

#[actix_web::test]
async fn without_a_host_header_an_origin_is_compared_with_the_authority_of_the_url() {
    // As over HTTP/2.
    let (gate, site) = protected();
    let session = ("Cookie", format!("access_token={}", gate.token("a", &[], &[])));
    for (origin, status) in
        [("http://a.test:81", 200), ("http://a.test", 403), ("http://b.test:81", 403)]
    {
        let request = actix_test::TestRequest::post().uri("http://a.test:81/either");
        let headers = [session.clone(), ("Origin", origin.to_owned())];
        assert_eq!(answer(&site, request, &headers).await.0, status, "{origin}");
    }
}
