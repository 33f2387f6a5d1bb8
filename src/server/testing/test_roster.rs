//! A roster in memory that grows by the clients and users that a test needs.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::{
    authority::{authority::Authority, issue_request::IssueRequest},
    diagnostics::Diagnostics,
    oauth::{Role, Roles, Scope, Scopes, Subject},
    principal::Principal,
    roster::{
        api_key::ApiKey,
        roster::{LoadedRoster, Roster},
    },
};

/// The lowest cost of bcrypt: these keys protect nothing.
const COST: u32 = 4;

/// What an authority has for its roster.
#[derive(Debug)]
pub(super) struct TestRoster {
    authority: Arc<Authority>,
    roster: Mutex<Roster>,
}

impl TestRoster {
    /// An empty one; the roster in use stays until the first change.
    pub(super) fn new(authority: &Arc<Authority>) -> Self {
        Self { authority: Arc::clone(authority), roster: Mutex::default() }
    }

    /// A new key of `client`, which has these roles and scopes.
    pub(super) fn add_key(&self, client: &str, roles: &[&str], scopes: &[&str]) -> ApiKey {
        let name = Subject::parse(client).expect("a client's name");
        let (roles, scopes) = entitlements(roles, scopes);
        self.change(|roster| {
            let grown = roster.with_client(&name, roles, scopes, COST, Timestamp::now());
            grown.expect("the system provides randomness")
        })
    }

    /// Adds a user, or replaces the one of this name.
    pub(super) fn add_user(&self, user: &str, password: &str, roles: &[&str], scopes: &[&str]) {
        let name = Subject::parse(user).expect("a user's name");
        let (roles, scopes) = entitlements(roles, scopes);
        self.change(|roster| {
            let grown = roster.with_user(&name, &password.into(), roles, scopes, COST);
            (grown.expect("the system provides randomness"), ())
        });
    }

    /// Whom a key of this roster speaks for.
    pub(super) fn principal(&self, key: &ApiKey) -> Arc<Principal> {
        self.authority.authenticate_key(key, None, Timestamp::now()).expect("a fresh key")
    }

    /// A token for this principal, as `/login` issues it at `now`.
    pub(super) fn token(&self, principal: &Principal, now: Timestamp) -> String {
        let issued = self.authority.issue(principal, IssueRequest::default(), now);
        issued.expect("it asks for what was granted").token.expose_secret().to_owned()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(Roster) -> (Roster, T)) -> T {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let (changed, result) = change(roster.clone());
        *roster = changed.clone();
        self.authority.reload(Ok(loaded(changed)), Timestamp::now()).expect("the roster is valid");
        result
    }
}

fn entitlements(roles: &[&str], scopes: &[&str]) -> (Roles, Scopes) {
    let roles = roles.iter().map(|role| Role::parse(role).expect("a role")).collect();
    let scopes = scopes.iter().map(|scope| Scope::parse(scope).expect("a scope")).collect();
    (roles, scopes)
}

pub(super) fn loaded(roster: Roster) -> LoadedRoster {
    LoadedRoster { roster, warnings: Diagnostics::default() }
}
