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
mod test_accounts;
mod test_clock;
mod test_credentials;
mod test_principal;
pub(crate) mod test_roster;

use std::ops::Deref;

use rand::distr::{Alphanumeric, SampleString};

use crate::{
    config::raw_settings::RawSettings,
    principal::PrincipalKind,
    roster::roster::Roster,
    server::{
        credentials::lookups::{Accounts, Clients},
        gate::Gate,
        prepare::prepare_with_roster,
        testing::{
            test_accounts::TestAccounts,
            test_roster::{TestRoster, loaded},
        },
    },
};

#[doc(inline)]
pub use access_matrix::{AccessMatrix, matrix};
#[doc(inline)]
pub use mismatches::Mismatches;
#[doc(inline)]
pub use test_clock::TestClock;
#[doc(inline)]
pub use test_principal::TestPrincipal;

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
/// for (role, status) in [("reader", 200), ("writer", 403)] {
///     let request = test::TestRequest::get().uri("/invoices");
///     let bearer = gate.as_client("billing").role(role).bearer();
///     let request = request.insert_header(("Authorization", bearer)).to_request();
///     assert_eq!(test::call_service(&app, request).await.status(), status);
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct TestGate {
    gate: Gate,
    roster: TestRoster,
    accounts: TestAccounts,
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
        let (roster, accounts) = (TestRoster::new(gate.context()), TestAccounts::default());
        Self { gate, roster, accounts }
    }

    /// As [`Gate::with_accounts`].
    #[must_use]
    pub fn with_accounts(self, accounts: impl Accounts) -> Self {
        self.context().lookups.set_accounts(accounts);
        self
    }

    /// As [`Gate::with_clients`].
    #[must_use]
    pub fn with_clients(self, clients: impl Clients) -> Self {
        self.context().lookups.set_clients(clients);
        self
    }

    /// A client of the roster, at first without roles and scopes.
    ///
    /// ```
    /// # let gate = hallpass::testing::TestGate::new();
    /// let billing = gate.as_client("billing").role("reader").scope("invoices:read");
    /// let (token, key) = (billing.token(), billing.key());
    /// let expired = billing.expired().token();
    /// ```
    pub fn as_client(&self, client: &str) -> TestPrincipal<'_> {
        TestPrincipal::new(self, PrincipalKind::Client, client)
    }

    /// A user of the roster, at first without roles and scopes.
    pub fn as_user(&self, user: &str) -> TestPrincipal<'_> {
        TestPrincipal::new(self, PrincipalKind::User, user)
    }

    /// An account of the application, at first without roles and scopes. With [`TestGate::with_accounts`] a role or
    /// scope counts where the application gives it too; [`Gate::issue`](crate::Gate::issue) makes a token with all of
    /// the application's.
    pub fn as_account(&self, id: &str) -> TestPrincipal<'_> {
        TestPrincipal::new(self, PrincipalKind::Account, id)
    }

    /// The clock by which credentials of this gate expire.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let gate = hallpass::testing::TestGate::new();
    /// let token = gate.as_client("billing").token();
    /// gate.clock().advance(Duration::from_secs(31 * 60));
    /// // Now the token has expired.
    /// ```
    pub fn clock(&self) -> TestClock {
        TestClock(self.context().clock.clone())
    }

    /// An API key of `client` with these roles and scopes: short for [`TestGate::as_client`].
    ///
    /// # Panics
    /// When a name, a role or a scope has a character that it must not have.
    pub fn key(&self, client: &str, roles: &[&str], scopes: &[&str]) -> String {
        self.as_client(client).with(roles, scopes).key()
    }

    /// An access token of `client` with these roles and scopes: short for [`TestGate::as_client`].
    ///
    /// # Panics
    /// As [`TestGate::key`].
    pub fn token(&self, client: &str, roles: &[&str], scopes: &[&str]) -> String {
        self.as_client(client).with(roles, scopes).token()
    }

    /// Makes `user` have this password, and these roles and scopes: short for [`TestGate::as_user`].
    ///
    /// # Panics
    /// When a name, a role or a scope has a character that it must not have.
    pub fn user(&self, user: &str, password: &str, roles: &[&str], scopes: &[&str]) {
        self.as_user(user).with(roles, scopes).password(password);
    }
}

impl Deref for TestGate {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.gate
    }
}
