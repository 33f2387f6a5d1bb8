//! Audit and access lines: one each, searchable, without secrets.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::support::{
    accounts::{key_id, unknown_key, with_wrong_secret},
    raw_http::Response,
    server::Server,
};

/// The lines of the log with these words. Waits for the access line of the request, which comes last.
fn lines(server: &Server, answer: &Response, target: &str) -> Vec<String> {
    let name = format!("request_id={}", answer.header("x-request-id").unwrap());
    let ours = |line: &&str| line.split_whitespace().any(|word| word == name);
    let log = server.log_until("the access line", |log| {
        log.lines().filter(ours).any(|line| line.contains(" access "))
    });
    let target = format!(" {target} ");
    log.lines().filter(ours).filter(|line| line.contains(&target)).map(str::to_owned).collect()
}

#[test]
fn a_login_writes_one_audit_line() {
    let server = Server::start();
    let answer = server.key("reader").post("/login").expect(200);
    let audit = lines(&server, &answer, "audit");
    assert_eq!(audit.len(), 1, "{audit:?}");
    let key_id = format!("key_id={}", key_id(server.accounts.key("reader")));
    for word in ["login", "sub=reader", "scheme=apiKey", "peer=127.0.0.1", &key_id] {
        assert!(audit[0].contains(word), "{word} is missing in {}", audit[0]);
    }
}

#[test]
fn a_logout_writes_one_audit_line() {
    let server = Server::start();
    let login = server.key("reader").post("/login").expect(200);
    let token = login.json()["access_token"].as_str().unwrap().to_owned();
    let answer = server.bearer(&token).post("/logout").expect(200);
    let audit = lines(&server, &answer, "audit");
    assert_eq!(audit.len(), 1, "{audit:?}");
    assert!(audit[0].contains("logout sub=reader"), "{}", audit[0]);
    let jti = |line: &str| {
        let field = line.split(' ').find_map(|word| word.strip_prefix("jti="));
        field.expect("a token id").to_owned()
    };
    assert_eq!(jti(&audit[0]), jti(&lines(&server, &login, "audit")[0]));
}

#[test]
fn a_key_of_an_older_hallpass_is_named_once_and_costs_no_hash() {
    let server = Server::start();
    // Its id is in the roster, and is not that of its secret.
    let old = with_wrong_secret(server.accounts.key("reader"));
    let login = || server.anonymous().post("/login").header("X-API-Key", &old);
    for _ in 0..3 {
        login().refused(401, "invalid_api_key");
    }
    // Nobody has it.
    let made_up = with_wrong_secret(&unknown_key());
    server.anonymous().post("/login").header("X-API-Key", &made_up).expect(401);
    let log =
        server.log_until("the refusals", |log| log.matches("code=invalid_api_key").count() == 4);
    let told: Vec<_> =
        log.lines().filter(|line| line.contains("made by an older hallpass")).collect();
    assert_eq!(told.len(), 1, "{log}");
    for word in ["WARN", "rotate it", "hallpass key rotate reader", key_id(&old)] {
        assert!(told[0].contains(word), "{word} is missing in {}", told[0]);
    }
}

#[test]
fn a_refusal_writes_one_audit_line_with_the_reason() {
    let server = Server::start();
    let anonymous = server.anonymous();
    let key = |key: &str| anonymous.post("/login").header("X-API-Key", key);
    let good = server.accounts.key("reader");
    let (unknown, wrong) = (unknown_key(), with_wrong_secret(good));
    let (expired, disabled) = (server.accounts.key("expired"), server.accounts.key("disabled"));
    let id = |key: &str| format!("key_id={}", key_id(key));
    let none = || "key_id=-".to_owned();
    let token = |secret: Option<&str>| {
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let request = anonymous.post("/token").header(form.0, form.1);
        let basic = secret.map(|secret| STANDARD.encode(format!("reader:{secret}")));
        let basic = basic.map(|basic| ("Authorization", format!("Basic {basic}")));
        request.headers(basic.as_slice()).body("grant_type=client_credentials")
    };
    let table = [
        (anonymous.get("/request"), "code=missing_credentials", none(), ""),
        (key("x"), "code=invalid_api_key", none(), "malformed"),
        (key(&unknown), "code=invalid_api_key", id(&unknown), "no such key id"),
        (key(&wrong), "code=invalid_api_key", id(&wrong), "wrong secret"),
        (key(expired), "code=invalid_api_key", id(expired), "has expired"),
        (key(disabled), "code=invalid_api_key", id(disabled), "disabled"),
        (server.bearer("x").get("/request"), "code=invalid_token", none(), "not a JWT"),
        (server.token("reader").get("/clients"), "code=insufficient_scope", id(good), "sub=reader"),
        (key("x").header("X-API-Key", "y"), "code=ambiguous_credentials", none(), ""),
        (anonymous.get("/nothing"), "code=not_found", none(), ""),
        (token(Some(&wrong)), "code=invalid_client", id(&wrong), "wrong secret"),
        (token(None), "code=invalid_client", none(), ""),
        (anonymous.request("TRACE", "/request"), "code=method_not_allowed", none(), ""),
    ];
    for (request, code, key_id, reason) in table {
        let answer = request.answer();
        let audit = lines(&server, &answer, "audit");
        assert_eq!(audit.len(), 1, "{code}: {audit:?}");
        for word in ["refused", code, &key_id, reason, "peer=127.0.0.1"] {
            assert!(audit[0].contains(word), "{word} is missing in {}", audit[0]);
        }
        if !reason.is_empty() && reason != "sub=reader" {
            assert!(
                !answer.text().contains(reason),
                "the answer shows the reason: {}",
                answer.text()
            );
        }
    }
}

#[test]
fn access_lines_have_the_path_without_the_query() {
    let server = Server::start();
    let key = server.accounts.key("reader");
    let good = server.anonymous().post(&format!("/login?api_key={key}")).expect(200);
    let bad = server.anonymous().post("/login?api_key=planted-in-the-query").expect(401);
    server.add_secret("a query", "planted-in-the-query");
    for (answer, status) in [(good, " 200 "), (bad, " 401 ")] {
        let access = lines(&server, &answer, "access");
        assert_eq!(access.len(), 1, "{access:?}");
        assert!(access[0].contains("POST /login") && access[0].contains(status), "{}", access[0]);
        assert!(!access[0].contains('?'), "{}", access[0]);
    }
}

#[test]
fn request_data_cannot_forge_log_lines() {
    let server = Server::start();
    let forged = "x%0a2026-01-01T00:00:00Z%20INFO%20audit%20login%20sub=admin%0d%0a%1b%5b31m";
    let answer = server.anonymous().get(&format!("/{forged}")).expect(404);
    lines(&server, &answer, "access");
    let log = server.log();
    assert!(!log.lines().any(|line| line.starts_with("2026-01-01T00:00:00Z")), "{log}");
    assert!(!log.contains('\u{1b}') && !log.contains('\r'), "{log}");
}

#[test]
fn the_trace_log_holds_no_secret() {
    // `Server::drop` searches the log.
    let server = Server::start_with(&[("HALLPASS_LOG", "trace")]);
    let key = server.accounts.key("reader");
    let token = server.login("reader");
    let cookie = format!("access_token={token}; api_key={key}");
    server.anonymous().post(&format!("/login?api_key={key}")).expect(200);
    server.anonymous().get("/request").header("Cookie", cookie).expect(200);
    server.key("disabled").post("/login").json(format!("{{\"{key}\": 1}}")).expect(401);
    server.bearer(&token).post("/logout").expect(200);
    server.bearer(&token).get("/request").expect(401);
}

#[test]
fn a_key_or_token_in_a_path_is_not_logged() {
    let server = Server::start();
    let (key, token) = (server.accounts.key("reader").to_owned(), server.login("reader"));
    let encoded = [key.replace('_', "%5F"), token.replace('.', "%252E")];
    for secret in [key, token].into_iter().chain(encoded) {
        let answer = server.anonymous().get(&format!("/keys/{secret}/x")).expect(404);
        for target in ["access", "audit"] {
            let lines = lines(&server, &answer, target);
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains("/keys/***/x"), "{}", lines[0]);
            assert!(!lines[0].contains(&secret[20..]), "{}", lines[0]);
        }
    }
}
