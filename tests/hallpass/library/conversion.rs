//! The conversion that `docs/convert.md` describes: its diff is that of the two applications, which answer alike.

use actix_web::{
    App,
    test::{
        TestRequest, call_and_read_body_json, call_service, init_service, read_body,
        try_call_service,
    },
    web::{Bytes, Data},
};
use hallpass::testing::{TestGate, matrix};
use serde_json::{Value, json};

#[path = "../../../docs/convert/before.rs"]
#[allow(dead_code, reason = "its main does not run in tests")]
mod before;

#[path = "../../../docs/convert/after.rs"]
#[allow(dead_code, reason = "its main does not run in tests")]
mod after;

const PAGE: &str = include_str!("../../../docs/convert.md");

/// The lines of the page's diff that begin with one of these signs.
fn side(signs: [char; 2]) -> String {
    let diff = PAGE.split_once("```diff\n").unwrap().1.split_once("```").unwrap().0;
    let lines = diff.lines().filter(|line| line.is_empty() || line.starts_with(signs));
    lines.map(|line| format!("{}\n", line.get(1..).unwrap_or_default())).collect()
}

#[test]
fn the_diff_of_the_page_leads_from_the_one_application_to_the_other() {
    assert_eq!(side([' ', '-']), include_str!("../../../docs/convert/before.rs"));
    assert_eq!(side([' ', '+']), include_str!("../../../docs/convert/after.rs"));
}

/// The statuses of the answers of an application, in order.
async fn answers(app: impl AsyncFn(TestRequest) -> (u16, Bytes)) -> Vec<(String, u16)> {
    let (mut tokens, mut answers) = (vec!["x.y.z".to_owned()], Vec::new());
    for name in ["alice", "bob"] {
        let credentials = json!({ "name": name, "password": "correct horse" });
        for path in ["/register", "/register", "/sign-in"] {
            let (status, body) = app(TestRequest::post().uri(path).set_json(&credentials)).await;
            answers.push((path.to_owned(), status));
            if path == "/sign-in" {
                let token: Value = serde_json::from_slice(&body).unwrap();
                tokens.push(token["access_token"].as_str().unwrap().to_owned());
            }
        }
    }
    let wrong = json!({ "name": "alice", "password": "wrong" });
    let (status, _) = app(TestRequest::post().uri("/sign-in").set_json(wrong)).await;
    answers.push(("a wrong password".to_owned(), status));
    for path in ["/", "/openapi.json", "/notes"] {
        answers.push((path.to_owned(), app(TestRequest::get().uri(path)).await.0));
    }
    for token in tokens {
        let bearer = ("Authorization", format!("Bearer {token}"));
        for method in ["POST", "GET", "DELETE"] {
            let request = TestRequest::with_uri("/notes").method(method.parse().unwrap());
            let (status, _) = app(request.insert_header(bearer.clone())).await;
            answers.push((method.to_owned(), status));
        }
    }
    answers
}

/// Has an application answer. What its middleware refuses arrives as an error.
macro_rules! serving {
    ($app:expr) => {{
        let app = init_service($app).await;
        async move |request: TestRequest| match try_call_service(&app, request.to_request()).await {
            Ok(response) => (response.status().as_u16(), read_body(response).await),
            Err(error) => (error.as_response_error().status_code().as_u16(), Bytes::new()),
        }
    }};
}

#[actix_web::test]
async fn the_converted_application_answers_as_before() {
    let store = Data::new(before::Store::new("no secret of anybody, and long".to_owned()));
    let app = App::new().app_data(store).configure(before::routes);
    let before = answers(serving!(app)).await;
    let (gate, store) = (TestGate::new(), Data::<after::Store>::default());
    let site = after::protect(gate.clone(), &store).unwrap();
    let app = || {
        let app = App::new().app_data(store.clone()).configure(after::routes);
        app.configure(|config| site.register(config)).wrap(site.guard())
    };
    assert_eq!(answers(serving!(app())).await, before);
    let expected = [("POST", 201), ("GET", 200), ("DELETE", 204), ("POST", 201), ("GET", 200)];
    let alice_and_bob = expected.into_iter().chain([("DELETE", 403)]);
    let last: Vec<(&str, u16)> = alice_and_bob.collect();
    let answered = before.iter().map(|(what, status)| (what.as_str(), *status));
    assert_eq!(answered.skip(before.len() - 6).collect::<Vec<_>>(), last);
    assert!(site.check(app()).await.unwrap().is_empty());
    let app = init_service(app()).await;
    matrix(&site).served_by(async |request| call_service(&app, request.to_request()).await).await;
}

#[actix_web::test]
async fn a_logged_out_token_of_the_converted_application_ends() {
    let (gate, store) = (TestGate::new(), Data::<after::Store>::default());
    let site = after::protect(gate.clone(), &store).unwrap();
    let app = App::new().app_data(store).configure(after::routes);
    let app = init_service(app.configure(|config| site.register(config)).wrap(site.guard())).await;
    let credentials = json!({ "name": "alice", "password": "correct horse" });
    let register = TestRequest::post().uri("/register").set_json(&credentials).to_request();
    assert_eq!(call_service(&app, register).await.status(), 201);
    let sign_in = TestRequest::post().uri("/sign-in").set_json(&credentials).to_request();
    let token: Value = call_and_read_body_json(&app, sign_in).await;
    let bearer = ("Authorization", format!("Bearer {}", token["access_token"].as_str().unwrap()));
    for (method, path, status) in
        [("GET", "/notes", 200), ("POST", "/logout", 200), ("GET", "/notes", 401)]
    {
        let request = TestRequest::with_uri(path).method(method.parse().unwrap());
        let request = request.insert_header(bearer.clone()).to_request();
        assert_eq!(call_service(&app, request).await.status(), status, "{method} {path}");
    }
}
