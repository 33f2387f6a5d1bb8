//! The roster's clients and keys, as a table for people and as JSON for programs.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{self, Write},
};

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    config::state_location::StateLocation,
    diagnostics::printable,
    notation::{duration::format_duration, network::format_network},
    roster::{
        roster::Roster,
        roster_entries::{Client, EntryOptions, KeyRecord},
    },
    store::{
        shared::{redis_log, redis_url::RedisUrl},
        state_file,
        state_log::KeyUse,
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
    ("STATE", |row| match row.is_unused() {
        true => format!("{}, unused for 90d", row.state()),
        false => row.state().to_owned(),
    }),
];

/// What is shown where some client or key has it.
const OPTIONAL_COLUMNS: [Column; 6] = [
    ("LAST USED", |row| shown(row.last_used())),
    ("LABEL", |row| shown(row.key.and_then(|key| key.label.as_ref()))),
    ("FROM", |row| listed(row.client.options.from.iter().flatten().map(format_network))),
    ("TOKEN LIFETIME", |row| shown(row.client.options.token_lifetime.map(format_duration))),
    ("AUDIENCES", |row| listed(row.client.options.audiences.iter().map(|one| one.as_str()))),
    ("CLAIMS", |row| {
        let claims = row.client.options.claims.iter();
        listed(claims.map(|(name, value)| printable(&format!("{name}={value}"))))
    }),
];

/// A line of the table.
struct Row<'r> {
    client: &'r Client,
    key: Option<&'r KeyRecord>,
    uses: &'r KeyUses,
    now: Timestamp,
}

/// When keys were last used, as far as the state has recorded it.
#[derive(Debug, Default)]
pub(super) struct KeyUses(Option<HashMap<String, Timestamp>>);

impl KeyUses {
    /// What is recorded there; nothing is known where that is in memory, or nothing was recorded yet.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn read(state: Option<&StateLocation>) -> anyhow::Result<Self> {
        let uses = match state {
            None | Some(StateLocation::Memory) => None,
            Some(StateLocation::File(path)) => state_file::read_key_uses(path)?,
            Some(StateLocation::Redis(url)) => {
                Some(redis_log::read_key_uses(&RedisUrl::parse(url.expose_secret())?)?)
            }
        };
        let time = |one: KeyUse| Some((one.key_id, Timestamp::from_second(one.second).ok()?));
        Ok(Self(uses.map(|uses| uses.into_iter().filter_map(time).collect())))
    }
}

impl Row<'_> {
    fn last_used(&self) -> Option<Timestamp> {
        self.uses.0.as_ref()?.get(self.key?.id.as_str()).copied()
    }

    /// Whether the key is good, and nobody has used it for a long time, or since it was made.
    fn is_unused(&self) -> bool {
        let (Some(_), Some(key)) = (&self.uses.0, self.key) else { return false };
        let since = self.last_used().unwrap_or(key.created);
        self.state() == ACTIVE && self.now.duration_since(since) > UNUSED
    }

    /// Whether the key is accepted now.
    fn state(&self) -> &'static str {
        match self.key {
            _ if self.client.disabled => "disabled",
            None => "no key",
            Some(key) if key.has_expired(self.now) => "expired",
            Some(_) => ACTIVE,
        }
    }
}

const ACTIVE: &str = "active";
/// Keys that have been unused for so long are marked.
const UNUSED: SignedDuration = SignedDuration::from_hours(90 * 24);

fn listed(words: impl Iterator<Item = impl Into<String>>) -> String {
    let words: Vec<String> = words.map(Into::into).collect();
    if words.is_empty() { NOTHING.to_owned() } else { words.join(" ") }
}

fn shown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

const NOTHING: &str = "-";

/// A line for each key, and one for each client without keys, in aligned columns.
pub(super) fn table(roster: &Roster, uses: &KeyUses, now: Timestamp) -> String {
    let rows: Vec<Row<'_>> = roster.clients().flat_map(|client| rows(client, uses, now)).collect();
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

fn rows<'r>(client: &'r Client, uses: &'r KeyUses, now: Timestamp) -> Vec<Row<'r>> {
    let row = |key| Row { client, key, uses, now };
    match client.keys.is_empty() {
        true => vec![row(None)],
        false => client.keys.iter().map(|key| row(Some(key))).collect(),
    }
}

/// Writes an array of clients, each with an array of keys. What only some clients have is left out of the others.
///
/// # Errors
/// Those of `out`.
pub(super) fn json(
    roster: &Roster,
    uses: &KeyUses,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    let clients = roster.clients().map(|client| described(client, uses, now));
    let clients: Vec<Value> = clients.collect();
    serde_json::to_writer_pretty(&mut *out, &clients)?;
    writeln!(out)
}

fn described(client: &Client, uses: &KeyUses, now: Timestamp) -> Value {
    let key = |key: &KeyRecord| {
        let row = Row { client, key: Some(key), uses, now };
        let described = json!({
            "key_id": key.id,
            "created": key.created.to_string(),
            "expires": key.expires.map(|expires| expires.to_string()),
            "state": row.state(),
        });
        let optional = [
            ("label", key.label.as_deref().map(Value::from)),
            ("last_used", row.last_used().map(|time| time.to_string().into())),
            ("unused", row.is_unused().then_some(Value::Bool(true))),
        ];
        with(described, optional)
    };
    let described = json!({
        "client": client.name,
        "roles": client.roles,
        "scopes": client.scopes.iter().collect::<Vec<_>>(),
        "disabled": client.disabled,
        "keys": client.keys.iter().map(key).collect::<Vec<_>>(),
    });
    let EntryOptions { from, token_lifetime, audiences, claims } = &client.options;
    let networks = from.as_ref().map(|from| from.iter().map(format_network).collect());
    let audiences = Some(audiences).filter(|audiences| !audiences.is_empty());
    let optional = [
        ("from", networks),
        ("token_lifetime", token_lifetime.map(|lifetime| lifetime.as_secs().into())),
        ("audiences", audiences.map(|audiences| json!(audiences))),
        ("claims", Some(claims).filter(|claims| !claims.is_empty()).map(|claims| json!(claims))),
    ];
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
