//! Other names for the header and the query parameter of API keys, or no query parameter.

use serde_json::{Value, json};

use crate::support::{folder::Folder, running_service::RunningService, server::Server};

const NAMES: [(&str, &str); 2] =
    [("HALLPASS_API_KEY_HEADER", "access_token"), ("HALLPASS_API_KEY_QUERY", "key")];
const OFF: (&str, &str) = ("HALLPASS_API_KEY_QUERY", "off");

fn schemes(document: &Value) -> &Value {
    &document["components"]["securitySchemes"]
}

#[test]
fn keys_are_taken_under_the_names_of_the_settings_and_no_others() {
    let proxies = ("HALLPASS_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = Server::start_with(&[NAMES[0], NAMES[1], proxies]);
    let (anonymous, key) = (server.anonymous(), server.accounts.key("reader").to_owned());
    let login = || anonymous.post("/login");
    login().header("access_token", &key).expect(200);
    login().header("Access_Token", &key).expect(200);
    login().query(&format!("key={key}")).expect(200);
    login().header("Cookie", format!("api_key={key}")).expect(200);
    anonymous.get("/request").header("access_token", &key).expect(200);
    anonymous.post("/introspect").header("access_token", &key).expect(415);
    let verify = || {
        let request = anonymous.get("/verify").header("X-Forwarded-Method", "GET");
        request.header("X-Forwarded-Uri", "/")
    };
    verify().header("access_token", &key).expect(200);
    verify().header("access-token", &key).expect(403);
    verify().header("X-API-Key", &key).expect(401);
    for old in [
        login().header("X-API-Key", &key),
        login().header("access-token", &key),
        login().query(&format!("api_key={key}")),
        login().query(&format!("Key={key}")),
    ] {
        let answer = old.refused(401, "missing_credentials");
        let told = format!("{} {}", answer.challenges().join("\n"), answer.text());
        for part in ["in=\"header\", name=\"access_token\"", "in=\"query\", name=\"key\""] {
            assert!(told.contains(part), "{part} is missing in {told}");
        }
        assert!(told.contains("the header access_token"), "{told}");
        assert!(!told.contains("X-API-Key"), "{told}");
    }
    login().header("access_token", &key).header("access_token", "x").expect(400);
    // No log line has a query: the server compares its log with its keys.
    login().query("key=hp_planted").refused(401, "invalid_api_key");
    assert!(!server.log().contains("hp_planted"));
}

#[test]
fn the_document_the_commands_and_the_first_steps_follow_the_names() {
    let server = Server::start_with(&NAMES);
    let document = server.document();
    assert_eq!(schemes(&document)["apiKey"]["name"], "access_token");
    assert_eq!(schemes(&document)["apiKeyQuery"]["name"], "key");
    assert_eq!(schemes(&document)["apiKeyCookie"]["name"], "api_key");
    assert!(!document.to_string().contains("X-API-Key"));

    let folder = Folder::new();
    let run = |line: &str| folder.run_with(&NAMES, line).success();
    let printed: Value = serde_json::from_str(&run("openapi").out).unwrap();
    assert_eq!(schemes(&printed), schemes(&document));
    run("explain POST /login").stdout_contains(&[
        "header access_token",
        "query key",
        "curl -X POST -H \"access_token: $API_KEY\"",
    ]);
    run("key add billing").stderr_contains(&["-H \"access_token: $API_KEY\" http"]);
    let wrong = [("HALLPASS_API_KEY_HEADER", "a b")];
    let made = folder.run_with(&wrong, "key add other").success();
    made.stderr_contains(&["X-API-Key: $API_KEY"]);

    let mut command = folder.command("serve --dev --bind 127.0.0.1:0");
    let mut service = RunningService::spawn(command.envs(NAMES));
    let lines: String = std::iter::repeat_with(|| service.line()).take(6).collect();
    assert!(lines.contains("/login -H \"access_token: hp_"), "{lines}");
}

#[test]
fn the_query_can_be_switched_off() {
    let server = Server::start_with(&[OFF]);
    let key = server.accounts.key("reader").to_owned();
    let login = || server.anonymous().post("/login");
    login().header("X-API-Key", &key).expect(200);
    for name in ["api_key", "off"] {
        let answer = login().query(&format!("{name}={key}")).refused(401, "missing_credentials");
        assert!(!answer.challenges().join("").contains("query"));
    }
    let document = server.document();
    assert!(schemes(&document).get("apiKeyQuery").is_none());
    let security = &document["paths"]["/login"]["post"]["security"];
    assert_eq!(*security, json!([{ "apiKey": [] }, { "apiKeyCookie": [] }]));
    let folder = Folder::new();
    for line in ["explain", "explain POST /login", "openapi"] {
        let out = folder.run_with(&[OFF], line).success().out;
        assert!(!out.contains("apiKeyQuery"), "{line}: {out}");
        assert!(folder.run(line).success().out.contains("apiKeyQuery"), "{line}");
    }
}

#[test]
fn wrong_names_are_reported_with_all_other_settings() {
    let folder = Folder::with_roster("");
    for (header, query, parts) in [
        ("Authorization", "role", ["a meaning of its own", "/verify"]),
        ("X-Forwarded-For", "scope", ["a meaning of its own", "/verify"]),
        ("Content-Type", "OFF", ["a meaning of its own", "write off"]),
        ("a b", "a&b", ["RFC 9110", "write off"]),
        ("off", "on", ["always looked at", "write off"]),
        ("", "", ["is empty", "write off"]),
        (" ", "on", ["leave it out for X-API-Key", "write off"]),
    ] {
        let wrong = [
            ("HALLPASS_API_KEY_HEADER", header),
            ("HALLPASS_API_KEY_QUERY", query),
            ("HALLPASS_DOCS", "maybe"),
        ];
        let outcome = folder.run_with(&wrong, "serve --bind 127.0.0.1:0").failure();
        let names = ["HALLPASS_API_KEY_HEADER is ", "HALLPASS_API_KEY_QUERY is ", "HALLPASS_DOCS"];
        let outcome = outcome.stderr_contains(&names).stderr_contains(&parts);
        outcome.stderr_contains(&["HALLPASS_SECRET_KEY"]);
        folder.run_with(&wrong, "check").exit_code(1).stdout_contains(&names);
    }
}
