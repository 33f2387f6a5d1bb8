//! Clients, users and accounts of tests, and the credentials that they hold.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::{
    authority::{account::Account, token_holder::TokenHolder},
    oauth::{Role, Roles, Scope, Scopes, custom_claims::CustomClaims},
    principal::{Principal, PrincipalKind},
    roster::api_key::ApiKey,
    server::testing::{
        TestGate,
        test_accounts::status,
        test_roster::{entitlements, name},
    },
};

/// Somebody for whom a [`TestGate`] makes credentials; begun by [`TestGate::as_client`], [`TestGate::as_user`] or
/// [`TestGate::as_account`].
///
/// Each credential is a new one. Those that were made before keep what they were made with.
#[derive(Debug, Clone)]
#[must_use = "it makes credentials: `.token()`, `.key()`, `.cookie()`"]
pub struct TestPrincipal<'g> {
    gate: &'g TestGate,
    kind: PrincipalKind,
    name: String,
    roles: Roles,
    scopes: Scopes,
    claims: CustomClaims,
    validity: Validity,
}

/// How long a credential is good.
#[derive(Debug, Clone, Copy)]
enum Validity {
    /// As long as it usually is.
    Usual,
    For(Duration),
    Expired,
    Revoked,
}

impl<'g> TestPrincipal<'g> {
    pub(super) fn new(gate: &'g TestGate, kind: PrincipalKind, name: &str) -> Self {
        Self {
            gate,
            kind,
            name: name.to_owned(),
            roles: Roles::new(),
            scopes: Scopes::default(),
            claims: CustomClaims::default(),
            validity: Validity::Usual,
        }
    }

    /// The same with one more role.
    ///
    /// # Panics
    /// When it has a character that it must not have.
    pub fn role(mut self, role: &str) -> Self {
        self.roles.insert(Role::parse(role).expect("a role"));
        self
    }

    /// The same with one more scope.
    ///
    /// # Panics
    /// When it has a character that it must not have.
    pub fn scope(mut self, scope: &str) -> Self {
        let scope = Scope::parse(scope).expect("a scope");
        self.scopes = self.scopes.iter().cloned().chain([scope]).collect();
        self
    }

    /// The same with one more claim, as the roster or [`Account::claim`] give it. Of a user the last value counts, also for
    /// earlier tokens.
    ///
    /// # Panics
    /// When a token cannot have this claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name, value.into()).expect("a claim");
        self
    }

    pub(super) fn with(self, roles: &[&str], scopes: &[&str]) -> Self {
        let (roles, scopes) = entitlements(roles, scopes);
        Self { roles, scopes, ..self }
    }

    /// Its credentials expire after this time: tokens and API keys. [`TestGate::clock`] lets it pass.
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { validity: Validity::For(lifetime), ..self }
    }

    /// Its credentials have just expired.
    pub fn expired(self) -> Self {
        Self { validity: Validity::Expired, ..self }
    }

    /// Its credentials were revoked.
    pub fn revoked(self) -> Self {
        Self { validity: Validity::Revoked, ..self }
    }

    /// An access token, as `/login`, `/token` or [`Gate::issue`](crate::Gate::issue) issue it.
    ///
    /// # Panics
    /// When the name has a character that it must not have, or the lifetime is longer than that of all tokens.
    pub fn token(&self) -> String {
        let roster = &self.gate.roster;
        let (at, lifetime) = match self.validity {
            Validity::Usual | Validity::Revoked => (roster.now(), None),
            Validity::For(lifetime) => (roster.now(), Some(lifetime)),
            Validity::Expired => (roster.too_long_ago(), None),
        };
        let (roles, scopes) = (self.roles.clone(), self.scopes.clone());
        let token = match self.kind {
            PrincipalKind::Client => {
                roster.token_of(&roster.principal(&self.new_key()), at, lifetime)
            }
            PrincipalKind::User => {
                let user = roster.user(&name(&self.name), roles, scopes, &self.claims);
                roster.token_of(&user, at, lifetime)
            }
            PrincipalKind::Account => self.account_token(at, lifetime),
        };
        if matches!(self.validity, Validity::Revoked) {
            let (authority, now) = (&self.gate.context().authority, roster.now());
            let revoked = authority.revoke(&self.holder(&token, now), now);
            revoked.expect("revocations are kept in memory");
        }
        token
    }

    /// The same as the value of a header: `Bearer` and the token.
    ///
    /// # Panics
    /// As [`TestPrincipal::token`].
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token())
    }

    /// The same as the value of the header `Cookie`: the session cookie with the token.
    ///
    /// # Panics
    /// As [`TestPrincipal::token`].
    pub fn cookie(&self) -> String {
        let name = &self.gate.context().settings.document.cookie_name;
        format!("{name}={}", self.token())
    }

    /// An API key.
    ///
    /// # Panics
    /// For users and accounts, who have none; when the name has a character that it must not have.
    pub fn key(&self) -> String {
        assert!(self.kind == PrincipalKind::Client, "only clients have API keys");
        let (roster, key) = (&self.gate.roster, self.new_key());
        match self.validity {
            Validity::Usual => {}
            Validity::For(lifetime) => {
                let end = roster.now().saturating_add(lifetime);
                roster.expire(&key, end.unwrap_or(Timestamp::MAX));
            }
            Validity::Expired => roster.expire(&key, roster.now()),
            Validity::Revoked => roster.revoke_key(&key),
        }
        text(&key)
    }

    /// Makes the user have this password, and these roles, scopes and claims in the place of all others: for operations with
    /// `basic`, and for `/token`.
    ///
    /// # Panics
    /// For clients and accounts, who have none here; when the name has a character that it must not have.
    pub fn password(&self, password: &str) {
        assert!(self.kind == PrincipalKind::User, "only users have passwords");
        let (roles, scopes) = (self.roles.clone(), self.scopes.clone());
        let (roster, name) = (&self.gate.roster, name(&self.name));
        roster.add_user(&name, password, roles, scopes);
        roster.give_user(&name, &self.claims);
    }

    fn new_key(&self) -> ApiKey {
        let roster = &self.gate.roster;
        let key = roster.add_key_of(&name(&self.name), self.roles.clone(), self.scopes.clone());
        roster.give(&key, &self.claims);
        key
    }

    fn account_token(&self, at: Timestamp, lifetime: Option<Duration>) -> String {
        let (context, accounts) = (self.gate.context(), &self.gate.accounts);
        accounts.grant(&self.name, &self.roles, &self.scopes);
        if !context.lookups.has_accounts() {
            context.lookups.set_accounts(accounts.clone());
        }
        let mut account = Account::new(&self.name).expect("the id of an account");
        for (name, value) in self.claims.iter() {
            account = account.claim(name, value.clone()).expect("it was read before");
        }
        if let Some(lifetime) = lifetime {
            account = account.lifetime(lifetime);
        }
        let granted = status(&self.roles, &self.scopes);
        let issued = context.authority.issue_to_account(&account, &granted, at);
        issued.expect("it asks for what was granted").token.expose_secret().to_owned()
    }

    /// Whom a token of ours speaks for.
    fn holder(&self, token: &str, now: Timestamp) -> Arc<Principal> {
        let authority = &self.gate.context().authority;
        if let Ok(TokenHolder::Account(token)) = authority.token_holder(token, now) {
            let granted = status(&self.roles, &self.scopes);
            return authority.admit_account(&token, Some(&granted)).expect("it is new").into();
        }
        authority.authenticate_token(token, now).expect("it is new")
    }
}

fn text(key: &ApiKey) -> String {
    key.expose().expose_secret().to_owned()
}
