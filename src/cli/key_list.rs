//! The roster's clients and keys, as a table for people and as JSON for programs.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    notation::network::format_network,
    roster::{
        roster::Roster,
        roster_entries::{Client, KeyRecord},
    },
};

/// Head and content of a column; without a key the cell of a client without keys.
type Column = (&'static str, fn(&Row<'_>) -> String);

/// What every list shows.
const COLUMNS: [Column; 7] = [
    ("CLIENT", |row| row.client.name.to_string()),
    ("ROLES", |row| listed(row.client.roles.iter().map(|role| role.as_str()))),
    ("SCOPES", |row| listed(row.client.scopes.iter().map(|scope| scope.as_str()))),
    ("KEY ID", |row| shown(row.key.map(|key| &key.id))),
    ("CREATED", |row| shown(row.key.map(|key| key.created))),
    ("EXPIRES", |row| shown(row.key.and_then(|key| key.expires))),
    ("STATE", |row| state(row.client, row.key, row.now).to_owned()),
];

/// What is shown where some client or key has it.
const OPTIONAL_COLUMNS: [Column; 1] =
    [("FROM", |row| listed(row.client.options.from.iter().flatten().map(format_network)))];

/// A line of the table.
struct Row<'r> {
    client: &'r Client,
    key: Option<&'r KeyRecord>,
    now: Timestamp,
}

fn listed(words: impl Iterator<Item = impl Into<String>>) -> String {
    let words: Vec<String> = words.map(Into::into).collect();
    if words.is_empty() { NOTHING.to_owned() } else { words.join(" ") }
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

const NOTHING: &str = "-";

/// A line for each key, and one for each client without keys, in aligned columns.
pub(super) fn table(roster: &Roster, now: Timestamp) -> String {
    let rows: Vec<Row<'_>> = roster.clients().flat_map(|client| rows(client, now)).collect();
    let column = |(head, cell): Column| {
        let cells = std::iter::once(head.to_owned()).chain(rows.iter().map(cell));
        cells.collect::<Vec<_>>()
    };
    let is_used = |column: &Vec<String>| column.iter().skip(1).any(|cell| cell != NOTHING);
    let optional = OPTIONAL_COLUMNS.map(column).into_iter().filter(is_used);
    let columns: Vec<Vec<String>> = COLUMNS.map(column).into_iter().chain(optional).collect();
    let mut lines = vec![String::new(); rows.len() + 1];
    for column in &columns {
        let width = column.iter().map(|cell| cell.chars().count()).max().unwrap_or_default();
        for (line, cell) in lines.iter_mut().zip(column) {
            let _ = write!(line, "{cell:width$}  ");
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn rows(client: &Client, now: Timestamp) -> Vec<Row<'_>> {
    let row = |key| Row { client, key, now };
    match client.keys.is_empty() {
        true => vec![row(None)],
        false => client.keys.iter().map(|key| row(Some(key))).collect(),
    }
}

/// Writes an array of clients, each with an array of keys. What only some clients have is left out of the others.
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
    let described = json!({
        "client": client.name,
        "roles": client.roles,
        "scopes": client.scopes.iter().collect::<Vec<_>>(),
        "disabled": client.disabled,
        "keys": client.keys.iter().map(key).collect::<Vec<_>>(),
    });
    let from = client.options.from.as_ref();
    let optional = [("from", from.map(|networks| networks.iter().map(format_network).collect()))];
    with(described, optional)
}

/// Adds the fields that are there.
fn with(object: Value, fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let there = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
    let mut object = object;
    if let Value::Object(object) = &mut object {
        object.extend(fields.into_iter().filter_map(there));
    }
    object
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
