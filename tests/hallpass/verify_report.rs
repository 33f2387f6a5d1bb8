//! `/verify` under `HALLPASS_POLICY_MODE=report`: everything passes, and what would have been refused is logged.

use serde_json::json;

use crate::{
    metrics,
    support::{folder::Folder, raw_http::Response, server::Server},
    verify_policy::{ask, document, server},
};

const REPORT: (&str, &str) = ("HALLPASS_POLICY_MODE", "report");

/// Whom the backend is told; an empty text is nobody.
fn subject(answer: &Response) -> &str {
    let identity: Vec<_> =
        answer.headers.iter().filter(|(name, _)| name.starts_with("x-hallpass-")).collect();
    assert_eq!(identity.len(), 6, "{identity:?}");
    let subject = answer.header("x-hallpass-subject").unwrap();
    assert!(!subject.is_empty() || identity.iter().all(|(_, value)| value.is_empty()));
    subject
}

/// The audit line of the last request.
fn audit(server: &Server, answer: &Response) -> String {
    let id = format!("request_id={}", answer.header("x-request-id").unwrap());
    let is_audit = |line: &&str| line.contains(" audit ") && line.contains(&id);
    let log = server.log_until("the audit line", |log| log.lines().any(|line| is_audit(&line)));
    let mut lines = log.lines().filter(is_audit);
    let line = lines.next().unwrap().to_owned();
    assert_eq!(lines.next(), None);
    line
}

#[test]
fn what_would_be_refused_passes_for_nobody_and_is_logged() {
    let server = server(&document().to_string(), &[REPORT]);
    let token = format!("Bearer {}", server.login("reader"));
    for (authorization, method, uri, code, reason) in [
        ("", "GET", "/api/items", "missing_credentials", "-"),
        ("Bearer x", "GET", "/api/items", "invalid_token", "\"the token is not a JWT\""),
        (&token, "DELETE", "/api/items/7", "insufficient_scope", "-"),
        (
            &token,
            "GET",
            "/api/forgotten",
            "denied",
            "\"the document declares no `security` for it\"",
        ),
        (&token, "GET", "/api/other", "denied", "\"the policy has no operation for it\""),
        (&token, "POST", "/api/prices", "denied", "\"the policy has no operation for it\""),
        (&token, "GET", "/api/items/Admin", "denied", "\"the path could be read as another one"),
        ("", "TRACE", "/api/prices", "denied", "\"the method is never allowed\""),
        ("", "GET", "/api//prices", "denied", "\"the path has an empty segment\""),
        ("", "GET", "/api/items/..", "denied", "\"the path "),
    ] {
        let mut request = ask(&server, method, &format!("{uri}?q=7"));
        if !authorization.is_empty() {
            request = request.header("Authorization", authorization);
        }
        let answer = request.expect(200);
        assert_eq!(subject(&answer), "", "{method} {uri}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let line = audit(&server, &answer);
        let sub = if code == "insufficient_scope" { "reader" } else { "-" };
        let wanted = format!(
            "INFO  audit would-refuse {method} {uri} code={code} sub={sub} reason={reason}"
        );
        assert!(line.contains(&wanted), "{line:?}, not {wanted:?}");
    }
}

#[test]
fn what_may_pass_is_told_as_ever() {
    let server = server(&document().to_string(), &[REPORT]);
    let token = format!("Bearer {}", server.login("reader"));
    let known = ask(&server, "GET", "/api/items").header("Authorization", token).expect(200);
    assert_eq!(subject(&known), "reader");
    assert_eq!(subject(&ask(&server, "GET", "/api/prices").expect(200)), "");
    let log = server.log_until("the access lines", |log| log.matches(" access ").count() >= 2);
    assert!(!log.contains("would-refuse"), "{log}");
}

#[test]
fn questions_that_say_nothing_and_secrets_in_paths_are_logged_too() {
    let server = server(&document().to_string(), &[REPORT]);
    let unclear = server.anonymous().get("/verify").expect(200);
    assert_eq!(subject(&unclear), "");
    assert!(audit(&server, &unclear).contains("audit would-refuse GET /verify "));
    // No log may show it, which the end of the server checks.
    let key = server.accounts.key("admin").to_owned();
    let masked = ask(&server, "GET", &format!("/api/none/{key}")).expect(200);
    assert!(audit(&server, &masked).contains(" /api/none/*** "));
}

#[test]
fn whoever_is_no_trusted_proxy_is_refused_still() {
    let elsewhere = ("HALLPASS_TRUSTED_PROXIES", "192.0.2.1");
    let server = server(&document().to_string(), &[REPORT, elsewhere]);
    for uri in ["/api/prices", "/api/items"] {
        let refused = ask(&server, "GET", uri).refused(403, "denied");
        assert!(audit(&server, &refused).contains("audit refused "));
    }
}

#[test]
fn without_a_policy_file_everything_passes_as_well() {
    let trusted = ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1");
    let server = Server::start_with(&[trusted, REPORT]);
    let answer = ask(&server, "GET", "/any").expect(200);
    assert_eq!(subject(&answer), "");
    assert!(audit(&server, &answer).contains("audit would-refuse GET /any "));
    // Only /verify reports.
    server.anonymous().get("/request").expect(401);
}

#[test]
fn the_mode_is_told_at_the_start_in_the_health_and_by_check() {
    let told = "HALLPASS_POLICY_MODE is report: /verify refuses nothing";
    let health = |server: &Server| server.anonymous().get("/health/ready").expect(200).json();
    let reporting = server(&document().to_string(), &[REPORT]);
    let log = reporting.log();
    let line = log.lines().find(|line| line.contains(told)).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains(" WARN "), "{line}");
    assert_eq!(health(&reporting), json!({ "status": "degraded", "policy_mode": "report" }));
    assert_eq!(
        reporting.anonymous().get("/health/live").expect(200).json(),
        json!({ "status": "ok" })
    );
    let enforcing = server(&document().to_string(), &[("HALLPASS_POLICY_MODE", "enforce")]);
    assert_eq!(health(&enforcing), json!({ "status": "ok" }));
    assert!(!enforcing.log().contains(told));

    let folder = Folder::new();
    folder.run("init").success();
    folder.run_with(&[REPORT], "check").success().stdout_contains(&[told, "(a warning)"]);
    let wrong = folder.run_with(&[("HALLPASS_POLICY_MODE", "off")], "check").exit_code(1);
    wrong.stdout_contains(&["HALLPASS_POLICY_MODE is \"off\": write enforce or report"]);
}

#[test]
fn what_would_be_refused_is_counted_by_the_operations_of_the_file() {
    let server = server(&document().to_string(), &[metrics::ON, REPORT]);
    let token = format!("Bearer {}", server.login("reader"));
    ask(&server, "GET", "/api/prices").expect(200);
    ask(&server, "GET", "/api/items/7").expect(200);
    ask(&server, "DELETE", "/api/items/8").header("Authorization", token).expect(200);
    ask(&server, "GET", "/api/what-a-stranger-made-up").expect(200);
    let scrape = metrics::scrape(&server);
    for (operation, method, decision, reason) in [
        ("GET /api/prices", "GET", "allow", "anonymous"),
        ("GET /api/items/{id}", "GET", "would-challenge", "missing_credentials"),
        ("DELETE /api/items/{id}", "DELETE", "would-forbid", "insufficient_scope"),
        ("none", "", "would-forbid", "denied"),
    ] {
        let labels = [
            ("operation", operation),
            ("method", method),
            ("decision", decision),
            ("reason", reason),
        ];
        let count = scrape.value("hallpass_verify_total", &labels);
        assert_eq!(count, Some(1.0), "{operation}");
    }
    assert_eq!(scrape.value("hallpass_refusals_total", &[("code", "denied")]), None);
}
