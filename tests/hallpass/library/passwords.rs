//! `basic` on an operation of an application takes clients with their API keys and users with their passwords; an
//! application checks passwords once more.

use actix_web::{HttpRequest, HttpResponse, delete, get, test as actix_test, web};
use base64::{Engine, engine::general_purpose::STANDARD};
use hallpass::{Authenticated, Gate, Principal, Refusal, testing::TestGate};
use utoipa::openapi::OpenApi;

use crate::support::accounts::unknown_key;

#[utoipa::path(responses((status = 200)), security(("basic" = ["reader"])))]
#[get("/who")]
async fn who(authenticated: Authenticated) -> String {
    format!("{} {:?}", authenticated.principal.subject(), authenticated.principal.kind())
}

#[actix_web::test]
async fn basic_takes_users_and_clients_and_oauth2_endpoints_take_clients_only() {
    let gate = TestGate::new();
    let password = "100%41 & \u{fc}: more:hp_";
    gate.user("alice", password, &["reader"], &[]);
    gate.user("bob", "bob's own", &[], &[]);
    let key = gate.key("billing", &["reader"], &[]);
    let site = gate.protect(OpenApi::default(), |config| {
        config.service(who);
    });
    let app = actix_test::init_service(site.unwrap().app()).await;
    let basic = |name: &str, secret: &str| {
        ("Authorization", format!("Basic {}", STANDARD.encode(format!("{name}:{secret}"))))
    };
    for (name, secret, status) in [
        ("alice", password, 200),
        ("billing", &*key, 200),
        // OAuth2 clients percent-encode both (RFC 6749 §2.3.1).
        ("%62illing", &key.replace('_', "%5F"), 200),
        ("alice", "100A & \u{fc}: more:hp_", 401),
        ("alice", "bob's own", 401),
        ("alice", "", 401),
        ("alice", &key, 401),
        ("bob", "bob's own", 403),
        ("nobody", password, 401),
        ("billing", password, 401),
        ("billing", &unknown_key(), 401),
    ] {
        let request = actix_test::TestRequest::get().uri("/who");
        let request = request.insert_header(basic(name, secret)).to_request();
        let response = actix_test::call_service(&app, request).await;
        assert_eq!(response.status(), status, "{name}:{secret}");
        let body = actix_test::read_body(response).await;
        let body = std::str::from_utf8(&body).unwrap();
        match (status, name) {
            (200, "alice") => assert_eq!(body, "alice User"),
            (200, _) => assert_eq!(body, "billing Client"),
            (401, _) => assert!(body.contains("\"invalid_api_key\""), "{body}"),
            _ => assert!(body.contains("\"insufficient_scope\""), "{body}"),
        }
    }
    for (path, form) in [
        ("/introspect", "token=x"),
        ("/revoke", "token=x"),
        ("/token", "grant_type=client_credentials"),
    ] {
        for (name, secret, status) in [("alice", password, 401), ("billing", &*key, 200)] {
            let request = actix_test::TestRequest::post().uri(path).set_payload(form);
            let request = request
                .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
                .insert_header(basic(name, secret));
            let response = actix_test::call_service(&app, request.to_request()).await;
            assert_eq!(response.status(), status, "{path} {name}");
        }
    }
}

/// Delete everything
#[utoipa::path(responses((status = 204)), security(("bearer" = [])))]
#[delete("/everything")]
async fn delete_everything(
    request: HttpRequest,
    gate: web::Data<Gate>,
    principal: Principal,
    password: String,
) -> Result<HttpResponse, Refusal> {
    let Some((user, _)) = principal.ours() else { return Ok(HttpResponse::Conflict().finish()) };
    gate.verify_password(user, password, &request).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[actix_web::test]
async fn an_application_takes_a_second_look_at_the_password_of_a_user() {
    let gate = TestGate::new();
    let password = "open sesame";
    gate.user("alice", password, &[], &[]);
    gate.user("bob", "bob's own", &[], &[]);
    let client = gate.token("billing", &[], &[]);
    let site = gate.protect(OpenApi::default(), |config| {
        config.service(delete_everything);
    });
    let app = actix_test::init_service(site.unwrap().app()).await;
    let form =
        format!("grant_type=password&username=alice&password={}", password.replace(' ', "+"));
    let request = actix_test::TestRequest::post().uri("/token").set_payload(form);
    let request = request.insert_header(("Content-Type", "application/x-www-form-urlencoded"));
    let answer = actix_test::call_service(&app, request.to_request()).await;
    let answer: serde_json::Value = actix_test::read_body_json(answer).await;
    let alice = answer["access_token"].as_str().unwrap();
    for (token, sent, status) in [
        (alice, password, 204),
        (alice, "bob's own", 403),
        (alice, "", 403),
        (alice, &"x".repeat(100), 403),
        // A client has no password.
        (&client, password, 403),
    ] {
        let request = actix_test::TestRequest::delete().uri("/everything");
        let request = request.insert_header(("Authorization", format!("Bearer {token}")));
        let request = request.set_payload(sent.to_owned()).to_request();
        let answer = actix_test::call_service(&app, request).await;
        assert_eq!(answer.status(), status, "{sent}");
    }
}
