//! The entries of a roster: clients with their API keys, users, external issuers.

use std::{net::IpAddr, time::Duration};

use ipnet::IpNet;
use jiff::Timestamp;

use crate::{
    oauth::{
        audience::Audience, custom_claims::CustomClaims, key_id::KeyId, provider_url::ProviderUrl,
        role::Roles, scope::Scopes, subject::Subject,
    },
    roster::secret_hash::SecretHash,
};

/// A machine that holds API keys.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// Its name, the `sub` and `client_id` of its tokens.
    pub name: Subject,
    /// The roles that its tokens carry.
    pub roles: Roles,
    /// The scopes that it may ask for.
    pub scopes: Scopes,
    pub disabled: bool,
    pub options: EntryOptions,
    /// Its API keys, in the order of the file.
    pub keys: Vec<KeyRecord>,
}

/// What the roster may say of a client or user beside roles and scopes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EntryOptions {
    /// The networks from which the API keys or the password are taken; none means all.
    pub from: Option<Vec<IpNet>>,
    /// How long its tokens live at most, if not as long as all others.
    pub token_lifetime: Option<Duration>,
    /// The audiences that its tokens may have, the default first; without any, the service itself.
    pub audiences: Vec<Audience>,
    /// More claims for its tokens.
    pub claims: CustomClaims,
}

impl EntryOptions {
    /// Whether a credential is taken from this peer; one that is not known is in no network.
    pub(super) fn take_from(&self, peer: Option<IpAddr>) -> bool {
        let holds = |networks: &Vec<IpNet>| {
            peer.is_some_and(|peer| networks.iter().any(|network| network.contains(&peer)))
        };
        self.from.as_ref().is_none_or(holds)
    }

    /// Whether its tokens may be for this audience; `own` is that of the service.
    pub(crate) fn may_have(&self, audience: &str, own: &str) -> bool {
        match self.audiences.as_slice() {
            [] => audience == own,
            some => some.iter().any(|one| one.as_str() == audience),
        }
    }
}

/// What the roster stores about an API key: everything but the key.
#[derive(Debug, Clone)]
pub(crate) struct KeyRecord {
    pub id: KeyId,
    pub created: Timestamp,
    /// The first instant at which the key is no longer valid.
    pub expires: Option<Timestamp>,
    /// What its holder is told by.
    pub label: Option<String>,
    pub(super) hash: SecretHash,
}

impl KeyRecord {
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// A person who logs in with a password.
#[derive(Debug, Clone)]
pub(crate) struct User {
    /// The name, the `sub` of the tokens.
    pub name: Subject,
    pub roles: Roles,
    /// The scopes that the user may ask for.
    pub scopes: Scopes,
    pub disabled: bool,
    pub options: EntryOptions,
    /// When the password was set; older tokens are refused.
    pub created: Option<Timestamp>,
    pub(super) password: SecretHash,
}

/// An OpenID provider whose tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer {
    pub name: Subject,
    /// Its `iss`, compared exactly.
    pub url: ProviderUrl,
    /// The `aud` that its tokens must carry.
    pub audience: String,
    /// Where the claim that lists roles is looked for, in this order, each time as a path of names; without any its tokens
    /// have no roles.
    pub roles_claim: Vec<Vec<String>>,
}

/// All entries of a roster, in any order.
#[derive(Debug, Default)]
pub(super) struct RosterEntries {
    pub(super) clients: Vec<Client>,
    pub(super) users: Vec<User>,
    pub(super) issuers: Vec<Issuer>,
}

impl RosterEntries {
    pub(super) fn append(&mut self, mut others: Self) {
        self.clients.append(&mut others.clients);
        self.users.append(&mut others.users);
        self.issuers.append(&mut others.issuers);
    }
}
