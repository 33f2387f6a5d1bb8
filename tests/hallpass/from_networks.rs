//! `from` in the roster: API keys and passwords are taken from some networks only.

use crate::{
    metrics::{ON, scrape},
    oauth::{basic, form},
    support::{
        accounts::{Accounts, unknown_key},
        client::{Client, RequestBuilder},
        folder::Folder,
        raw_http::Response,
        server::{Server, program},
    },
};

const INSIDE: &str = "192.0.2.7";
const OUTSIDE: &str = "198.51.100.1";
const REASON: &str = "outside of the client's `from`";

/// A server behind a trusted proxy; `reader`, `admin` and the user `alice` are bound to networks.
fn server(settings: &[(&str, &str)]) -> Server {
    let mut accounts = Accounts::new();
    for (client, from) in
        [("reader", "['192.0.2.0/24', '2001:db8::/32']"), ("admin", "['192.0.2.7']")]
    {
        let head = format!("[clients.{client}]\n");
        accounts.roster = accounts.roster.replace(&head, &format!("{head}from = {from}\n"));
    }
    let hash = bcrypt::hash("open sesame", 4).unwrap();
    accounts.roster += &format!("[users.alice]\nfrom = ['192.0.2.7']\npassword = '{hash}'\n");
    let dir = tempfile::tempdir().unwrap();
    let serve = program(dir.path(), &["serve", "--bind", "127.0.0.1:0"]);
    let proxies = ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1");
    Server::spawn_for(accounts, serve, dir, &[&[proxies], settings].concat())
}

fn at<'s>(server: &'s Server, address: &str) -> Client<'s> {
    Client::new(server, Some(("X-Forwarded-For".to_owned(), address.to_owned())))
}

type Door = (&'static str, for<'s> fn(&'s Server, &str, &str) -> RequestBuilder<'s>);

/// Every place where a key of `reader` can be presented, from an address.
const DOORS: &[Door] = &[
    ("header", |server, address, key| at(server, address).post("/login").header("X-API-Key", key)),
    ("query", |server, address, key| {
        at(server, address).post("/login").query(&format!("api_key={key}"))
    }),
    ("cookie", |server, address, key| {
        at(server, address).post("/login").header("Cookie", format!("api_key={key}"))
    }),
    ("an operation", |server, address, key| {
        at(server, address).get("/request").header("X-API-Key", key)
    }),
    ("/token by Basic", |server, address, key| {
        let request =
            at(server, address).post("/token").header("Authorization", basic("reader", key));
        form(request, &[("grant_type", "client_credentials")])
    }),
    ("/token by the form", |server, address, key| {
        let fields =
            [("grant_type", "client_credentials"), ("client_id", "reader"), ("client_secret", key)];
        form(at(server, address).post("/token"), &fields)
    }),
    ("/introspect by Basic", |server, address, key| {
        let request = at(server, address).post("/introspect");
        form(request.header("Authorization", basic("reader", key)), &[("token", "x")])
    }),
    ("/introspect by header", |server, address, key| {
        form(at(server, address).post("/introspect").header("X-API-Key", key), &[("token", "x")])
    }),
    ("/revoke", |server, address, key| {
        form(at(server, address).post("/revoke").header("X-API-Key", key), &[("token", "x")])
    }),
    ("/verify", |server, address, key| {
        let request = at(server, address).get("/verify").header("X-API-Key", key);
        request.header("X-Forwarded-Method", "GET").header("X-Forwarded-Uri", "/a")
    }),
];

/// Status, challenges and body, without what differs from request to request.
fn told(answer: &Response) -> String {
    let id = answer.header("x-request-id").unwrap();
    let headers =
        answer.headers.iter().filter(|(name, _)| !["date", "x-request-id"].contains(&&**name));
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    format!("{} {headers:?} {}", answer.status, answer.text().replace(id, "ID"))
}

#[test]
fn a_key_from_elsewhere_answers_exactly_as_a_wrong_one_at_every_door() {
    let server = server(&[ON]);
    let (good, unknown) = (server.accounts.key("reader"), unknown_key());
    let hashed = || scrape(&server).value("hallpass_hashing_total", &[("outcome", "done")]);
    let compare = || {
        for (door, request) in DOORS {
            let wrong = told(&request(&server, OUTSIDE, &unknown).expect(401));
            let elsewhere = told(&request(&server, OUTSIDE, good).expect(401));
            assert_eq!(elsewhere, wrong, "{door}");
        }
    };
    compare();
    assert_eq!(hashed(), Some(0.0), "a key from elsewhere is never hashed");
    for (door, request) in DOORS {
        for inside in [INSIDE, "2001:db8:7::1"] {
            let answer = request(&server, inside, good).expect(200);
            assert_eq!(answer.status, 200, "{door}");
        }
    }
    assert_eq!(hashed(), Some(1.0));
    // Now that the key is remembered.
    compare();
    let log =
        server.log_until("the audit lines", |log| log.matches(REASON).count() >= 2 * DOORS.len());
    let line = log.lines().find(|line| line.contains(REASON)).unwrap();
    let id = &good[3..15];
    assert!(line.contains("audit refused") && line.contains(&format!("key_id={id}")), "{line}");
    assert!(line.contains(&format!("peer={OUTSIDE}")), "{line}");
}

#[test]
fn keys_from_elsewhere_are_failed_attempts() {
    let server = server(&[("HALLPASS_RATE_LIMIT", "3/h")]);
    let good = server.accounts.key("admin");
    let login = |address: &str| at(&server, address).post("/login").header("X-API-Key", good);
    login(INSIDE).expect(200);
    for _ in 0..3 {
        login("192.0.2.8").refused(401, "invalid_api_key");
    }
    login("192.0.2.8").refused(429, "too_many_requests");
    let other = at(&server, "192.0.2.8").post("/login");
    other.header("X-API-Key", server.accounts.key("scoped")).refused(429, "too_many_requests");
    login(INSIDE).expect(200);
}

#[test]
fn the_address_is_that_of_the_connection_unless_a_trusted_proxy_says_otherwise() {
    let server = server(&[("HALLPASS_TRUSTED_PROXIES", "")]);
    for (client, status) in [("reader", 401), ("admin", 401), ("scoped", 200)] {
        let request = at(&server, INSIDE).post("/login");
        request.header("X-API-Key", server.accounts.key(client)).expect(status);
    }
}

fn password<'s>(server: &'s Server, address: &str, password: &str) -> RequestBuilder<'s> {
    let fields = [("grant_type", "password"), ("username", "alice"), ("password", password)];
    form(at(server, address).post("/token"), &fields)
}

#[test]
fn a_password_from_elsewhere_answers_exactly_as_a_wrong_one_and_takes_as_long() {
    let server = server(&[ON]);
    let hashed =
        || scrape(&server).value("hallpass_hashing_total", &[("outcome", "done")]).unwrap();
    for remembered in [false, true] {
        let before = hashed();
        let wrong = told(&password(&server, OUTSIDE, "guess").expect(400));
        assert_eq!(told(&password(&server, OUTSIDE, "open sesame").expect(400)), wrong);
        assert_eq!(hashed(), before + 2.0, "remembered: {remembered}");
        password(&server, INSIDE, "open sesame").expect(200);
        let request =
            |address| at(&server, address).get("/verify").header("X-Forwarded-Method", "GET");
        for address in [INSIDE, OUTSIDE] {
            // Basic is not among the schemes of /verify without a policy.
            let request = request(address).header("X-Forwarded-Uri", "/a");
            request.header("Authorization", basic("alice", "open sesame")).expect(401);
        }
    }
    server.log_until("the reason", |log| log.contains("outside of the user's `from`"));
}

#[test]
fn networks_follow_the_roster_and_tokens_stay_good_everywhere() {
    let server = server(&[]);
    let path = server.dir.path().join("roster.toml");
    let good = server.accounts.key("admin");
    let login = |address: &str| at(&server, address).post("/login").header("X-API-Key", good);
    let answer = login(INSIDE).expect(200).json();
    let token = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    at(&server, OUTSIDE).get("/request").header("Authorization", &token).expect(200);
    let roster = std::fs::read_to_string(&path).unwrap();
    let moved = roster.replace("['192.0.2.7']", &format!("['{OUTSIDE}/32']"));
    std::fs::write(&path, moved).unwrap();
    server.signal("HUP");
    server.log_until("the reload", |log| log.contains("reloaded the roster"));
    login(INSIDE).refused(401, "invalid_api_key");
    login(OUTSIDE).expect(200);
    at(&server, INSIDE).get("/request").header("Authorization", &token).expect(200);
    let clients = at(&server, INSIDE).get("/clients").header("Authorization", &token);
    let clients = clients.expect(200).json();
    let from = |name: &str| {
        let all = clients["clients"].as_array().unwrap();
        all.iter().find(|client| client["name"] == name).unwrap()["from"].clone()
    };
    assert_eq!(from("admin"), serde_json::json!([OUTSIDE]));
    assert_eq!(from("reader"), serde_json::json!(["192.0.2.0/24", "2001:db8::/32"]));
    assert_eq!(from("scoped"), serde_json::Value::Null);
}

#[test]
fn wrong_networks_are_faults_with_their_lines() {
    let tail = "DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";
    let text = format!(
        "[clients.a]\nfrom = []\n[clients.b]\nfrom = '10.0.0.0/8'\n[clients.c]\nfrom = [\n'10.0.0.0/8',\n\
         '10.0.0.0/33',\n'::ffff:10.0.0.1', 7]\n[users.d]\npassword = '$2b$12${tail}'\nfrom = ['home']\n"
    );
    let folder = Folder::with_roster(&text);
    let secret = ("HALLPASS_SECRET_KEY", "0123456789abcdef0123456789abcdef");
    let found = folder.run_with(&[secret], "check").exit_code(1).out;
    let lines: Vec<_> = found.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(lines, [2, 4, 8, 9, 9, 12].map(|line| format!("roster.toml:{line}")), "{found}");
    for part in ["`from`", "10.0.0.0/33", "without ::ffff:", "10.0.0.0/8"] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[test]
fn key_add_takes_networks_for_a_new_client_and_key_list_shows_them() {
    let folder = Folder::new();
    let made =
        folder.run("key add billing --from 10.1.2.3/8 --from 192.0.2.7 --from 2001:DB8::/32");
    made.success().stderr_contains(&["From everywhere but 10.0.0.0/8, 192.0.2.7, 2001:db8::/32"]);
    let roster = folder.read("roster.toml");
    let line = "from = [\"10.0.0.0/8\", \"192.0.2.7\", \"2001:db8::/32\"]";
    assert!(roster.contains(line), "{roster}");
    let listed = folder.run("key list").success();
    listed.stdout_contains(&["FROM", "10.0.0.0/8 192.0.2.7 2001:db8::/32"]);
    let listed: serde_json::Value =
        serde_json::from_str(&folder.run("key list --json").success().out).unwrap();
    let networks = serde_json::json!(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]);
    assert_eq!(listed[0]["from"], networks);
    let refused = folder.run("key add billing --from 10.0.0.0/8").failure();
    refused.stderr_contains(&["billing", "--from", "roster"]);
    assert_eq!(folder.read("roster.toml"), roster);
    folder.run("key add fresh --from home").usage_error();
    folder.run("key add fresh --from 10.0.0.1,10.0.0.2").usage_error();
}
