//! What the roster says of the tokens of a client or user: lifetime, audiences, claims; and of its keys: labels.

use std::fs;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    oauth::{basic, form},
    support::{
        accounts::Accounts,
        folder::Folder,
        raw_http::Response,
        server::{Server, program},
    },
};

const SECRET: (&str, &str) = ("HALLPASS_SECRET_KEY", "0123456789abcdefghijABCDEFGHIJ-_.~!");
const AUDIENCE: (&str, &str) = ("HALLPASS_AUDIENCE", "here");

/// A server whose client `reader` has these fields more.
fn server(fields: &str) -> Server {
    let mut accounts = Accounts::new();
    let head = "[clients.reader]\n";
    accounts.roster = accounts.roster.replace(head, &format!("{head}{fields}\n"));
    let dir = tempfile::tempdir().unwrap();
    let serve = program(dir.path(), &["serve", "--bind", "127.0.0.1:0"]);
    Server::spawn_for(accounts, serve, dir, &[AUDIENCE])
}

/// Replaces a text in the roster, and waits until that counts.
fn change(server: &Server, old: &str, new: &str) {
    let path = server.dir.path().join("roster.toml");
    let roster = fs::read_to_string(&path).unwrap();
    assert!(roster.contains(old), "{roster}");
    let before = server.log().matches("reloaded the roster").count();
    fs::write(&path, roster.replace(old, new)).unwrap();
    server.signal("HUP");
    server.log_until("the reload", |log| log.matches("reloaded the roster").count() > before);
}

fn claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn token(answer: &Response) -> String {
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn login(server: &Server, body: Value) -> String {
    token(&server.key("reader").post("/login").json(body).expect(200))
}

fn introspect(server: &Server, token: &str) -> Value {
    form(server.key("scoped").post("/introspect"), &[("token", token)]).expect(200).json()
}

#[test]
fn a_client_may_have_a_shorter_token_lifetime_and_living_tokens_follow() {
    let server = server("token_lifetime = '10m'");
    let answer = server.key("reader").post("/login").expect(200).json();
    assert_eq!(answer["expires_in"], 600);
    let shorter = server.key("reader").post("/login").json(json!({ "expires_in": 60 }));
    assert_eq!(shorter.expect(200).json()["expires_in"], 60);
    let longer = server.key("reader").post("/login").json(json!({ "expires_in": 601 }));
    longer.refused(400, "invalid_request");
    assert_eq!(server.key("admin").post("/login").expect(200).json()["expires_in"], 1800);
    let token = answer["access_token"].as_str().unwrap();
    server.bearer(token).get("/request").expect(200);
    let exp = claims(token)["exp"].as_i64().unwrap();
    assert_eq!(introspect(&server, token)["exp"], exp);
    change(&server, "'10m'", "'5m'");
    assert_eq!(introspect(&server, token)["exp"], exp - 300, "it ends as one that is issued now");
    change(&server, "'5m'", "'1s'");
    crate::support::server::eventually("the token is over", || {
        (server.bearer(token).get("/request").answer().status == 401).then_some(())
    });
    assert_eq!(introspect(&server, token), json!({ "active": false }));
    change(&server, "token_lifetime = '1s'", "");
    server.bearer(token).get("/request").expect(200);
}

#[test]
fn a_lifetime_beyond_the_setting_is_a_fault_with_its_line_at_start_and_at_reload() {
    let text =
        "[clients.a]\nroles = []\ntoken_lifetime = '30m'\n[clients.b]\n\ntoken_lifetime = '2h'\n";
    let folder = Folder::with_roster(text);
    let found = folder.run_with(&[SECRET], "check").exit_code(1);
    assert_eq!(found.out.lines().count(), 1, "{}", found.out);
    let found = found.stdout_contains(&["roster.toml:6: `token_lifetime` is 2h", "(30m)"]);
    let serve = folder.run_with(&[SECRET], "serve --bind 127.0.0.1:0").failure();
    assert_eq!(serve.err, found.out);
    folder.run_with(&[SECRET, ("HALLPASS_TOKEN_LIFETIME", "2h")], "check").success();
    let server = server("token_lifetime = '10m'");
    let path = server.dir.path().join("roster.toml");
    let roster = fs::read_to_string(&path).unwrap();
    fs::write(&path, roster.replace("'10m'", "'31m'")).unwrap();
    server.signal("HUP");
    server.log_until("the fault", |log| log.contains("roster.toml:10: `token_lifetime` is 31m"));
    assert_eq!(server.key("reader").post("/login").expect(200).json()["expires_in"], 600);
}

#[test]
fn audiences_are_asked_for_and_unknown_ones_are_invalid_targets() {
    let server = server("audiences = ['invoices', 'https://orders.example', 'here']");
    assert_eq!(claims(&login(&server, json!({})))["aud"], "invoices");
    let orders = login(&server, json!({ "audience": "https://orders.example" }));
    assert_eq!(claims(&orders)["aud"], "https://orders.example");
    let unknown = server.key("reader").post("/login").json(json!({ "audience": "other" }));
    unknown.refused(400, "invalid_target");
    let key = server.accounts.key("reader");
    let get = |client: &str, key: &str, resource: &str| {
        let request = server.anonymous().post("/token").header("Authorization", basic(client, key));
        form(request, &[("grant_type", "client_credentials"), ("resource", resource)])
    };
    assert_eq!(claims(&token(&get("reader", key, "").expect(200)))["aud"], "invoices");
    assert_eq!(claims(&token(&get("reader", key, "here").expect(200)))["aud"], "here");
    let refused = get("reader", key, "other").expect(400).json();
    assert_eq!(refused["error"], "invalid_target");
    // Without a list there is the audience of the service, and no other.
    let admin = server.accounts.key("admin");
    assert_eq!(claims(&token(&get("admin", admin, "here").expect(200)))["aud"], "here");
    assert_eq!(get("admin", admin, "invoices").expect(400).json()["error"], "invalid_target");
}

#[test]
fn a_token_for_another_service_is_refused_here_and_known_to_introspection_and_revocation() {
    let server = server("audiences = ['invoices', 'here']");
    let (invoices, here) =
        (login(&server, json!({})), login(&server, json!({ "audience": "here" })));
    for _ in 0..2 {
        server.bearer(&invoices).get("/request").refused(401, "invalid_token");
        server.bearer(&here).get("/request").expect(200);
        assert_eq!(introspect(&server, &invoices)["aud"], "invoices");
        assert_eq!(introspect(&server, &here)["aud"], "here");
    }
    server.log_until("the reason", |log| log.contains("is meant for another audience"));
    // What the roster takes away is gone from living tokens.
    change(&server, "['invoices', 'here']", "['invoices']");
    server.bearer(&here).get("/request").refused(401, "invalid_token");
    assert_eq!(introspect(&server, &here), json!({ "active": false }));
    assert_eq!(introspect(&server, &invoices)["active"], true);
    form(server.key("reader").post("/revoke"), &[("token", &invoices)]).expect(200);
    assert_eq!(introspect(&server, &invoices), json!({ "active": false }));
}

#[test]
fn claims_are_in_tokens_and_introspection_until_the_roster_changes_them() {
    let server = server("claims = { tenant = 'acme', level = 3, tags = ['a', true, 1.5] }");
    let token = login(&server, json!({}));
    let expected = json!({ "tenant": "acme", "level": 3, "tags": ["a", true, 1.5] });
    let told = |all: Value| {
        let names = ["tenant", "level", "tags", "new"];
        let found = names.iter().filter_map(|name| Some((*name, all.get(*name)?.clone())));
        found.map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>()
    };
    assert_eq!(Value::from(told(claims(&token))), expected);
    assert_eq!(Value::from(told(introspect(&server, &token))), expected);
    assert!(told(claims(&server.login("admin"))).is_empty());
    change(&server, "{ tenant = 'acme', level = 3,", "{ tenant = 'other', new = 1,");
    assert_eq!(Value::from(told(introspect(&server, &token))), json!({ "tags": ["a", true, 1.5] }));
    let next = login(&server, json!({}));
    assert_eq!(told(introspect(&server, &next))["tenant"], "other");
}

#[test]
fn clients_and_key_list_show_what_key_add_wrote() {
    let folder = Folder::new();
    let line = "key add billing --token-lifetime 10m --audience invoices --audience here --claim tenant=acme \
                --claim level=3 --label invoices";
    folder.run(line).success();
    let roster = folder.read("roster.toml");
    for part in [
        "token_lifetime = \"10m\"",
        "audiences = [\"invoices\", \"here\"]",
        "claims = { level = 3, tenant = \"acme\" }",
        "label = \"invoices\"",
    ] {
        assert!(roster.contains(part), "{part}: {roster}");
    }
    folder.run("key rotate billing").success();
    folder.run("key rotate billing --label next").success();
    let listed: Value = serde_json::from_str(&folder.run("key list --json").success().out).unwrap();
    let one = &listed[0];
    assert_eq!(one["token_lifetime"], 600);
    assert_eq!(one["audiences"], json!(["invoices", "here"]));
    assert_eq!(one["claims"], json!({ "tenant": "acme", "level": 3 }));
    let labels: Vec<_> = one["keys"].as_array().unwrap().iter().map(|key| &key["label"]).collect();
    assert_eq!(labels, ["invoices", "invoices", "next"]);
    let table = folder.run("key list").success();
    table.stdout_contains(&[
        "LABEL",
        "TOKEN LIFETIME",
        "10m",
        "invoices here",
        "level=3 tenant=\"acme\"",
    ]);
    for flag in ["--token-lifetime 5m", "--audience x", "--claim a=b"] {
        folder
            .run(&format!("key add billing {flag}"))
            .failure()
            .stderr_contains(&["--claim", "roster"]);
    }
    folder.run("key add billing --label more").success();
    let twice = folder.run("key add fresh --claim tenant=a --claim tenant=b").failure();
    twice.stderr_contains(&["--claim tenant is there twice"]);
    folder.run("key add fresh --token-lifetime 2h").failure().stderr_contains(&["30m"]);
    for wrong in
        ["--claim sub=x", "--claim tenant", "--claim a={}", "--token-lifetime 0s", "--audience a,b"]
    {
        folder.run(&format!("key add fresh {wrong}")).usage_error();
    }

    let server =
        server("token_lifetime = '10m'\naudiences = ['invoices']\nclaims = { tenant = 'acme' }");
    let path = server.dir.path().join("roster.toml");
    let roster = fs::read_to_string(&path).unwrap();
    let id = &server.accounts.key("reader")[3..15];
    let labelled =
        roster.replace(&format!("id = '{id}'\n"), &format!("id = '{id}'\nlabel = 'owner: dana'\n"));
    fs::write(&path, labelled).unwrap();
    server.signal("HUP");
    server.log_until("the reload", |log| log.contains("reloaded the roster"));
    let clients = server.token("admin").get("/clients").expect(200).json();
    let find = |name: &str| {
        let all = clients["clients"].as_array().unwrap();
        all.iter().find(|client| client["name"] == name).unwrap().clone()
    };
    let reader = find("reader");
    assert_eq!(reader["token_lifetime"], 600);
    assert_eq!(reader["audiences"], json!(["invoices"]));
    assert_eq!(reader["claims"], json!({ "tenant": "acme" }));
    assert_eq!(reader["keys"][0]["label"], "owner: dana");
    assert_eq!(find("scoped").get("claims"), None);
}

#[test]
fn wrong_options_are_faults_with_their_lines() {
    let tail = "DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";
    let lines = [
        ("[clients.a]", false),
        ("token_lifetime = 10", true),
        ("audiences = 'invoices'", true),
        ("claims = 'tenant'", true),
        ("[[clients.a.keys]]", false),
        ("id = '4fQz81LmXc0a'", false),
        (&format!("hash = '$2b$10${tail}'"), false),
        ("created = 2026-11-23T00:00:00Z", false),
        ("label = ''", true),
        ("[clients.b]", false),
        ("token_lifetime = '0s'", true),
        ("audiences = ['a b']", true),
        ("[clients.b.claims]", false),
        ("sub = 'x'", true),
        ("nested = { a = 1 }", true),
        ("time = 2026-11-23", true),
        ("'two words' = 1", true),
        ("fine = [1, 'a']", false),
        ("nothing = nan", true),
        ("[clients.c]", false),
        ("audiences = []", true),
        (&format!("claims = {{ a = '{}' }}", "x".repeat(3000)), true),
    ];
    let text: String = lines.iter().map(|(line, _)| format!("{line}\n")).collect();
    let wrong = lines.iter().enumerate().filter(|(_, (_, wrong))| *wrong);
    let expected: Vec<_> = wrong.map(|(at, _)| format!("roster.toml:{}", at + 1)).collect();
    let found = Folder::with_roster(&text).run_with(&[SECRET], "check").exit_code(1).out;
    let places: Vec<_> = found.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, expected, "{found}");
}
