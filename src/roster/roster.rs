//! The roster: clients, users and trusted issuers, checked and indexed.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::{
    diagnostics::Diagnostics,
    oauth::{key_id::KeyId, role::Roles, scope::Scopes, subject::Subject},
    roster::{
        api_key::ApiKey,
        roster_entries::{Client, Issuer, KeyRecord, RosterEntries, User},
        secret_hash::{DEFAULT_COST, HashError, PASSWORD_COST, SecretHash},
    },
};

/// An immutable, checked snapshot of who may come in; the default lets nobody in.
#[derive(Debug, Clone)]
pub(crate) struct Roster {
    /// Each in the order of the names.
    pub(super) clients: Vec<Client>,
    pub(super) users: Vec<User>,
    pub(super) issuers: Vec<Issuer>,
    /// Where a key is: which client, which of its keys.
    pub(super) keys: HashMap<KeyId, (usize, usize)>,
    /// What an unknown key costs, so that it takes as long as a known one.
    pub(super) highest_cost: u32,
    /// What an unknown user's password costs.
    pub(super) highest_password_cost: u32,
}

/// A roster without faults, and what should be looked at all the same.
#[derive(Debug, Clone)]
pub(crate) struct LoadedRoster {
    /// The roster.
    pub roster: Roster,
    /// What is allowed and unwise.
    pub warnings: Diagnostics,
}

impl Roster {
    /// The client of this name.
    pub(crate) fn client(&self, name: &Subject) -> Option<&Client> {
        let at = self.clients.binary_search_by(|client| client.name.cmp(name)).ok()?;
        self.clients.get(at)
    }

    /// All clients, by name.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter()
    }

    /// The key of this id and the client that it belongs to, found at once however many there are.
    pub(crate) fn key(&self, id: &KeyId) -> Option<(&Client, &KeyRecord)> {
        let (client, key) = *self.keys.get(id)?;
        let client = self.clients.get(client)?;
        Some((client, client.keys.get(key)?))
    }

    /// The user of this name.
    pub(crate) fn user(&self, name: &Subject) -> Option<&User> {
        let at = self.users.binary_search_by(|user| user.name.cmp(name)).ok()?;
        self.users.get(at)
    }

    /// All users, by name.
    pub(crate) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.iter()
    }

    /// All trusted issuers, by name.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.issuers.iter()
    }

    /// This roster with one client more, and the client's fresh key. A client that is known keeps its keys.
    ///
    /// # Errors
    /// [`HashError`] when `cost` is outside of [`COSTS`] or the system gives no randomness.
    pub(crate) fn with_client(
        mut self,
        name: &Subject,
        roles: Roles,
        scopes: Scopes,
        cost: u32,
        now: Timestamp,
    ) -> Result<(Self, ApiKey), HashError> {
        let key = ApiKey::generate();
        let hash = SecretHash::new(key.secret(), cost)?;
        let known = self.clients.iter().position(|client| client.name == *name);
        let mut keys = known.map_or_else(Vec::new, |at| self.clients.swap_remove(at).keys);
        keys.push(KeyRecord { id: key.id().clone(), created: now, expires: None, hash });
        self.clients.push(Client { name: name.clone(), roles, scopes, disabled: false, keys });
        let Self { clients, users, issuers, .. } = self;
        Ok((Self::new(RosterEntries { clients, users, issuers }), key))
    }

    /// Whether every name, key id and issuer's address occurs once.
    pub(super) fn names_are_unique(&self) -> bool {
        let Self { clients, users, issuers, keys, .. } = self;
        // They are sorted by name.
        clients.is_sorted_by(|a, b| a.name < b.name)
            && users.is_sorted_by(|a, b| a.name < b.name)
            && issuers.is_sorted_by(|a, b| a.name < b.name)
            && users.iter().all(|user| self.client(&user.name).is_none())
            && keys.len() == clients.iter().map(|client| client.keys.len()).sum::<usize>()
            && issuers.len()
                == issuers.iter().map(|issuer| &issuer.url).collect::<HashSet<_>>().len()
    }

    /// Indexes what was checked before; key ids and names must not repeat.
    pub(super) fn new(entries: RosterEntries) -> Self {
        let RosterEntries { mut clients, mut users, mut issuers } = entries;
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
        Self::new(RosterEntries::default())
    }
}
