//! The limits on failed attempts and on tokens: what is counted and who is refused.

use crate::{
    metrics::{ON, scrape},
    oauth::{basic, form},
    support::{
        accounts::{unknown_key, with_wrong_secret},
        client::{Client, RequestBuilder},
        raw_http::Response,
        server::Server,
    },
};

/// A server that allows three failures, and one more every 20 minutes.
fn limited() -> Server {
    Server::start_with(&[("HALLPASS_RATE_LIMIT", "3/h"), ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1")])
}

/// A client at this address behind the trusted proxy.
fn client_at<'s>(server: &'s Server, address: &str) -> Client<'s> {
    Client::new(server, Some(("X-Forwarded-For".to_owned(), address.to_owned())))
}

fn login<'s>(server: &'s Server, address: &str, key: &str) -> RequestBuilder<'s> {
    client_at(server, address).post("/login").header("X-API-Key", key)
}

/// Uses up the three attempts.
fn exhaust(server: &Server, address: &str) {
    for _ in 0..3 {
        login(server, address, &unknown_key()).refused(401, "invalid_api_key");
    }
}

fn token<'s>(server: &'s Server, address: &str, pairs: &[(&str, &str)]) -> RequestBuilder<'s> {
    form(client_at(server, address).post("/token"), pairs)
}

/// Adds a user with the password `open sesame`.
fn add_user(server: &Server, name: &str) {
    let path = server.dir.path().join("roster.toml");
    let hash = bcrypt::hash("open sesame", 4).unwrap();
    let roster = std::fs::read_to_string(&path).unwrap();
    let reloaded = server.log().matches("reloaded the roster").count();
    std::fs::write(&path, format!("{roster}[users.{name}]\npassword = '{hash}'\n")).unwrap();
    server.signal("HUP");
    server.log_until("the roster is reloaded", |log| {
        log.matches("reloaded the roster").count() > reloaded
    });
}

fn password<'s>(
    server: &'s Server,
    address: &str,
    name: &str,
    password: &str,
) -> RequestBuilder<'s> {
    token(
        server,
        address,
        &[("grant_type", "password"), ("username", name), ("password", password)],
    )
}

fn retry_after(answer: &Response) -> u64 {
    answer.header("retry-after").expect("Retry-After").parse().unwrap()
}

#[test]
fn a_good_key_is_limited_after_too_many_failures() {
    let server = limited();
    exhaust(&server, "192.0.2.1");
    for key in [&unknown_key(), server.accounts.key("reader"), "no key"] {
        let answer = login(&server, "192.0.2.1", key).refused(429, "too_many_requests");
        assert!((1140..=1200).contains(&retry_after(&answer)), "{answer:?}");
    }
    let audit = server.log_until("the audit line", |log| log.contains("code=too_many_requests"));
    assert!(audit.contains("peer=192.0.2.1"), "{audit}");
}

#[test]
fn every_kind_of_failure_counts() {
    let server = limited();
    let good = server.accounts.key("reader").to_owned();
    let wrong = with_wrong_secret(&good);
    let keys = [
        &unknown_key(),
        &wrong,
        "no key",
        server.accounts.key("expired"),
        server.accounts.key("disabled"),
    ];
    for (number, key) in keys.into_iter().enumerate() {
        let address = format!("192.0.2.{number}");
        for _ in 0..3 {
            login(&server, &address, key).refused(401, "invalid_api_key");
        }
        login(&server, &address, key).refused(429, "too_many_requests");
    }
}

#[test]
fn a_key_that_succeeded_before_is_not_limited() {
    let server = limited();
    let key = server.accounts.key("reader");
    login(&server, "192.0.2.9", key).expect(200);
    exhaust(&server, "192.0.2.1");
    login(&server, "192.0.2.1", key).expect(200);
    client_at(&server, "192.0.2.1").get("/request").header("X-API-Key", key).expect(200);
    let wrong = with_wrong_secret(key);
    login(&server, "192.0.2.1", &wrong).refused(429, "too_many_requests");
    let grant = [("grant_type", "client_credentials")];
    let by_basic =
        token(&server, "192.0.2.1", &grant).header("Authorization", basic("reader", key));
    by_basic.expect(200);
}

#[test]
fn tokens_and_requests_without_a_key_are_not_limited() {
    let server = limited();
    let good = server.login("reader");
    exhaust(&server, "192.0.2.1");
    let request = || client_at(&server, "192.0.2.1").get("/request");
    request().header("Authorization", format!("Bearer {good}")).expect(200);
    for _ in 0..5 {
        request().header("Authorization", "Bearer x").refused(401, "invalid_token");
        request().refused(401, "missing_credentials");
    }
    // The token is enough, so the key is not checked.
    request()
        .header("Authorization", format!("Bearer {good}"))
        .header("X-API-Key", "x")
        .expect(200);
    client_at(&server, "192.0.2.1").get("/health/live").expect(200);
}

#[test]
fn other_addresses_are_not_limited() {
    let server = limited();
    exhaust(&server, "192.0.2.1");
    exhaust(&server, "2001:db8:0:1::1");
    let key = server.accounts.key("reader");
    login(&server, "2001:db8:0:1:2::3", key).refused(429, "too_many_requests");
    for other in ["192.0.2.2", "2001:db8:0:2::1"] {
        login(&server, other, &unknown_key()).refused(401, "invalid_api_key");
        login(&server, other, server.accounts.key("scoped")).expect(200);
    }
}

#[test]
fn successful_logins_are_not_counted() {
    let server = limited();
    for _ in 0..2 {
        login(&server, "192.0.2.1", &unknown_key()).expect(401);
    }
    for client in ["reader", "admin", "scoped", "soon", "ending"] {
        login(&server, "192.0.2.1", server.accounts.key(client)).expect(200);
    }
    login(&server, "192.0.2.1", &unknown_key()).refused(401, "invalid_api_key");
    login(&server, "192.0.2.1", &unknown_key()).refused(429, "too_many_requests");
}

#[test]
fn client_secrets_and_passwords_at_token_are_counted() {
    let server = limited();
    let key = server.accounts.key("reader").to_owned();
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
        by_form("192.0.2.2", "scoped", server.accounts.key("scoped")),
        by_basic("192.0.2.1", server.accounts.key("scoped")),
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
fn a_key_that_was_not_checked_is_answered_with_429() {
    let server = limited();
    let token = server.login("scoped");
    exhaust(&server, "192.0.2.1");
    // The token is invalid and the key was not checked, so the answer is 429.
    let request =
        client_at(&server, "192.0.2.1").get("/request").header("Authorization", "Bearer x");
    request.header("X-API-Key", server.accounts.key("reader")).refused(429, "too_many_requests");
    let request = form(client_at(&server, "192.0.2.1").post("/introspect"), &[("token", &token)]);
    request.header("X-API-Key", server.accounts.key("reader")).expect(429);
}

#[test]
fn no_login_is_limited_when_the_limit_is_off() {
    let server = Server::start_with(&[("HALLPASS_RATE_LIMIT", "off")]);
    for _ in 0..100 {
        server.anonymous().post("/login").header("X-API-Key", unknown_key()).expect(401);
    }
    server.key("reader").post("/login").expect(200);
}

#[test]
fn the_default_limit_is_sixty_a_minute() {
    let server = Server::start_with(&[("HALLPASS_RATE_LIMIT", "")]);
    let request = || server.anonymous().post("/login").header("X-API-Key", "no key").answer();
    let until_limited =
        (0..200).map(|_| request()).take_while(|answer| answer.status == 401).count();
    // One more for every second that has passed.
    assert!((60..120).contains(&until_limited), "{until_limited}");
}

#[test]
fn a_good_key_under_another_name_is_counted_up_to_the_limit_and_no_further() {
    let server = limited();
    let key = server.accounts.key("reader");
    login(&server, "192.0.2.1", key).expect(200);
    let grant = [("grant_type", "client_credentials")];
    let statuses: Vec<u16> = (0..50)
        .map(|_| {
            let request = token(&server, "192.0.2.1", &grant);
            request.header("Authorization", basic("admin", key)).answer().status
        })
        .collect();
    assert_eq!(statuses[..3], [401; 3]);
    assert_eq!(statuses[3..], [429; 47]);
    let answer = login(&server, "192.0.2.1", server.accounts.key("scoped")).expect(429);
    assert!((1140..=1200).contains(&retry_after(&answer)), "one attempt in 20 minutes: {answer:?}");
}

#[test]
fn passwords_are_limited_by_user_name_whether_anybody_has_it_or_not() {
    let server = limited();
    add_user(&server, "alice");
    add_user(&server, "bob");
    password(&server, "192.0.2.9", "bob", "open sesame").expect(200);
    for name in ["alice", "bob", "nobody", "no/name"] {
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
            password(&server, address, name, "guess").answer();
        }
    }
    let fresh = limited();
    add_user(&fresh, "alice");
    for name in ["alice", "nobody", "no/name"] {
        for number in 0..3 {
            password(&fresh, &format!("198.51.100.{number}{}", name.len()), name, "guess")
                .expect(400);
        }
        let limited = password(&fresh, "192.0.2.4", name, "open sesame").expect(429);
        assert_eq!(limited.json()["error"], "invalid_request");
        assert!((1140..=1200).contains(&retry_after(&limited)), "{limited:?}");
    }
    // Others at that address are not limited, and neither is a password that was right before.
    login(&fresh, "192.0.2.4", &unknown_key()).refused(401, "invalid_api_key");
    password(&server, "192.0.2.5", "bob", "open sesame").expect(200);
}

#[test]
fn a_right_password_is_hashed_once() {
    let server = Server::start_with(&[ON]);
    add_user(&server, "alice");
    for _ in 0..5 {
        password(&server, "192.0.2.1", "alice", "open sesame").expect(200);
    }
    password(&server, "192.0.2.1", "alice", "guess").expect(400);
    let hashed = scrape(&server).value("hallpass_hashing_total", &[("outcome", "done")]);
    assert_eq!(hashed, Some(2.0));
}

#[test]
fn one_client_or_user_gets_500_tokens_at_once_and_then_50_a_second() {
    let server = Server::start();
    add_user(&server, "alice");
    let key = server.accounts.key("reader");
    let by_key = |client: &str| login(&server, "192.0.2.1", server.accounts.key(client)).answer();
    let by_token = || {
        let form =
            [("grant_type", "client_credentials"), ("client_id", "reader"), ("client_secret", key)];
        token(&server, "192.0.2.1", &form).answer()
    };
    let by_password = || password(&server, "192.0.2.1", "alice", "open sesame").answer();
    let started = std::time::Instant::now();
    let one = (0..2000).position(|_| by_key("reader").status == 429).expect("a limit");
    let paid_off = started.elapsed().as_millis() as usize / 20 + 1;
    assert!((500..=500 + paid_off).contains(&one), "{one}");
    let refused = (0..2000).map(|_| by_key("reader")).find(|one| one.status != 200).unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_requests"));
    assert_eq!(retry_after(&refused), 1);
    let refused = (0..2000).map(|_| by_token()).find(|one| one.status != 200).unwrap();
    assert_eq!((refused.status, &refused.json()["error"]), (429, &"invalid_request".into()));
    assert_eq!(retry_after(&refused), 1);
    assert_eq!(
        (by_key("admin").status, by_password().status),
        (200, 200),
        "others are not limited"
    );
    (0..2000).position(|_| by_password().status == 429).expect("a limit of the user");
    assert_eq!(by_key("admin").status, 200);
    // Neither is counted as a failure: the key is known.
    server.key("reader").get("/request").expect(200);
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(by_key("reader").status, 200);
}
