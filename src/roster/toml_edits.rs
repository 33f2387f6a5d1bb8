//! Changes to the TOML of a roster that keep its comments, order and formatting.

use jiff::Timestamp;
use toml_edit::{
    Array, ArrayOfTables, Datetime, DatetimeParseError, DocumentMut, InlineTable, Item, Table,
    TableLike, Value, value,
};

use crate::{
    notation::{duration::format_duration, network::format_network},
    oauth::{key_id::KeyId, role::Roles, scope::Scopes, subject::Subject},
    roster::{
        api_key::ApiKey, named_tables, roster_entries::EntryOptions, secret_hash::SecretHash,
    },
};

/// Truncates to seconds, the precision of a roster.
pub(super) fn whole_seconds(timestamp: Timestamp) -> Timestamp {
    Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp)
}

/// The table of a new key.
pub(super) fn key_entry(
    key: &ApiKey,
    hash: &SecretHash,
    created: Timestamp,
    expires: Option<Timestamp>,
) -> Result<Table, DatetimeParseError> {
    let mut entry = Table::new();
    entry.insert("id", value(key.id().as_str()));
    entry.insert("hash", value(hash.as_str()));
    entry.insert("created", value(datetime(created)?));
    if let Some(expires) = expires {
        entry.insert("expires", value(datetime(expires)?));
    }
    Ok(entry)
}

fn datetime(timestamp: Timestamp) -> Result<Datetime, DatetimeParseError> {
    whole_seconds(timestamp).to_string().parse()
}

/// What the table of a client or user says of it.
type Fields<'e> = (&'e Roles, &'e Scopes, &'e EntryOptions);

/// Adds a client without keys.
pub(super) fn add_client(document: &mut DocumentMut, name: &Subject, fields: Fields<'_>) {
    named_tables::add(document, "clients", name, entry(fields));
}

/// Adds a user.
pub(super) fn add_user(
    document: &mut DocumentMut,
    name: &Subject,
    fields: Fields<'_>,
    password: &SecretHash,
    created: Timestamp,
) -> Result<(), DatetimeParseError> {
    let mut user = entry(fields);
    user.insert("created", value(datetime(created)?));
    user.insert("password", value(password.as_str()));
    named_tables::add(document, "users", name, user);
    Ok(())
}

/// Removes a user and the comment directly above.
pub(super) fn remove_user(document: &mut DocumentMut, name: &Subject) {
    named_tables::remove(document, "users", name);
}

fn entry((roles, scopes, options): Fields<'_>) -> Table {
    let mut table = Table::new();
    table.insert("roles", value(Array::from_iter(roles.iter().map(|role| role.as_str()))));
    table.insert("scopes", value(Array::from_iter(scopes.iter().map(|scope| scope.as_str()))));
    if let Some(networks) = &options.from {
        table.insert("from", value(Array::from_iter(networks.iter().map(format_network))));
    }
    if let Some(lifetime) = options.token_lifetime {
        table.insert("token_lifetime", value(format_duration(lifetime)));
    }
    if !options.audiences.is_empty() {
        let audiences = options.audiences.iter().map(|audience| audience.as_str());
        table.insert("audiences", value(Array::from_iter(audiences)));
    }
    if !options.claims.is_empty() {
        let claims = options.claims.iter();
        let claims = claims.filter_map(|(name, claim)| Some((name, toml(claim)?)));
        table.insert("claims", value(InlineTable::from_iter(claims)));
    }
    table
}

/// A claim as TOML.
fn toml(claim: &serde_json::Value) -> Option<Value> {
    Some(match claim {
        serde_json::Value::String(text) => text.as_str().into(),
        serde_json::Value::Bool(flag) => (*flag).into(),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64()?.into(),
        },
        serde_json::Value::Array(items) => items
            .iter()
            .map(toml)
            .collect::<Option<Vec<Value>>>()?
            .into_iter()
            .collect::<Array>()
            .into(),
        serde_json::Value::Null | serde_json::Value::Object(_) => return None,
    })
}

/// Adds a label to the table of a new key.
pub(super) fn add_label(entry: &mut Table, label: Option<&str>) {
    if let Some(label) = label {
        entry.insert("label", value(label));
    }
}

/// Adds a key to an existing client.
pub(super) fn add_key(document: &mut DocumentMut, client: &Subject, entry: Table) {
    let Some(client) = client_entry(document, client) else { return };
    let inline = client.is_inline_table();
    let Some(client) = client.as_table_like_mut() else { return };
    let keys = client.entry("keys").or_insert_with(|| {
        if inline { value(Array::new()) } else { Item::ArrayOfTables(ArrayOfTables::new()) }
    });
    match keys {
        Item::ArrayOfTables(keys) => keys.push(entry),
        Item::Value(Value::Array(keys)) => keys.push(entry.into_inline_table()),
        _ => {}
    }
}

/// Sets the expiry of a client's keys, except those for which `is_earlier` holds.
pub(super) fn expire_keys(
    document: &mut DocumentMut,
    client: &Subject,
    expires: Timestamp,
    is_earlier: impl Fn(&str) -> bool,
) -> Result<(), DatetimeParseError> {
    let expires = datetime(expires)?;
    let keys = client_entry(document, client).and_then(|client| client.get_mut("keys"));
    for key in keys.map(key_tables).unwrap_or_default() {
        if key.get("id").and_then(Item::as_str).is_some_and(&is_earlier) {
            continue;
        }
        match key.get_mut("expires").and_then(Item::as_value_mut) {
            Some(found) => {
                // Keeps the comment after the value.
                let decor = found.decor().clone();
                *found = expires.into();
                *found.decor_mut() = decor;
            }
            None => {
                key.insert("expires", value(expires));
            }
        }
    }
    Ok(())
}

/// Removes a key; its client stays, with its comments.
pub(super) fn remove_key(document: &mut DocumentMut, client: &Subject, id: &KeyId) {
    let Some(client) = client_entry(document, client) else { return };
    let has_id = |key: &dyn TableLike| key.get("id").and_then(Item::as_str) == Some(id.as_str());
    match client.get_mut("keys") {
        Some(Item::ArrayOfTables(keys)) => {
            let first = keys.get(0).map(|key| key.decor().clone());
            keys.retain(|key| !has_id(key));
            if let (true, Some(client), Some(decor)) =
                (keys.is_empty(), client.as_table_mut(), first)
            {
                client.remove("keys");
                if client.is_implicit() {
                    client.set_implicit(false);
                    *client.decor_mut() = decor;
                }
            }
        }
        Some(Item::Value(Value::Array(keys))) => {
            keys.retain(|key| !key.as_inline_table().is_some_and(|key| has_id(key)));
        }
        _ => {}
    }
}

fn client_entry<'d>(document: &'d mut DocumentMut, name: &Subject) -> Option<&'d mut Item> {
    document.get_mut("clients")?.as_table_like_mut()?.get_mut(name.as_str())
}

fn key_tables(keys: &mut Item) -> Vec<&mut dyn TableLike> {
    fn like<T: TableLike>(table: &mut T) -> &mut dyn TableLike {
        table
    }
    match keys {
        Item::ArrayOfTables(keys) => keys.iter_mut().map(like).collect(),
        Item::Value(Value::Array(keys)) => keys
            .iter_mut()
            .filter_map(Value::as_inline_table_mut)
            .map(like::<InlineTable>)
            .collect(),
        _ => Vec::new(),
    }
}
