//! The roster: clients, users and trusted issuers, checked and indexed.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::{
    diagnostics::Diagnostics,
    oauth::{key_id::KeyId, role::Roles, scope::Scopes, subject::Subject},
    roster::{
        api_key::ApiKey,
        roster_entries::{Client, EntryOptions, Issuer, KeyRecord, RosterEntries, User},
        secret_hash::{HashError, PASSWORD_COST, SecretHash},
    },
};

/// An immutable, checked roster. The default is empty.
#[derive(Debug, Clone)]
pub(crate) struct Roster {
    // All three are sorted by name.
    pub(super) clients: Vec<Client>,
    pub(super) users: Vec<User>,
    pub(super) issuers: Vec<Issuer>,
    /// The index of the client, and of the key in it.
    pub(super) keys: HashMap<KeyId, (usize, usize)>,
    /// The cost of rejecting an unknown user, so that it takes as long as a known one.
    pub(super) highest_password_cost: u32,
}

/// A valid roster, with the warnings about it.
#[derive(Debug, Clone)]
pub(crate) struct LoadedRoster {
    pub roster: Roster,
    pub warnings: Diagnostics,
}

impl Roster {
    pub(crate) fn client(&self, name: &Subject) -> Option<&Client> {
        let at = self.clients.binary_search_by(|client| client.name.cmp(name)).ok()?;
        self.clients.get(at)
    }

    /// All clients, sorted by name.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter()
    }

    /// The key with this id, and its client.
    pub(crate) fn key(&self, id: &KeyId) -> Option<(&Client, &KeyRecord)> {
        let (client, key) = *self.keys.get(id)?;
        let client = self.clients.get(client)?;
        Some((client, client.keys.get(key)?))
    }

    pub(crate) fn user(&self, name: &Subject) -> Option<&User> {
        let at = self.users.binary_search_by(|user| user.name.cmp(name)).ok()?;
        self.users.get(at)
    }

    /// What is said beside roles and scopes of the client of a key, or of a client or user of this name.
    pub(crate) fn options(&self, key: Option<&KeyId>, name: &Subject) -> Option<&EntryOptions> {
        if let Some((client, _)) = key.and_then(|id| self.key(id)) {
            return Some(&client.options);
        }
        let user = || self.user(name).map(|user| &user.options);
        user().or_else(|| self.client(name).map(|client| &client.options))
    }

    /// All users, sorted by name.
    pub(crate) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.iter()
    }

    /// All external issuers, sorted by name.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.issuers.iter()
    }

    /// Adds a client with a new key. Where the name is taken the entries stand side by side, each with its key, so that
    /// credentials for tests keep what they were made with.
    ///
    /// # Errors
    /// [`HashError`] if `cost` is out of bounds or the system provides no randomness.
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
        let keys = vec![KeyRecord {
            id: key.id().clone(),
            created: now,
            expires: None,
            label: None,
            hash,
        }];
        let (name, disabled, options) = (name.clone(), false, EntryOptions::default());
        self.clients.push(Client { name, roles, scopes, disabled, options, keys });
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

    /// Indexes checked entries. Names and key ids must be unique.
    pub(super) fn new(entries: RosterEntries) -> Self {
        let RosterEntries { mut clients, mut users, mut issuers } = entries;
        clients.sort_by(|a, b| a.name.cmp(&b.name));
        users.sort_by(|a, b| a.name.cmp(&b.name));
        issuers.sort_by(|a, b| a.name.cmp(&b.name));
        let mut keys = HashMap::with_capacity(clients.iter().map(|client| client.keys.len()).sum());
        for (client_at, client) in clients.iter().enumerate() {
            for (key_at, key) in client.keys.iter().enumerate() {
                keys.insert(key.id.clone(), (client_at, key_at));
            }
        }
        let password_costs = users.iter().map(|user| user.password.cost());
        let highest_password_cost = password_costs.max().unwrap_or(PASSWORD_COST);
        Self { clients, users, issuers, keys, highest_password_cost }
    }
}

#[cfg(any(test, feature = "testing"))]
impl Roster {
    /// Lets a key expire.
    pub(crate) fn with_expiry(mut self, key: &KeyId, expires: Timestamp) -> Self {
        let keys = self.clients.iter_mut().flat_map(|client| &mut client.keys);
        for found in keys.filter(|found| found.id == *key) {
            found.expires = Some(expires);
        }
        self
    }

    /// Gives the client of a key these claims.
    pub(crate) fn with_claims(
        mut self,
        key: &KeyId,
        claims: crate::oauth::custom_claims::CustomClaims,
    ) -> Self {
        let mut clients = self.clients.iter_mut();
        if let Some(client) = clients.find(|client| client.keys.iter().any(|one| one.id == *key)) {
            client.options.claims = claims;
        }
        self
    }

    /// Takes a key away; its client stays.
    pub(crate) fn without_key(self, key: &KeyId) -> Self {
        let Self { mut clients, users, issuers, .. } = self;
        clients.iter_mut().for_each(|client| client.keys.retain(|one| one.id != *key));
        Self::new(RosterEntries { clients, users, issuers })
    }

    /// Adds a user, or replaces the one of this name.
    ///
    /// # Errors
    /// [`HashError`] if `cost` is out of bounds or the system provides no randomness.
    pub(crate) fn with_user(
        self,
        name: &Subject,
        password: &secrecy::SecretString,
        roles: Roles,
        scopes: Scopes,
        cost: u32,
    ) -> Result<Self, HashError> {
        let password = SecretHash::new(password, cost)?;
        let (name, disabled, created) = (name.clone(), false, None);
        let options = EntryOptions::default();
        let user = User { name, roles, scopes, disabled, options, created, password };
        Ok(self.with_user_entry(user))
    }

    /// The same with all that is known of the user.
    pub(crate) fn with_user_entry(self, user: User) -> Self {
        let Self { clients, mut users, issuers, .. } = self;
        users.retain(|one| one.name != user.name);
        users.push(user);
        Self::new(RosterEntries { clients, users, issuers })
    }
}

impl Default for Roster {
    fn default() -> Self {
        Self::new(RosterEntries::default())
    }
}
