//! For the tests of applications: a gate that needs no settings, credentials for any client, and the comparison of an
//! application with its document.
//!
//! Must not open the gates of production: nothing here takes one, nor a site of one.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod access_matrix;
mod comparison;
mod example_path;
mod mismatches;
mod slot;
mod test_credentials;
mod test_roster;

use std::ops::Deref;

use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::ExposeSecret;

use crate::{
    config::raw_settings::RawSettings,
    roster::roster::Roster,
    server::{
        gate::Gate,
        prepare::prepare_with_roster,
        testing::test_roster::{TestRoster, loaded},
    },
};

#[doc(inline)]
pub use access_matrix::{AccessMatrix, matrix};
#[doc(inline)]
pub use mismatches::Mismatches;

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
    roster: TestRoster,
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
        let gate = gate.expect("these settings are valid");
        Self { roster: TestRoster::new(&gate.context().authority), gate }
    }

    /// An API key of `client` with these roles and scopes; earlier keys and tokens keep theirs.
    ///
    /// # Panics
    /// When a name, a role or a scope has a character that it must not have.
    pub fn key(&self, client: &str, roles: &[&str], scopes: &[&str]) -> String {
        self.roster.add_key(client, roles, scopes).expose().expose_secret().to_owned()
    }

    /// An access token of `client` with these roles and scopes, as `/login` issues it for an API key.
    ///
    /// # Panics
    /// As [`TestGate::key`].
    pub fn token(&self, client: &str, roles: &[&str], scopes: &[&str]) -> String {
        let key = self.roster.add_key(client, roles, scopes);
        self.roster.token(&self.roster.principal(&key), Timestamp::now())
    }

    /// Makes `user` have this password, and these roles and scopes, for operations with `basic` and for `/token`.
    ///
    /// # Panics
    /// When a name, a role or a scope has a character that it must not have.
    pub fn user(&self, user: &str, password: &str, roles: &[&str], scopes: &[&str]) {
        self.roster.add_user(user, password, roles, scopes);
    }
}

impl Deref for TestGate {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.gate
    }
}
