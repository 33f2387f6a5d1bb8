//! Login with a key, use of the token and the session cookie, logout.

use serde_json::json;

use crate::{
    oauth::form,
    support::{accounts::key_id, raw_http::Response, server::Server},
};

#[test]
fn a_key_in_any_of_three_locations_logs_in() {
    let server = Server::start();
    let key = server.accounts.key("reader").to_owned();
    let anonymous = server.anonymous();
    let requests = [
        anonymous.post("/login").header("X-API-Key", &key),
        anonymous.post(&format!("/login?api_key={key}")),
        anonymous.post("/login").header("Cookie", format!("api_key={key}")),
    ];
    let mut tokens = Vec::new();
    for request in requests {
        let answer = request.expect(200);
        let body = answer.json();
        let names: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(names, ["access_token", "token_type", "expires_in", "scope", "roles"]);
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 1800);
        assert_eq!(body["scope"], "");
        assert_eq!(body["roles"], json!(["reader"]));
        assert_eq!(answer.header("set-cookie"), None);
        let token = body["access_token"].as_str().unwrap().to_owned();
        server.bearer(&token).get("/request").expect(200);
        assert!(!tokens.contains(&token), "the token is new");
        tokens.push(token);
    }
}

#[test]
fn whoami_returns_the_principal_and_the_scheme() {
    let server = Server::start();
    let by_token = server.token("reader").get("/request").expect(200).json();
    assert_eq!(by_token["sub"], "reader");
    assert_eq!(by_token["kind"], "client");
    assert_eq!(by_token["roles"], json!(["reader"]));
    assert_eq!(by_token["scheme"], "bearer");
    assert_eq!(by_token["client_id"], "reader");
    let moment =
        |name: &str| -> jiff::Timestamp { by_token[name].as_str().unwrap().parse().unwrap() };
    assert_eq!((moment("expires_at") - moment("issued_at")).as_secs(), 1800);

    let by_key = server.key("scoped").get("/request").expect(200).json();
    assert_eq!(by_key["sub"], "scoped");
    assert_eq!(by_key["scope"], "invoices:read invoices:write");
    assert_eq!(by_key["scheme"], "apiKey");
    assert!(by_key.get("issued_at").is_none() && by_key.get("expires_at").is_none());
    let ending = server.key("ending").get("/request").expect(200).json();
    assert_eq!(ending["expires_at"], "2199-01-01T00:00:00Z");
}

#[test]
fn the_client_list_needs_the_admin_role_and_holds_no_secret() {
    let server = Server::start();
    let refused = server.token("reader").get("/clients").refused(403, "insufficient_scope");
    assert_eq!(refused.challenges().len(), 1);
    assert!(refused.challenges()[0].starts_with("Bearer error=\"insufficient_scope\""));
    assert!(refused.challenges()[0].contains("scope=\"admin\""));

    let list = server.token("admin").get("/clients").expect(200);
    assert!(!list.text().contains("hash") && !list.text().contains("$2"), "{}", list.text());
    let clients = list.json()["clients"].as_array().unwrap().clone();
    let named = |name: &str| clients.iter().find(|client| client["name"] == name).unwrap();
    assert_eq!(clients.len(), 7);
    assert_eq!(named("reader")["roles"], json!(["reader"]));
    assert_eq!(named("disabled")["disabled"], true);
    assert_eq!(named("scoped")["scope"], "invoices:read invoices:write");
    let key = &named("admin")["keys"][0];
    assert_eq!(key["id"], key_id(server.accounts.key("admin")));
    assert_eq!(key["created"], "2020-01-01T00:00:00Z");
    assert!(key["last_used"].is_string(), "the key was used to log in: {key}");
    assert!(named("scoped")["keys"][0].get("last_used").is_none());
    assert_eq!(named("expired")["keys"][0]["expires"], "2021-01-01T00:00:00Z");
}

#[test]
fn logout_revokes_only_the_presented_token() {
    let server = Server::start();
    let (ended, other) = (server.token("reader"), server.token("reader"));
    let answer = ended.post("/logout").expect(200);
    assert!(answer.json()["message"].is_string());
    assert_deletes_cookie(&answer);
    let refused = ended.get("/request").refused(401, "invalid_token");
    assert_eq!(refused.json()["detail"], "The token was revoked.");
    ended.post("/logout").refused(401, "invalid_token");
    other.get("/request").expect(200);
    server.key("reader").post("/login").expect(200);
}

#[test]
fn a_browser_is_redirected_to_the_configured_location_after_logout() {
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let elsewhere = [
        ("Referer", "https://evil.example/"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
    ];
    let server = Server::start_with(&[("HALLPASS_LOGOUT_REDIRECT", "/goodbye")]);
    for query in ["", "?next=https://evil.example/", "?redirect=//evil.example&return_to=/x"] {
        let request = server.token("reader").post(&format!("/logout{query}"));
        let answer = request.header("Accept", browser).headers(&elsewhere).expect(303);
        assert_eq!(answer.header("location"), Some("/goodbye"));
        assert!(answer.body.is_empty());
        assert_deletes_cookie(&answer);
    }
    for other in ["*/*", "application/json", "application/json, text/html;q=0.5", ""] {
        let answer = server.token("reader").post("/logout").header("Accept", other).expect(200);
        assert_eq!(answer.header("location"), None, "{other:?}");
    }
}

#[test]
fn the_session_cookie_works_like_the_token_until_logout() {
    let server = Server::start();
    let login = server.key("admin").post("/login").json(r#"{"cookie": true}"#).expect(200);
    let cookie = login.header("set-cookie").unwrap().to_owned();
    let token = login.json()["access_token"].as_str().unwrap().to_owned();
    let parts: Vec<&str> = cookie.split("; ").collect();
    assert_eq!(parts[0], format!("access_token={token}"));
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Secure", "Max-Age=1800"] {
        assert!(parts.contains(&part), "{part} is missing in {parts:?}");
    }
    assert!(!cookie.to_ascii_lowercase().contains("domain"), "the cookie is for this host only");

    let anonymous = server.anonymous();
    let with_cookie =
        |method: &str, path: &str| anonymous.request(method, path).header("Cookie", parts[0]);
    let me = with_cookie("GET", "/request").expect(200).json();
    assert_eq!((&me["sub"], &me["scheme"]), (&json!("admin"), &json!("session")));
    with_cookie("GET", "/clients").expect(200);
    assert_deletes_cookie(&with_cookie("POST", "/logout").expect(200));
    with_cookie("GET", "/request").refused(401, "invalid_token");
}

#[test]
fn name_and_secure_attribute_of_the_session_cookie_are_configurable() {
    let settings = [("HALLPASS_COOKIE_NAME", "my_session"), ("HALLPASS_COOKIE_SECURE", "off")];
    let server = Server::start_with(&settings);
    let login = server.key("reader").post("/login").json(r#"{"cookie": true}"#).expect(200);
    let cookie = login.header("set-cookie").unwrap();
    assert!(cookie.starts_with("my_session=") && !cookie.contains("Secure"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    server.anonymous().get("/request").header("Cookie", pair).expect(200);
    let (_, token) = pair.split_once('=').unwrap();
    let old_name = format!("access_token={token}");
    server
        .anonymous()
        .get("/request")
        .header("Cookie", old_name)
        .refused(401, "missing_credentials");
}

fn assert_deletes_cookie(answer: &Response) {
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("access_token=;"), "{cookie}");
    assert!(cookie.contains("Max-Age=0") && cookie.contains("Path=/"), "{cookie}");
}

#[test]
fn roles_that_the_roster_takes_away_are_gone_from_living_tokens() {
    let server = Server::start();
    let (token, other) = (server.login("admin"), server.login("scoped"));
    let cookie = format!("access_token={token}");
    let by_cookie = || server.anonymous().get("/clients").header("Cookie", &cookie);
    let told = |token: &str| {
        let request = server.key("reader").post("/introspect");
        let answer = form(request, &[("token", token)]).expect(200).json();
        let shown = server.bearer(token).get("/request").expect(200).json();
        assert_eq!((&answer["roles"], &answer["scope"]), (&shown["roles"], &shown["scope"]));
        (answer["roles"].clone(), answer["scope"].clone())
    };
    let reload = |roster: &str| {
        let before = server.log().matches("reloaded the roster").count();
        std::fs::write(server.dir.path().join("roster.toml"), roster).unwrap();
        server.signal("HUP");
        server.log_until("reload", |log| log.matches("reloaded the roster").count() > before);
    };
    let roster = &server.accounts.roster;
    server.bearer(&token).get("/clients").expect(200);
    by_cookie().expect(200);
    let less = roster
        .replacen("roles = ['admin', 'reader']", "roles = ['reader']", 1)
        .replace("'invoices:read', 'invoices:write'", "'invoices:read'");
    reload(&less);
    server.bearer(&token).get("/clients").refused(403, "insufficient_scope");
    by_cookie().refused(403, "insufficient_scope");
    assert_eq!(told(&token), (json!(["reader"]), "".into()));
    assert_eq!(told(&other), (json!([]), "invoices:read".into()));
    reload(roster);
    server.bearer(&token).get("/clients").expect(200);
    by_cookie().expect(200);
    // What is added reaches a client at its next login.
    let older = server.login("reader");
    reload(&roster.replace("roles = ['reader']", "roles = ['reader', 'admin']"));
    server.bearer(&older).get("/clients").refused(403, "insufficient_scope");
    server.token("reader").get("/clients").expect(200);
}
