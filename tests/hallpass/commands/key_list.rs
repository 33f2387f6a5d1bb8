//! `hallpass key list` shows clients and keys without secrets.

use super::TAIL;
use crate::support::{
    folder::Folder,
    running_service::{RunningService, send},
    server::eventually,
};

fn folder() -> Folder {
    let key = |id: &str, expires: &str| {
        format!(
            "[[clients.billing.keys]]\nid = '{id}'\nhash = '$2b$04${TAIL}'\n\
             created = 2026-01-01T00:00:00Z\n{expires}"
        )
    };
    Folder::with_roster(&format!(
        "[clients.off]\ndisabled = true\n[clients.new]\n\
         [clients.billing]\nroles = ['reader', 'admin']\nscopes = ['invoices:read']\n{}{}",
        key("AAAAAAAAAAAA", "expires = 2026-02-01T00:00:00Z\n"),
        key("BBBBBBBBBBBB", ""),
    ))
}

#[test]
fn the_table_has_a_line_for_each_key_and_each_client_without_keys() {
    let outcome = folder().run("key list").success();
    let cells = |line: &str| line.split("  ").filter(|cell| !cell.is_empty()).count();
    let lines: Vec<_> = outcome.out.lines().collect();
    assert!(lines.iter().all(|line| cells(line) == 7), "{}", outcome.out);
    for (line, parts) in [
        (0, &["CLIENT", "ROLES", "SCOPES", "KEY ID", "CREATED", "EXPIRES", "STATE"][..]),
        (1, &["billing", "admin reader", "invoices:read", "AAAAAAAAAAAA", "2026-02-01", "expired"]),
        (2, &["billing", "BBBBBBBBBBBB", "2026-01-01", "active"]),
        (3, &["new", "no key"]),
        (4, &["off", "disabled"]),
    ] {
        for part in parts {
            assert!(lines[line].contains(part), "{part} in line {line} of\n{}", outcome.out);
        }
    }
    assert_eq!(lines.len(), 5);
}

#[test]
fn the_json_output_matches_the_table() {
    let outcome = folder().run("key list --json").success();
    let clients: serde_json::Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(
        clients[0],
        serde_json::json!({
            "client": "billing", "roles": ["admin", "reader"], "scopes": ["invoices:read"],
            "disabled": false, "keys": [
                {"key_id": "AAAAAAAAAAAA", "created": "2026-01-01T00:00:00Z",
                 "expires": "2026-02-01T00:00:00Z", "state": "expired"},
                {"key_id": "BBBBBBBBBBBB", "created": "2026-01-01T00:00:00Z",
                 "expires": null, "state": "active"},
            ],
        })
    );
    assert_eq!(clients[1]["client"], "new");
    assert_eq!(clients[2]["disabled"], true);
    assert_eq!(clients.as_array().unwrap().len(), 3);
}

#[test]
fn hashes_are_not_listed_and_low_costs_of_keys_are_fine() {
    for line in ["key list", "key list --json"] {
        let outcome = folder().run(line).success();
        assert!(outcome.err.is_empty(), "{outcome:?}");
        for secret in ["$2b$", &TAIL[..10]] {
            assert!(!outcome.out.contains(secret) && !outcome.err.contains(secret), "{line}");
        }
    }
}

#[test]
fn an_empty_roster_lists_nothing() {
    let folder = Folder::with_roster("# empty\n");
    assert_eq!(folder.run("key list").success().out.lines().count(), 1);
    assert_eq!(folder.run("key list --json").success().out, "[]\n");
}

#[test]
fn keys_that_nobody_used_for_90_days_are_marked_while_serve_holds_the_state() {
    let folder = folder();
    let key = folder.run("key add fresh").success().out;
    let secret = ("HALLPASS_SECRET_KEY", "0123456789abcdefghijABCDEFGHIJ-_.~!");
    let mut serve = folder.command("serve --bind 127.0.0.1:0");
    let serve = RunningService::spawn(serve.env(secret.0, secret.1));
    let login = format!("{}/login", serve.address);
    assert_eq!(send("POST", &login, ("X-API-Key", key.trim())).unwrap().0, 200);
    let listed = || -> serde_json::Value {
        serde_json::from_str(&folder.run("key list --json").success().out).unwrap()
    };
    let used = eventually("the use is recorded", || {
        let clients = listed();
        let used = clients[1]["keys"][0]["last_used"].as_str().map(str::to_owned);
        assert_eq!(clients[1]["client"], "fresh");
        used
    });
    let clients = listed();
    assert_eq!(clients[1]["keys"][0].get("unused"), None, "{clients}");
    let keys = &clients[0]["keys"];
    assert_eq!((&keys[0]["state"], keys[0].get("unused")), (&"expired".into(), None));
    assert_eq!((&keys[1]["state"], &keys[1]["unused"]), (&"active".into(), &true.into()));
    let table = folder.run("key list").success();
    assert!(table.err.is_empty(), "{}", table.err);
    table.stdout_contains(&["LAST USED", &used, "active, unused for 90d"]);
}
