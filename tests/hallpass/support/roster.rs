//! Roster files, read as plain TOML.

use std::{fs, path::Path};

use jiff::Timestamp;
use toml_edit::{DocumentMut, Item, Table};

use super::api_key::ApiKey;

/// The content of a roster file.
pub(crate) struct Roster(DocumentMut);

/// One key of a client.
pub(crate) struct Key {
    pub(crate) client: String,
    pub(crate) id: String,
    pub(crate) hash: String,
    pub(crate) expires: Option<Timestamp>,
}

impl Roster {
    pub(crate) fn load(path: &Path) -> Self {
        Self(fs::read_to_string(path).unwrap().parse().unwrap())
    }

    pub(crate) fn clients(&self) -> Vec<String> {
        self.tables().map(|(name, _)| name.to_owned()).collect()
    }

    /// The strings of a list of a client, such as `roles`.
    pub(crate) fn list(&self, client: &str, field: &str) -> Vec<String> {
        let (_, table) = self.tables().find(|(name, _)| *name == client).unwrap();
        let values = table[field].as_array().unwrap();
        values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    }

    /// All keys of all clients.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let key = |client: &str, key: &Table| Key {
            client: client.to_owned(),
            id: key["id"].as_str().unwrap().to_owned(),
            hash: key["hash"].as_str().unwrap().to_owned(),
            expires: key
                .get("expires")
                .map(|at| at.as_datetime().unwrap().to_string().parse().unwrap()),
        };
        let keys = self.tables().flat_map(|(client, table)| {
            let keys = table.get("keys").and_then(Item::as_array_of_tables).into_iter().flatten();
            keys.map(move |table| key(client, table))
        });
        keys.collect()
    }

    /// The entry of a key; fails the test unless its hash is that of the key's secret.
    pub(crate) fn key(&self, key: &ApiKey) -> Key {
        let found = self.keys().into_iter().find(|entry| entry.id == key.id());
        let found = found.unwrap_or_else(|| panic!("{} is missing", key.id()));
        assert!(bcrypt::verify(key.secret(), &found.hash).unwrap(), "{}: another hash", key.id());
        found
    }

    /// Whether the roster has a key of this id, whatever its hash.
    pub(crate) fn has(&self, key: &ApiKey) -> bool {
        self.keys().iter().any(|entry| entry.id == key.id())
    }

    fn tables(&self) -> impl Iterator<Item = (&str, &Table)> {
        let clients = self.0.get("clients").and_then(Item::as_table).into_iter().flatten();
        clients.map(|(name, client)| (name, client.as_table().unwrap()))
    }
}

impl Key {
    /// Whether the key is accepted at this time.
    pub(crate) fn is_good_at(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}
