//! For the tests of applications: a gate that needs no settings, and credentials for any client.
//!
//! Must not know the gates of production: nothing here takes one, so nothing here can open one.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    ops::Deref,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::ExposeSecret;

use crate::{
    authority::issue_request::IssueRequest,
    config::raw_settings::RawSettings,
    diagnostics::Diagnostics,
    oauth::{Role, Roles, Scope, Scopes, Subject},
    roster::{
        api_key::ApiKey,
        roster::{LoadedRoster, Roster},
    },
    server::{gate::Gate, prepare::prepare_with_roster},
};

/// The lowest cost of bcrypt: these keys protect nothing.
const COST: u32 = 4;

/// A gate whose signing secret is random and whose roster and state are in memory.
///
/// It is a [`Gate`] in all else, so tests protect the application with it just as `main` does:
///
/// ```
/// use actix_web::{get, test};
/// use hallpass::testing::TestGate;
/// use utoipa::OpenApi;
///
/// #[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
/// #[get("/invoices")]
/// async fn list_invoices() -> &'static str {
///     "none yet"
/// }
///
/// #[derive(OpenApi)]
/// struct Invoices;
///
/// # #[actix_web::main]
/// # async fn main() {
/// let gate = TestGate::new();
/// let site = gate
///     .protect(Invoices::openapi(), |config| {
///         config.service(list_invoices);
///     })
///     .unwrap();
/// let app = test::init_service(site.app()).await;
/// for (roles, status) in [(["reader"], 200), (["writer"], 403)] {
///     let token = gate.token("alice", &roles, &[]);
///     let request = test::TestRequest::get().uri("/invoices");
///     let request = request.insert_header(("Authorization", format!("Bearer {token}")));
///     assert_eq!(test::call_service(&app, request.to_request()).await.status(), status);
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct TestGate {
    gate: Gate,
    roster: Mutex<Roster>,
}

impl TestGate {
    /// A gate with an empty roster.
    #[expect(clippy::new_without_default, reason = "no two of them are equal")]
    pub fn new() -> Self {
        let mut raw = RawSettings::default();
        let secret = Alphanumeric.sample_string(&mut rand::rng(), 64);
        for (name, value) in [
            ("HALLPASS_SECRET_KEY", secret.as_str()),
            ("HALLPASS_STATE", "memory"),
            ("HALLPASS_RATE_LIMIT", "off"),
        ] {
            raw.set(name, value, "TestGate");
        }
        let prepared = prepare_with_roster(&raw, Ok(loaded(Roster::default())));
        let gate = prepared.and_then(|prepared| Gate::open(prepared, "http://localhost"));
        Self { gate: gate.expect("these settings are valid"), roster: Mutex::default() }
    }

    /// An API key of `client` with these roles and scopes; earlier keys and tokens keep theirs.
    ///
    /// # Panics
    /// When a name, a role or a scope has a character that it must not have.
    pub fn key(&self, client: &str, roles: &[&str], scopes: &[&str]) -> String {
        self.add_key(client, roles, scopes).expose().expose_secret().to_owned()
    }

    /// An access token of `client` with these roles and scopes, as `/login` issues it for an API key.
    ///
    /// # Panics
    /// As [`TestGate::key`].
    pub fn token(&self, client: &str, roles: &[&str], scopes: &[&str]) -> String {
        let key = self.add_key(client, roles, scopes);
        let now = Timestamp::now();
        let principal =
            self.gate.context().authority.authenticate_key(&key, now).expect("a fresh key");
        let issued = self.gate.context().authority.issue(&principal, IssueRequest::default(), now);
        issued.expect("it asks for what was granted").token.expose_secret().to_owned()
    }

    /// Makes `user` have this password, and these roles and scopes, for operations with `basic` and for `/token`.
    ///
    /// # Panics
    /// When a name, a role or a scope has a character that it must not have.
    pub fn user(&self, user: &str, password: &str, roles: &[&str], scopes: &[&str]) {
        let name = Subject::parse(user).expect("a user's name");
        let (roles, scopes) = entitlements(roles, scopes);
        self.change(|roster| {
            let grown = roster.with_user(&name, &password.into(), roles, scopes, COST);
            (grown.expect("the system provides randomness"), ())
        });
    }

    fn add_key(&self, client: &str, roles: &[&str], scopes: &[&str]) -> ApiKey {
        let name = Subject::parse(client).expect("a client's name");
        let (roles, scopes) = entitlements(roles, scopes);
        self.change(|roster| {
            let grown = roster.with_client(&name, roles, scopes, COST, Timestamp::now());
            grown.expect("the system provides randomness")
        })
    }

    fn change<T>(&self, change: impl FnOnce(Roster) -> (Roster, T)) -> T {
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let (changed, result) = change(roster.clone());
        *roster = changed.clone();
        let authority = &self.gate.context().authority;
        authority.reload(Ok(loaded(changed)), Timestamp::now()).expect("the roster is valid");
        result
    }
}

fn entitlements(roles: &[&str], scopes: &[&str]) -> (Roles, Scopes) {
    let roles = roles.iter().map(|role| Role::parse(role).expect("a role")).collect();
    let scopes = scopes.iter().map(|scope| Scope::parse(scope).expect("a scope")).collect();
    (roles, scopes)
}

impl Deref for TestGate {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.gate
    }
}

fn loaded(roster: Roster) -> LoadedRoster {
    LoadedRoster { roster, warnings: Diagnostics::default() }
}
