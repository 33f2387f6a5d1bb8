//! Warnings of roles and scopes that only one of document and roster knows.

use std::fs;

use serde_json::json;

use crate::support::{
    accounts::Accounts,
    folder::Folder,
    server::{Server, program},
};

const SECRET: (&str, &str) = ("HALLPASS_SECRET_KEY", "0123456789abcdefghijABCDEFGHIJ-_.~!");
const POLICY: (&str, &str) = ("HALLPASS_POLICY", "shop.json");
const PROXIES: (&str, &str) = ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1");

/// A document that demands the roles `reader` and `admin`, and the scope `orders:write`.
fn document() -> String {
    let operation = |security| json!({ "security": security, "responses": {} });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Shop", "version": "1" },
        "paths": {
            "/items": { "get": operation(json!([{ "token": ["reader"] }, { "key": ["reader"] }])) },
            "/items/{id}": { "delete": operation(json!([{ "key": ["admin"] }])) },
            "/orders": { "post": operation(json!([{ "grant": ["orders:write"] }])) },
            "/open": { "get": operation(json!([])) },
        },
        "components": { "securitySchemes": {
            "token": { "type": "http", "scheme": "bearer" },
            "key": { "type": "apiKey", "in": "header", "name": "Shop-Key" },
            "grant": { "type": "oauth2", "flows": { "clientCredentials": {
                "tokenUrl": "/token", "scopes": { "orders:write": "" },
            } } },
        } },
    })
    .to_string()
}

/// The warnings of `check`.
fn warnings(roster: &str, settings: &[(&str, &str)]) -> Vec<String> {
    let folder = Folder::with_roster(roster);
    folder.write("shop.json", &document());
    let out = folder.run_with(&[&[SECRET, PROXIES], settings].concat(), "check").success().out;
    let warnings = out.lines().filter_map(|line| line.strip_suffix(" (a warning)"));
    warnings.map(str::to_owned).collect()
}

#[test]
fn check_warns_of_what_the_document_demands_or_the_roster_gives_in_vain() {
    let roster = "[clients.shop]\nroles = [\n  'raeder',\n  'admin',\n]\n[clients.till]\n\
                  scopes = ['orders:wirte', 'reports']\nroles = ['raeder', 'orders:write']\n";
    assert_eq!(
        warnings(roster, &[POLICY]),
        [
            "shop.json: GET /items: requires the role `reader`, which nobody in the roster has: did you mean `raeder`?",
            "shop.json: POST /orders: requires the scope `orders:write`, which nobody in the roster has: did you mean \
             `orders:wirte`?",
            "roster.toml:3: no operation requires the role `raeder` of the client shop and 1 more: did you mean `reader`?",
            "roster.toml:7: no operation requires the scope `orders:wirte` of the client till: did you mean `orders:write`?",
            "roster.toml:7: no operation requires the scope `reports` of the client till",
            "roster.toml:8: no operation requires the role `orders:write` of the client till; there is a scope of this name",
        ]
    );
    let good = "[clients.shop]\nroles = ['reader']\n[users.boss]\nroles = ['admin']\nscopes = ['orders:write']\n\
                password = '$2b$12$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'\n";
    assert_eq!(warnings(good, &[POLICY]), [""; 0]);
}

#[test]
fn roles_of_a_service_without_a_policy_are_for_others_unless_they_look_mistyped() {
    for (roster, expected) in [
        ("[clients.a]\nroles = ['reader', 'invoices']\nscopes = ['x']\n", &[][..]),
        ("[clients.a]\nroles = ['admin']\n", &[]),
        (
            "[clients.a]\nroles = ['amdin']\n",
            &[
                "GET /clients: requires the role `admin`, which nobody in the roster has: did you mean `amdin`?",
                "roster.toml:2: no operation requires the role `amdin` of the client a: did you mean `admin`?",
            ],
        ),
    ] {
        assert_eq!(warnings(roster, &[]), expected, "{roster}");
    }
}

#[test]
fn what_another_issuer_may_bring_is_not_missing() {
    let corp = "[clients.shop]\nroles = ['other']\n\
                [issuers.corp]\nurl = 'https://corp.example'\naudience = 'shop'\nroles_claim = 'roles'\n";
    assert_eq!(
        warnings(corp, &[POLICY]),
        [
            "shop.json: DELETE /items/{id}: requires the role `admin`, which nobody in the roster has",
            "roster.toml:2: no operation requires the role `other` of the client shop",
        ],
        "no token will do for a key"
    );
}

#[test]
fn serve_warns_at_its_start_and_after_each_change_and_not_under_dev() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("shop.json"), document()).unwrap();
    let serve = program(dir.path(), &["serve", "--bind", "127.0.0.1:0"]);
    let mut accounts = Accounts::new();
    accounts.roster += "[clients.fine]\nscopes = ['orders:write']\n";
    let server = Server::spawn_for(accounts, serve, dir, &[POLICY, PROXIES]);
    let vain = "no operation requires the scope `invoices:read` of the client scoped";
    let log = server.log_until("the warning", |log| log.contains(vain));
    assert!(
        log.lines().any(|line| line.contains(" WARN ") && line.contains("roster.toml:")),
        "{log}"
    );
    let path = server.dir.path().join("roster.toml");
    let roster = fs::read_to_string(&path).unwrap();
    fs::write(&path, roster.replace("'orders:write'", "'orders:wriet'")).unwrap();
    server.signal("HUP");
    server
        .log_until("the warning of the reload", |log| log.contains("did you mean `orders:wriet`?"));
    let path = server.dir.path().join("shop.json");
    fs::write(&path, document().replace("orders:write", "orders:wriet")).unwrap();
    let before = server.log().len();
    server.signal("HUP");
    let log = server.log_until("the reload of the policy", |log| {
        log.matches("reloaded the policy").count() == 2
            && log.rfind(vain).is_some_and(|at| at > log.rfind("reloaded the policy").unwrap())
    });
    let last = &log[before..];
    let last = &last[last.rfind("reloaded the policy").unwrap()..];
    assert!(!last.contains("did you mean"), "{last}");

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("shop.json"), document()).unwrap();
    let serve = program(dir.path(), &["serve", "--dev", "--bind", "127.0.0.1:0"]);
    let dev = Server::spawn(serve, dir, &[POLICY, PROXIES]);
    dev.anonymous().get("/health/live").expect(200);
    assert!(!dev.log().contains("demands"), "{}", dev.log());
}
