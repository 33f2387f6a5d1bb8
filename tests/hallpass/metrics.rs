//! The metrics of a running service: correct values, bounded labels, no secrets.

use std::{
    fs,
    io::Write,
    net::{SocketAddr, TcpStream},
};

use crate::support::{
    accounts::{key_id, with_wrong_secret},
    metrics_text::Scrape,
    raw_http::{Request, Response, connect, read_response},
    server::{Server, eventually},
};

pub(crate) const ON: (&str, &str) = ("HALLPASS_METRICS_BIND", "127.0.0.1:0");
const REQUESTS: &str = "hallpass_requests_total";
const USES: &str = "hallpass_key_uses_total";
const ENDS: &str = "hallpass_key_expires_timestamp_seconds";

/// The address of the metrics listener.
fn metrics_address(server: &Server) -> SocketAddr {
    let log = server.log_until("the metrics address", |log| log.contains("/metrics\n"));
    let line = log.lines().find_map(|line| line.split_once("metrics on http://")).expect("a line");
    line.1.strip_suffix("/metrics").expect("the path").parse().expect("an address")
}

fn request(address: SocketAddr, method: &str, target: &str) -> Response {
    let (method, target) = (method.to_owned(), target.to_owned());
    Request { method, target, headers: Vec::new(), body: None }.send(address)
}

pub(crate) fn scrape(server: &Server) -> Scrape {
    let answer = request(metrics_address(server), "GET", "/metrics");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    server.assert_no_secret("the metrics", &answer.text());
    Scrape::parse(&answer.text())
}

#[test]
fn metrics_are_for_those_who_name_the_listener_by_its_address_or_a_configured_name() {
    let issuer = ("HALLPASS_ISSUER", "https://Auth.example.com/base");
    let server = Server::start_with(&[ON, issuer]);
    let address = metrics_address(&server);
    let answer = |method: &str, host: &str| {
        let headers = vec![("Host".to_owned(), host.as_bytes().to_vec())];
        let (method, target) = (method.to_owned(), "/metrics".to_owned());
        Request { method, target, headers, body: None }.send(address)
    };
    let known =
        ["127.0.0.1:1", "192.0.2.1", "[::1]:80", "localhost", "LOCALHOST:9", "auth.example.com"];
    for host in known {
        assert_eq!(answer("GET", host).status, 200, "{host}");
    }
    for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8081"] {
        let refused = answer("GET", host);
        assert_eq!(refused.status, 403, "{host}");
        assert!(!refused.text().contains("hallpass_"), "{host}");
        assert_eq!(answer("HEAD", host).status, 403, "{host}");
    }
    let head = answer("HEAD", "localhost");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn metrics_are_off_by_default() {
    let server = Server::start();
    server.anonymous().get("/metrics").refused(404, "not_found");
    assert!(!server.log().contains("metrics on"), "{}", server.log());
}

#[test]
fn hashes_are_counted() {
    let server = Server::start_with(&[ON, ("HALLPASS_RATE_LIMIT", "1/h")]);
    server.login("reader");
    server.login("reader");
    let key = with_wrong_secret(server.accounts.key("reader"));
    for status in [401, 429, 429] {
        server.anonymous().post("/login").header("X-API-Key", &key).expect(status);
    }
    let scrape = scrape(&server);
    let hashed = |outcome| scrape.value("hallpass_hashing_total", &[("outcome", outcome)]).unwrap();
    assert_eq!(["done", "dropped", "overloaded", "limited"].map(hashed), [1.0, 0.0, 0.0, 2.0]);
    assert!(scrape.value("hallpass_hashing_seconds_total", &[]).unwrap() > 0.0);
    assert_eq!(scrape.value("hallpass_hashing_waiting", &[]), Some(0.0));
    assert_eq!(scrape.value("hallpass_hashing_running", &[]), Some(0.0));
}

#[test]
fn requests_are_counted_by_operation_and_status() {
    let server = Server::start_with(&[ON]);
    let token = server.login("reader");
    for _ in 0..3 {
        server.bearer(&token).get("/request").expect(200);
    }
    server.bearer(&token).request("HEAD", "/request").expect(200);
    server.anonymous().get("/request").expect(401);
    server.bearer(&token).get("/clients").expect(403);
    server.key("reader").post("/login").json("[]").expect(400);
    let scrape = scrape(&server);
    let requests = |operation, method, status| {
        let labels = [("operation", operation), ("method", method), ("status", status)];
        scrape.value(REQUESTS, &labels)
    };
    assert_eq!(requests("whoami", "GET", "200"), Some(4.0));
    assert_eq!(requests("whoami", "GET", "401"), Some(1.0));
    assert_eq!(requests("list_clients", "GET", "403"), Some(1.0));
    assert_eq!(requests("login", "POST", "200"), Some(1.0));
    assert_eq!(requests("login", "POST", "400"), Some(1.0));
    assert_eq!(scrape.count(REQUESTS), 5);
    let timed = |end: &str, operation| {
        let name = format!("hallpass_request_duration_seconds_{end}");
        scrape.value(&name, &[("operation", operation)]).unwrap()
    };
    assert_eq!((timed("count", "whoami"), timed("count", "login")), (5.0, 2.0));
    assert_eq!(timed("count", "logout"), 0.0, "operations without requests are listed");
    assert!((0.0..10.0).contains(&timed("sum", "login")), "in seconds: {}", timed("sum", "login"));
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(scrape.value("hallpass_build_info", &version), Some(1.0));
}

#[test]
fn unknown_paths_share_a_few_series() {
    let server = Server::start_with(&[ON]);
    for index in 0..20 {
        server.anonymous().get(&format!("/planted{index}\"%0a{{}}")).expect(404);
        server.anonymous().request(&format!("PLANTED{index}"), "/login").expect(405);
    }
    let scrape = scrape(&server);
    let none = |status| scrape.value(REQUESTS, &[("operation", "none"), ("status", status)]);
    assert_eq!((none("404"), none("405")), (Some(20.0), Some(20.0)));
    assert_eq!(scrape.count(REQUESTS), 2);
    let labels = ["operation", "method", "status"].map(|label| scrape.label(label));
    assert!(!format!("{labels:?}").to_lowercase().contains("planted"), "{labels:?}");
}

#[test]
fn tokens_are_counted_by_grant_type_and_refusals_by_code() {
    let server = Server::start_with(&[ON]);
    let form = |text: &str| {
        let post = server.anonymous().post("/token");
        post.header("Content-Type", "application/x-www-form-urlencoded").body(text)
    };
    let key = server.accounts.key("reader");
    let client = "grant_type=client_credentials&client_id=reader&client_secret=";
    server.login("reader");
    server.login("admin");
    form(&format!("{client}{key}")).expect(200);
    form(&format!("{client}x")).expect(401);
    form("grant_type=password&username=nobody&password=x").expect(400);
    for bad in ["x", &with_wrong_secret(key)] {
        server.anonymous().post("/login").header("X-API-Key", bad).expect(401);
    }
    server.bearer("x").get("/request").expect(401);
    let scrape = scrape(&server);
    let issued = |grant| scrape.value("hallpass_tokens_issued_total", &[("grant", grant)]);
    assert_eq!(issued("api_key"), Some(2.0));
    assert_eq!((issued("client_credentials"), issued("password")), (Some(1.0), Some(0.0)));
    let refused = |code| scrape.value("hallpass_refusals_total", &[("code", code)]);
    for (code, times) in [
        ("invalid_api_key", 2.0),
        ("invalid_token", 1.0),
        ("invalid_client", 1.0),
        ("invalid_grant", 1.0),
    ] {
        assert_eq!(refused(code), Some(times), "{code}");
    }
    assert_eq!(scrape.count("hallpass_refusals_total"), 4);
}

#[test]
fn cache_hits_are_counted() {
    let server = Server::start_with(&[ON]);
    let token = server.login("reader");
    server.login("reader");
    for _ in 0..3 {
        server.bearer(&token).get("/request").expect(200);
    }
    let scrape = scrape(&server);
    let of = |cache, what| scrape.value(&format!("hallpass_cache_{what}"), &[("cache", cache)]);
    let known = |cache| (of(cache, "hits_total"), of(cache, "misses_total"));
    assert_eq!(known("keys"), (Some(1.0), Some(1.0)));
    assert_eq!(known("tokens"), (Some(2.0), Some(1.0)));
    assert!(of("keys", "bytes") > Some(0.0) && of("tokens", "bytes") > Some(0.0));
}

#[test]
fn roster_reloads_are_counted_and_counters_do_not_decrease() {
    let server = Server::start_with(&[ON]);
    server.token("reader").post("/logout").expect(200);
    server.anonymous().get("/request").expect(401);
    let first = scrape(&server);
    let roster = |scrape: &Scrape, what: &str| {
        scrape.value(&format!("hallpass_roster_{what}"), &[]).unwrap()
    };
    let state = |scrape: &Scrape| (roster(scrape, "generation"), roster(scrape, "broken"));
    assert_eq!(state(&first), (1.0, 0.0));
    assert_eq!(first.value("hallpass_revocations", &[]), Some(1.0));
    let file = server.dir.path().join("roster.toml");
    let mut last = first;
    for (text, expected) in [
        (format!("{}\n# fixed", server.accounts.roster), (2.0, 0.0)),
        ("[broken".to_owned(), (2.0, 1.0)),
        (server.accounts.roster.clone(), (3.0, 0.0)),
    ] {
        fs::write(&file, text).unwrap();
        let now = eventually("the roster is reloaded", || {
            Some(scrape(&server)).filter(|scrape| state(scrape) == expected)
        });
        now.assert_not_behind(&last);
        let loaded = |scrape| roster(scrape, "loaded_timestamp_seconds");
        assert!(loaded(&now) >= loaded(&last) && loaded(&last) > 1_700_000_000.0);
        last = now;
    }
}

#[test]
fn key_metrics_follow_the_roster() {
    let server = Server::start_with(&[ON]);
    let id = |client: &str| key_id(server.accounts.key(client)).to_owned();
    let key = |scrape: &Scrape, name: &str, client: &str| {
        scrape.value(name, &[("client", client), ("key_id", &id(client))])
    };
    let fresh = scrape(&server);
    assert_eq!((fresh.count(USES), key(&fresh, USES, "soon")), (1, Some(0.0)));
    let ends = key(&fresh, ENDS, "soon").unwrap() - jiff::Timestamp::now().as_second() as f64;
    assert!((-60.0..=60.0).contains(&ends), "{ends}");

    server.login("reader");
    server.key("reader").get("/request").expect(200);
    server.login("ending");
    server.key("expired").post("/login").expect(401);
    let used = scrape(&server);
    assert_eq!(key(&used, USES, "reader"), Some(2.0));
    assert_eq!(key(&used, USES, "ending"), Some(1.0));
    assert_eq!((used.count(USES), used.count(ENDS)), (3, 2));
    assert_eq!(key(&used, ENDS, "ending"), Some(7_226_582_400.0), "2199-01-01");

    let without = server.accounts.roster.replace("[clients.reader]", "[clients.another]");
    let without = without.replace("[[clients.reader.keys]]", "[[clients.another.keys]]");
    let without = without.replace(&id("reader"), "000000000000");
    fs::write(server.dir.path().join("roster.toml"), without).unwrap();
    eventually("the series is gone", || {
        key(&scrape(&server), USES, "reader").is_none().then_some(())
    });
    assert_eq!(key(&scrape(&server), USES, "ending"), Some(1.0));
}

#[test]
fn the_metrics_listener_serves_nothing_else_and_does_not_count_itself() {
    let server = Server::start_with(&[ON]);
    let address = metrics_address(&server);
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/metrics/"),
        ("POST", "/metrics"),
        ("GET", "/request"),
        ("GET", "/health/live"),
    ] {
        assert_eq!(request(address, method, target).status, 404, "{method} {target}");
    }
    scrape(&server);
    server.anonymous().get("/metrics").refused(404, "not_found");
    let log = server.log_until("the access line", |log| log.contains(" access GET /metrics"));
    assert_eq!(log.matches(" access ").count(), 1, "{log}");
    assert_eq!(scrape(&server).count(REQUESTS), 1);
}

#[test]
fn metrics_are_served_while_the_service_drains() {
    let server = Server::start_with(&[ON]);
    let address = metrics_address(&server);
    let mut begun = connect(server.address);
    let head = format!(
        "POST /login HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\n\r\n",
        server.accounts.key("reader")
    );
    begun.write_all(head.as_bytes()).unwrap();
    let key = key_id(server.accounts.key("reader")).to_owned();
    eventually("the login has begun", || scrape(&server).value(USES, &[("key_id", &key)]));
    server.signal("TERM");
    eventually("new connections fail", || TcpStream::connect(server.address).err());
    assert_eq!(scrape(&server).value(USES, &[("key_id", &key)]), Some(1.0));
    begun.write_all(b"{}").unwrap();
    assert_eq!(read_response(&mut begun).expect("an answer").status, 200);
    assert_eq!(server.exit().code(), Some(0));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_metrics_parser_rejects_what_prometheus_rejects() {
    let family =
        |kind: &str, name: &str| format!("# HELP {name} What it is.\n# TYPE {name} {kind}\n");
    let (gauge, counter) = (family("gauge", "hallpass_a"), family("counter", "hallpass_b_total"));
    let histogram = family("histogram", "hallpass_c");
    let bucket = |bound: &str, count| format!("hallpass_c_bucket{{le=\"{bound}\"}} {count}\n");
    let ends = "hallpass_c_sum 1\nhallpass_c_count 2\n";
    let good = format!(
        "{gauge}hallpass_a{{x=\"\\\\\\\"\\n\"}} 1\n{counter}hallpass_b_total 1\n{histogram}{}{}{ends}",
        bucket("0.1", 1),
        bucket("+Inf", 2)
    );
    assert_eq!(Scrape::parse(&good).value("hallpass_a", &[("x", "\\\"\n")]), Some(1.0));
    for bad in [
        "hallpass_a 1\n".to_owned(),
        format!("{gauge}hallpass_a 1"),
        format!("{gauge}hallpass_a one\n"),
        format!("{gauge}hallpass_a{{x=\"\\q\"}} 1\n"),
        format!("{gauge}hallpass_a 1\nhallpass_a 1\n"),
        format!("{gauge}hallpass_a 1\n{gauge}hallpass_a{{x=\"\"}} 1\n"),
        format!("{gauge}{counter}hallpass_b_total 1\nhallpass_a 1\n"),
        format!("{}hallpass_b 1\n", family("counter", "hallpass_b")),
        format!("{histogram}{}{ends}", bucket("0.1", 2)),
        format!("{histogram}{}{ends}", bucket("+Inf", 1)),
        format!("{histogram}{}{}{ends}", bucket("0.1", 3), bucket("+Inf", 2)),
        format!("{histogram}{}hallpass_c_count 2\n", bucket("+Inf", 2)),
    ] {
        assert!(std::panic::catch_unwind(|| Scrape::parse(&bad)).is_err(), "{bad}");
    }
}
