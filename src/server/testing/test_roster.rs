//! A roster in memory that grows by the clients and users that a test needs.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    authority::{authority::Authority, issue_request::IssueRequest},
    diagnostics::Diagnostics,
    oauth::{Role, Roles, Scope, Scopes, Subject, custom_claims::CustomClaims},
    principal::Principal,
    roster::{
        api_key::ApiKey,
        roster::{LoadedRoster, Roster},
        roster_entries::User,
    },
    server::{clock::Clock, context::Context},
};

/// The lowest cost of bcrypt: these keys protect nothing.
const COST: u32 = 4;

/// What an authority has for its roster.
#[derive(Debug)]
pub(crate) struct TestRoster {
    authority: Arc<Authority>,
    clock: Clock,
    /// How long tokens live.
    lifetime: Duration,
    roster: Mutex<Roster>,
}

impl TestRoster {
    /// An empty one; the roster in use stays until the first change.
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            authority: Arc::clone(&context.authority),
            clock: context.clock.clone(),
            lifetime: context.settings.document.token_lifetime,
            roster: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new key of `client`, which has these roles and scopes.
    pub(crate) fn add_key(&self, client: &str, roles: &[&str], scopes: &[&str]) -> ApiKey {
        let (roles, scopes) = entitlements(roles, scopes);
        self.add_key_of(&name(client), roles, scopes)
    }

    /// The same of what was read.
    pub(crate) fn add_key_of(&self, client: &Subject, roles: Roles, scopes: Scopes) -> ApiKey {
        self.change(|roster| {
            let grown = roster.with_client(client, roles, scopes, COST, self.now());
            grown.expect("the system provides randomness")
        })
    }

    /// Gives the client of a key these claims.
    pub(super) fn give(&self, key: &ApiKey, claims: &CustomClaims) {
        self.change(|roster| (roster.with_claims(key.id(), claims.clone()), ()));
    }

    /// Lets a key expire.
    pub(crate) fn expire(&self, key: &ApiKey, at: Timestamp) {
        self.change(|roster| (roster.with_expiry(key.id(), at), ()));
    }

    pub(crate) fn revoke_key(&self, key: &ApiKey) {
        self.change(|roster| (roster.without_key(key.id()), ()));
    }

    /// Adds a user, or replaces the one of this name.
    pub(crate) fn add_user(&self, user: &Subject, password: &str, roles: Roles, scopes: Scopes) {
        let password = password.into();
        self.change(|roster| {
            let grown = roster.with_user(user, &password, roles, scopes, COST);
            (grown.expect("the system provides randomness"), ())
        });
    }

    /// A user of this name who logged in with these roles, scopes and claims. Afterwards the user has them beside those
    /// of before, and the password of before.
    pub(crate) fn user(
        &self,
        user: &Subject,
        roles: Roles,
        scopes: Scopes,
        claims: &CustomClaims,
    ) -> Principal {
        let before = self.lock().user(user).cloned();
        let password: SecretString = Alphanumeric.sample_string(&mut rand::rng(), 20).into();
        self.add_user(user, password.expose_secret(), roles, scopes);
        self.give_user(user, claims);
        let principal = self.authority.authenticate_password(user.as_str(), &password, None);
        if let Some(mut before) = before {
            self.change(|roster| {
                let User { roles, scopes, options, .. } =
                    roster.user(user).cloned().expect("it was added");
                before.roles.extend(roles);
                before.scopes = before.scopes.iter().chain(scopes.iter()).cloned().collect();
                for (name, value) in options.claims.iter() {
                    before.options.claims.insert(name, value.clone()).expect("it was one before");
                }
                (roster.with_user_entry(before), ())
            });
        }
        principal.expect("it is the password")
    }

    /// Gives a user these claims in the place of all others.
    pub(super) fn give_user(&self, user: &Subject, claims: &CustomClaims) {
        self.change(|roster| {
            let mut user = roster.user(user).cloned().expect("it was added");
            user.options.claims = claims.clone();
            (roster.with_user_entry(user), ())
        });
    }

    /// Whom a key of this roster speaks for.
    pub(crate) fn principal(&self, key: &ApiKey) -> Arc<Principal> {
        self.authority.authenticate_key(key, None, self.now()).expect("a fresh key")
    }

    /// A token for this principal, as `/login` issues it.
    pub(crate) fn token(&self, principal: &Principal) -> String {
        self.token_of(principal, self.now(), None)
    }

    /// The same, issued so long ago that it has just expired.
    pub(crate) fn expired_token(&self, principal: &Principal) -> String {
        self.token_of(principal, self.too_long_ago(), None)
    }

    /// The same at any time, of any lifetime.
    pub(crate) fn token_of(
        &self,
        principal: &Principal,
        at: Timestamp,
        lifetime: Option<Duration>,
    ) -> String {
        let request = IssueRequest { lifetime, ..IssueRequest::default() };
        let issued = self.authority.issue(principal, request, at);
        issued.expect("it asks for what was granted").token.expose_secret().to_owned()
    }

    /// When the tokens were issued that have just expired.
    pub(crate) fn too_long_ago(&self) -> Timestamp {
        let ago = self.lifetime.saturating_add(Duration::from_secs(1));
        self.now().saturating_sub(ago).unwrap_or(Timestamp::MIN)
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(Roster) -> (Roster, T)) -> T {
        let mut roster = self.lock();
        let (changed, result) = change(roster.clone());
        *roster = changed.clone();
        self.authority.reload(Ok(loaded(changed)), self.now()).expect("the roster is valid");
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a client or user.
pub(crate) fn name(text: &str) -> Subject {
    Subject::parse(text).expect("the name of a client or user")
}

pub(crate) fn entitlements(roles: &[&str], scopes: &[&str]) -> (Roles, Scopes) {
    let roles = roles.iter().map(|role| Role::parse(role).expect("a role")).collect();
    let scopes = scopes.iter().map(|scope| Scope::parse(scope).expect("a scope")).collect();
    (roles, scopes)
}

pub(crate) fn loaded(roster: Roster) -> LoadedRoster {
    LoadedRoster { roster, warnings: Diagnostics::default() }
}
