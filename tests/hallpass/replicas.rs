//! A shared state without a Redis: settings that are wrong, and what a service does that waits for one. With a real Redis
//! replicas are tested in `tests/replicas`.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use crate::{
    metrics::{ON, scrape},
    oauth::{basic, form},
    support::{
        client::RequestBuilder,
        folder::Folder,
        raw_http::Response,
        server::{Server, eventually},
    },
};

const SECRET_KEY: (&str, &str) =
    ("HALLPASS_SECRET_KEY", "a secret of the tests, 32 bytes and more");

/// An address where nothing listens.
fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn a_malformed_url_is_a_settings_error_that_names_no_password() {
    let folder = Folder::with_roster("");
    for url in [
        "redis://",
        "redis://:hunter2@",
        "redis://:hunter2@127.0.0.1:port",
        "redis://:hunter2@127.0.0.1/one",
        "redis://:hunter2@127.0.0.1/0?timeout=1",
        "redis://:hunter2@127.0.0.1/0#x",
        "redis://:hunter2%zz@127.0.0.1",
        "redis+unix://:hunter2@/socket",
        "valkey://:hunter2@127.0.0.1",
        "http://user:hunter2@127.0.0.1",
        "://hunter2",
        "redis:/:hunter2@127.0.0.1",
        "redis:hunter2@127.0.0.1",
        "Rediss//user:hunter2@127.0.0.1:6379",
        "redis@hunter2",
    ] {
        let environment = [SECRET_KEY, ("HALLPASS_STATE", url)];
        let serve = folder.run_with(&environment, "serve --bind 127.0.0.1:0").failure();
        let check = folder.run_with(&environment, "check").exit_code(1);
        for text in [serve.err, check.out] {
            assert!(text.contains("HALLPASS_STATE") && !text.contains("hunter2"), "{url}: {text}");
        }
    }
}

#[test]
fn check_names_a_redis_that_cannot_be_reached_without_waiting_for_long() {
    let folder = Folder::with_roster("");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [closed_port(), silent.local_addr().unwrap().to_string()] {
        let url = format!("redis://:hunter2@{address}");
        let began = Instant::now();
        let check = folder.run_with(&[SECRET_KEY, ("HALLPASS_STATE", &url)], "check").exit_code(1);
        assert!(began.elapsed() < Duration::from_secs(5));
        let named = check.out.contains(&format!("HALLPASS_STATE: redis://{address} "));
        assert!(named && !check.out.contains("hunter2"), "{}", check.out);
    }
}

/// The answer says that it is not for now.
fn unavailable(request: RequestBuilder<'_>, has_oauth_shape: bool) {
    let response: Response = request.expect(503);
    let wait = response.header("retry-after").expect("Retry-After").parse::<u64>().unwrap();
    assert!(wait > 0);
    let body = response.json();
    let (member, word) = if has_oauth_shape {
        ("error", "temporarily_unavailable")
    } else {
        ("code", "unavailable")
    };
    assert_eq!(body[member], word, "{body}");
}

#[test]
fn until_the_revocations_were_read_no_token_is_judged_and_all_else_is_served() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [closed_port(), silent.local_addr().unwrap().to_string()] {
        let state = format!("redis://:hunter2@{address}");
        let server = Server::start_with(&[
            ON,
            ("HALLPASS_STATE", &state),
            ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1"),
        ]);
        server.add_secret("the password of Redis", "hunter2");
        let token = server.login("reader");
        let client = server.accounts.key("reader").to_owned();
        for token in [token.as_str(), "nonsense"] {
            let bearer = || server.bearer(token);
            let cookie = format!("access_token={token}");
            unavailable(bearer().get("/request"), false);
            unavailable(bearer().get("/clients"), false);
            unavailable(bearer().post("/logout"), false);
            unavailable(server.anonymous().get("/request").header("Cookie", &cookie), false);
            let verify = bearer().get("/verify").header("X-Forwarded-Uri", "/");
            unavailable(verify.header("X-Forwarded-Method", "GET"), false);
            for path in ["/introspect", "/revoke"] {
                let request = server.anonymous().post(path);
                let request = request.header("Authorization", basic("reader", &client));
                unavailable(form(request, &[("token", token)]), true);
            }
        }
        server.anonymous().get("/request").refused(401, "missing_credentials");
        server.key("reader").get("/request").expect(200);
        let request = server.anonymous().post("/token");
        let request = request.header("Authorization", basic("reader", &client));
        form(request, &[("grant_type", "client_credentials")]).expect(200);
        eventually("it is degraded", || {
            let health = server.anonymous().get("/health/ready").expect(200);
            (health.json()["status"] == "degraded").then_some(())
        });
        let metrics = scrape(&server);
        let value = |name| metrics.value(name, &[]);
        assert_eq!(value("hallpass_state_up"), Some(0.0));
        assert_eq!(value("hallpass_state_connected"), Some(0.0));
        assert!(value("hallpass_state_lag_seconds") > Some(0.0), "since the start");
        assert_eq!(value("hallpass_state_last_success_timestamp_seconds"), None);
        let log = server.log_until("the outage", |log| log.contains("HALLPASS_STATE: redis://"));
        assert!(log.contains(&format!("HALLPASS_STATE: redis://{address} ")), "{log}");
        server.assert_no_secret("the log", &log);
    }
}

#[test]
fn a_state_that_is_kept_is_up_since_the_start() {
    let server = Server::start_with(&[ON]);
    let metrics = scrape(&server);
    assert_eq!(metrics.value("hallpass_state_up", &[]), Some(1.0));
    assert!(metrics.value("hallpass_state_since_timestamp_seconds", &[]) > Some(1.7e9));
    assert_eq!(metrics.value("hallpass_state_unknown_entries_total", &[]), Some(0.0));
    assert_eq!(metrics.value("hallpass_state_lag_seconds", &[]), None, "nothing is shared");
}
