//! Who may come in: clients and their API keys, users, trusted issuers.
//!
//! Must not know JWT or HTTP.

mod api_key;
mod api_key_cache;
mod document;
mod durable;
mod fields;
pub mod file;
mod moment;
mod parse;
mod password;
mod records;
mod secret_hash;
#[cfg(test)]
mod tests;
mod verify;

use std::{collections::HashMap, fs, io, path::Path};

use jiff::Timestamp;

pub use self::{
    api_key::{ApiKey, ApiKeySyntaxError},
    api_key_cache::ApiKeyCache,
    password::{PASSWORD_COST, PasswordError, PasswordFault, VerifiedPassword},
    records::{Client, Issuer, KeyRecord, User},
    secret_hash::{COSTS, DEFAULT_COST, HashError},
    verify::{ApiKeyError, VerifiedKey},
};
use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    oauth::{KeyId, Roles, Scopes, Subject},
};

/// An immutable, checked snapshot of who may come in; the default lets nobody in.
#[derive(Debug, Clone)]
pub struct Roster {
    /// Each in the order of the names.
    clients: Vec<Client>,
    users: Vec<User>,
    issuers: Vec<Issuer>,
    /// Where a key is: which client, which of its keys.
    keys: HashMap<KeyId, (usize, usize)>,
    /// What an unknown key costs, so that it takes as long as a known one.
    highest_cost: u32,
    /// What an unknown user's password costs.
    highest_password_cost: u32,
}

/// A roster without faults, and what should be looked at all the same.
#[derive(Debug, Clone)]
pub struct LoadedRoster {
    /// The roster.
    pub roster: Roster,
    /// What is allowed and unwise.
    pub warnings: Diagnostics,
}

impl Roster {
    /// Reads the text of a roster. `file` is its name in places, as in `roster.toml:12`.
    ///
    /// # Errors
    /// All faults of the text, in the order of their lines.
    pub fn parse(text: &str, file: &str) -> Result<LoadedRoster, Diagnostics> {
        parse::parse(text, file)
    }

    /// Reads a roster file.
    ///
    /// # Errors
    /// Why the file cannot be read, or all its faults.
    pub fn load(path: &Path) -> Result<LoadedRoster, Diagnostics> {
        Self::from_file(fs::read(path).as_deref(), path)
    }

    /// Reads a roster from what was read at `path`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_file(
        read: Result<&[u8], &io::Error>,
        path: &Path,
    ) -> Result<LoadedRoster, Diagnostics> {
        let file = path.display().to_string();
        let bytes = read.map_err(|error| Diagnostic::new(&file, unreadable(error)))?;
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let good = bytes.iter().take(error.valid_up_to());
            let line = 1 + good.filter(|byte| **byte == b'\n').count();
            Diagnostic::new(format!("{file}:{line}"), "not UTF-8: save the file as UTF-8")
        })?;
        Self::parse(text, &file)
    }

    /// The client of this name.
    pub fn client(&self, name: &Subject) -> Option<&Client> {
        let at = self.clients.binary_search_by(|client| client.name.cmp(name)).ok()?;
        self.clients.get(at)
    }

    /// All clients, by name.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter()
    }

    /// The key of this id and the client that it belongs to, found at once however many there are.
    pub fn key(&self, id: &KeyId) -> Option<(&Client, &KeyRecord)> {
        let (client, key) = *self.keys.get(id)?;
        let client = self.clients.get(client)?;
        Some((client, client.keys.get(key)?))
    }

    /// The user of this name.
    pub fn user(&self, name: &Subject) -> Option<&User> {
        let at = self.users.binary_search_by(|user| user.name.cmp(name)).ok()?;
        self.users.get(at)
    }

    /// All users, by name.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.iter()
    }

    /// All trusted issuers, by name.
    pub fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.issuers.iter()
    }

    /// This roster with one client more, and the client's fresh key. A client that is known keeps its keys.
    ///
    /// # Errors
    /// [`HashError`] when `cost` is outside of [`COSTS`] or the system gives no randomness.
    pub fn with_client(
        mut self,
        name: &Subject,
        roles: Roles,
        scopes: Scopes,
        cost: u32,
        now: Timestamp,
    ) -> Result<(Self, ApiKey), HashError> {
        let key = ApiKey::generate();
        let hash = secret_hash::SecretHash::of(key.secret(), cost)?;
        let known = self.clients.iter().position(|client| client.name == *name);
        let mut keys = known.map_or_else(Vec::new, |at| self.clients.swap_remove(at).keys);
        keys.push(KeyRecord { id: key.id().clone(), created: now, expires: None, hash });
        self.clients.push(Client { name: name.clone(), roles, scopes, disabled: false, keys });
        Ok((Self::new(self.clients, self.users, self.issuers), key))
    }

    /// Indexes what was checked before; key ids and names must not repeat.
    fn new(mut clients: Vec<Client>, mut users: Vec<User>, mut issuers: Vec<Issuer>) -> Self {
        clients.sort_by(|a, b| a.name.cmp(&b.name));
        users.sort_by(|a, b| a.name.cmp(&b.name));
        issuers.sort_by(|a, b| a.name.cmp(&b.name));
        let mut keys = HashMap::with_capacity(clients.iter().map(|client| client.keys.len()).sum());
        let mut highest_cost = None;
        for (client_at, client) in clients.iter().enumerate() {
            for (key_at, key) in client.keys.iter().enumerate() {
                keys.insert(key.id.clone(), (client_at, key_at));
                highest_cost = highest_cost.max(Some(key.hash.cost()));
            }
        }
        let highest_cost = highest_cost.unwrap_or(DEFAULT_COST);
        let password_costs = users.iter().map(|user| user.password.cost());
        let highest_password_cost = password_costs.max().unwrap_or(PASSWORD_COST);
        Self { clients, users, issuers, keys, highest_cost, highest_password_cost }
    }
}

impl Default for Roster {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new(), Vec::new())
    }
}

fn unreadable(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "there is no roster: `hallpass init` makes an empty one, `hallpass key add CLIENT` one with a key"
            .to_owned()
    } else {
        format!("cannot be read: {error}")
    }
}
