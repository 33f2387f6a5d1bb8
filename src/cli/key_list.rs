//! The roster's clients and keys, as a table for people and as JSON for programs.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::roster::{
    roster::Roster,
    roster_entries::{Client, KeyRecord},
};

const HEAD: [&str; 7] = ["CLIENT", "ROLES", "SCOPES", "KEY ID", "CREATED", "EXPIRES", "STATE"];

/// A line for each key, and one for each client without keys, in aligned columns.
pub(super) fn table(roster: &Roster, now: Timestamp) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    for client in roster.clients() {
        rows.extend(client.keys.iter().map(|key| row(client, Some(key), now)));
        if client.keys.is_empty() {
            rows.push(row(client, None, now));
        }
    }
    let mut widths = [0; HEAD.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Writes an array of clients, each with an array of keys; absent values are `null`.
///
/// # Errors
/// Those of `out`.
pub(super) fn json(roster: &Roster, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let clients: Vec<Value> = roster.clients().map(|client| described(client, now)).collect();
    serde_json::to_writer_pretty(&mut *out, &clients)?;
    writeln!(out)
}

fn described(client: &Client, now: Timestamp) -> Value {
    let key = |key: &KeyRecord| {
        json!({
            "key_id": key.id,
            "created": key.created.to_string(),
            "expires": key.expires.map(|expires| expires.to_string()),
            "state": state(client, Some(key), now),
        })
    };
    json!({
        "client": client.name,
        "roles": client.roles,
        "scopes": client.scopes.iter().collect::<Vec<_>>(),
        "disabled": client.disabled,
        "keys": client.keys.iter().map(key).collect::<Vec<_>>(),
    })
}

fn row(client: &Client, key: Option<&KeyRecord>, now: Timestamp) -> [String; HEAD.len()] {
    let listed = |words: Vec<&str>| if words.is_empty() { "-".to_owned() } else { words.join(" ") };
    let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        client.name.to_string(),
        listed(client.roles.iter().map(|role| role.as_str()).collect()),
        listed(client.scopes.iter().map(|scope| scope.as_str()).collect()),
        shown(key.map(|key| key.id.to_string())),
        shown(key.map(|key| key.created.to_string())),
        shown(key.and_then(|key| key.expires).map(|expires| expires.to_string())),
        state(client, key, now).to_owned(),
    ]
}

/// Whether the key is accepted at `now`.
fn state(client: &Client, key: Option<&KeyRecord>, now: Timestamp) -> &'static str {
    match key {
        _ if client.disabled => "disabled",
        None => "no key",
        Some(key) if key.has_expired(now) => "expired",
        Some(_) => "active",
    }
}
