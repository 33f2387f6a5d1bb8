//! Wrong secrets are limited: whose attempts count, who is refused, and who is not.

use crate::{
    oauth::{basic, form},
    support::{
        accounts::{unknown_key, with_wrong_secret},
        client::{Ask, Client},
        raw_http::Response,
        server::Server,
    },
};

/// Three may fail, and the next only after 20 minutes.
fn limited() -> Server {
    Server::with(&[("HALLPASS_RATE_LIMIT", "3/h"), ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1")])
}

/// Whoever comes from this address, through the proxy.
fn from<'s>(server: &'s Server, address: &str) -> Client<'s> {
    Client::new(server, Some(("X-Forwarded-For".to_owned(), address.to_owned())))
}

fn login<'s>(server: &'s Server, address: &str, key: &str) -> Ask<'s> {
    from(server, address).post("/login").header("X-API-Key", key)
}

/// Uses the three attempts up.
fn exhaust(server: &Server, address: &str) {
    for _ in 0..3 {
        login(server, address, &unknown_key()).refused(401, "invalid_api_key");
    }
}

fn token<'s>(server: &'s Server, address: &str, pairs: &[(&str, &str)]) -> Ask<'s> {
    form(from(server, address).post("/token"), pairs)
}

/// In how many seconds to come again.
fn retry_after(answer: &Response) -> u64 {
    answer.header("retry-after").expect("Retry-After").parse().unwrap()
}

#[test]
fn after_the_failures_even_a_good_key_must_wait() {
    let server = limited();
    exhaust(&server, "192.0.2.1");
    for key in [&unknown_key(), server.cast.key("reader"), "no key"] {
        let answer = login(&server, "192.0.2.1", key).refused(429, "too_many_requests");
        assert!((1140..=1200).contains(&retry_after(&answer)), "{answer:?}");
    }
    let audit = server.log_until("the audit line", |log| log.contains("code=too_many_requests"));
    assert!(audit.contains("peer=192.0.2.1"), "{audit}");
}

#[test]
fn every_sort_of_failure_counts_alike() {
    let server = limited();
    let good = server.cast.key("reader").to_owned();
    let wrong = with_wrong_secret(&good);
    let keys =
        [&unknown_key(), &wrong, "no key", server.cast.key("expired"), server.cast.key("disabled")];
    for (number, key) in keys.into_iter().enumerate() {
        let address = format!("192.0.2.{number}");
        for _ in 0..3 {
            login(&server, &address, key).refused(401, "invalid_api_key");
        }
        login(&server, &address, key).refused(429, "too_many_requests");
    }
}

#[test]
fn a_key_that_was_proven_before_is_never_limited() {
    let server = limited();
    let key = server.cast.key("reader");
    login(&server, "192.0.2.9", key).expect(200);
    exhaust(&server, "192.0.2.1");
    login(&server, "192.0.2.1", key).expect(200);
    from(&server, "192.0.2.1").get("/request").header("X-API-Key", key).expect(200);
    let wrong = with_wrong_secret(key);
    login(&server, "192.0.2.1", &wrong).refused(429, "too_many_requests");
    let grant = [("grant_type", "client_credentials")];
    let by_basic =
        token(&server, "192.0.2.1", &grant).header("Authorization", basic("reader", key));
    by_basic.expect(200);
}

#[test]
fn tokens_and_requests_without_a_key_are_never_limited() {
    let server = limited();
    let good = server.login("reader");
    exhaust(&server, "192.0.2.1");
    let ask = || from(&server, "192.0.2.1").get("/request");
    ask().header("Authorization", format!("Bearer {good}")).expect(200);
    for _ in 0..5 {
        ask().header("Authorization", "Bearer x").refused(401, "invalid_token");
        ask().refused(401, "missing_credentials");
    }
    // The token is enough, so the key beside it need not be looked at.
    ask().header("Authorization", format!("Bearer {good}")).header("X-API-Key", "x").expect(200);
    from(&server, "192.0.2.1").get("/health/live").expect(200);
}

#[test]
fn other_addresses_go_on() {
    let server = limited();
    exhaust(&server, "192.0.2.1");
    exhaust(&server, "2001:db8:0:1::1");
    let key = server.cast.key("reader");
    login(&server, "2001:db8:0:1:2::3", key).refused(429, "too_many_requests");
    for other in ["192.0.2.2", "2001:db8:0:2::1"] {
        login(&server, other, &unknown_key()).refused(401, "invalid_api_key");
        login(&server, other, server.cast.key("scoped")).expect(200);
    }
}

#[test]
fn good_logins_are_never_counted() {
    let server = limited();
    for _ in 0..2 {
        login(&server, "192.0.2.1", &unknown_key()).expect(401);
    }
    for client in ["reader", "admin", "scoped", "soon", "ending"] {
        login(&server, "192.0.2.1", server.cast.key(client)).expect(200);
    }
    login(&server, "192.0.2.1", &unknown_key()).refused(401, "invalid_api_key");
    login(&server, "192.0.2.1", &unknown_key()).refused(429, "too_many_requests");
}

#[test]
fn client_secrets_and_passwords_at_token_count_too() {
    let server = limited();
    let key = server.cast.key("reader").to_owned();
    let grant = ("grant_type", "client_credentials");
    let by_form = |address: &str, name: &str, secret: &str| {
        token(&server, address, &[grant, ("client_id", name), ("client_secret", secret)])
    };
    let by_basic = |address: &str, secret: &str| {
        token(&server, address, &[grant]).header("Authorization", basic("reader", secret))
    };
    let by_password = |address: &str, name: &str| {
        let pairs = [("grant_type", "password"), ("username", name), ("password", "guess")];
        token(&server, address, &pairs)
    };
    for _ in 0..3 {
        by_form("192.0.2.1", "reader", &unknown_key()).expect(401);
        by_basic("192.0.2.2", &unknown_key()).expect(401);
        by_password("192.0.2.3", "nobody").expect(400);
        by_form("192.0.2.4", "admin", &key).expect(401);
    }
    for limited in [
        by_form("192.0.2.1", "reader", &unknown_key()),
        by_form("192.0.2.2", "scoped", server.cast.key("scoped")),
        by_basic("192.0.2.1", server.cast.key("scoped")),
        by_basic("192.0.2.2", &unknown_key()),
        by_password("192.0.2.3", "nobody"),
        by_password("192.0.2.4", "somebody"),
    ] {
        let answer = limited.expect(429);
        assert_eq!(answer.json()["error"], "invalid_request", "{answer:?}");
        assert!(retry_after(&answer) > 1);
    }
}

#[test]
fn an_answer_that_is_refused_for_other_reasons_says_that_the_key_was_not_looked_at() {
    let server = limited();
    let token = server.login("scoped");
    exhaust(&server, "192.0.2.1");
    // The token is no client's credential here, and the key might have been good.
    let ask = from(&server, "192.0.2.1").get("/request").header("Authorization", "Bearer x");
    ask.header("X-API-Key", server.cast.key("reader")).refused(429, "too_many_requests");
    let ask = form(from(&server, "192.0.2.1").post("/introspect"), &[("token", &token)]);
    ask.header("X-API-Key", server.cast.key("reader")).expect(429);
}

#[test]
fn without_a_limit_nobody_is_refused() {
    let server = Server::with(&[("HALLPASS_RATE_LIMIT", "off")]);
    for _ in 0..100 {
        server.anonymous().post("/login").header("X-API-Key", unknown_key()).expect(401);
    }
    server.key("reader").post("/login").expect(200);
}

#[test]
fn sixty_may_fail_where_nothing_is_set() {
    let server = Server::with(&[("HALLPASS_RATE_LIMIT", "")]);
    let ask = || server.anonymous().post("/login").header("X-API-Key", "no key").answer();
    let until_limited = (0..200).map(|_| ask()).take_while(|answer| answer.status == 401).count();
    // One more for every second that the machine took.
    assert!((60..120).contains(&until_limited), "{until_limited}");
}
