//! For the tests of applications: a gate that needs no set-up, credentials for whomever, and what was left
//! undocumented.
//!
//! Must not know the gates of production: nothing here takes one, so nothing here can open one.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod registered;

use std::{
    cell::RefCell,
    future::ready,
    ops::Deref,
    rc::Rc,
    sync::{Mutex, PoisonError},
};

use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    test,
};
use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::ExposeSecret;

use crate::{
    authority::IssueRequest,
    config::RawSettings,
    diagnostics::Diagnostics,
    oauth::{Role, Scope, Subject},
    roster::{ApiKey, LoadedRoster, Roster},
};

use crate::server::{gate::Gate, prepare::assemble, site::Site};

/// As cheap as bcrypt gets: these keys protect nothing.
const COST: u32 = 4;

/// A gate whose signing secret is random and whose roster and state are in memory.
///
/// It is a [`Gate`] in all else, so tests protect the application with it just as `main` does:
///
/// ```
/// use actix_web::{get, test};
/// use hallpass::testing::{TestGate, undocumented};
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
/// assert!(undocumented(&site, site.app()).await.is_empty());
/// # }
/// ```
#[derive(Debug)]
pub struct TestGate {
    gate: Gate,
    roster: Mutex<Roster>,
}

impl TestGate {
    /// A gate that nobody may pass yet.
    #[expect(clippy::new_without_default, reason = "two of them are never alike")]
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
        let prepared = assemble(&raw, Ok(checked(Roster::default())));
        let gate = prepared.and_then(|prepared| prepared.gate("http://localhost"));
        Self { gate: gate.expect("these settings are good"), roster: Mutex::default() }
    }

    /// An API key of `client`, who has these roles and scopes from now on; earlier keys stay good.
    ///
    /// # Panics
    /// When a name, a role or a scope has a character that it must not have.
    pub fn key(&self, client: &str, roles: &[&str], scopes: &[&str]) -> String {
        self.admit(client, roles, scopes).expose().expose_secret().to_owned()
    }

    /// An access token of `client`, who has these roles and scopes, as `/login` gives it for an API key.
    ///
    /// # Panics
    /// As [`TestGate::key`].
    pub fn token(&self, client: &str, roles: &[&str], scopes: &[&str]) -> String {
        let key = self.admit(client, roles, scopes);
        let now = Timestamp::now();
        let principal = self.gate.authority().authenticate_key(&key, now).expect("a fresh key");
        let issued = self.gate.authority().issue(&principal, IssueRequest::default(), now);
        issued.expect("what it was given").token.expose_secret().to_owned()
    }

    fn admit(&self, client: &str, roles: &[&str], scopes: &[&str]) -> ApiKey {
        let name = Subject::parse(client).expect("a client's name");
        let roles = roles.iter().map(|role| Role::parse(role).expect("a role")).collect();
        let scopes = scopes.iter().map(|scope| Scope::parse(scope).expect("a scope")).collect();
        let now = Timestamp::now();
        let mut roster = self.roster.lock().unwrap_or_else(PoisonError::into_inner);
        let grown = roster.clone().with_client(&name, roles, scopes, COST, now);
        let (grown, key) = grown.expect("the system gives randomness");
        *roster = grown.clone();
        self.gate.authority().reload(Ok(checked(grown)), now).expect("it has no faults");
        key
    }
}

impl Deref for TestGate {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.gate
    }
}

fn checked(roster: Roster) -> LoadedRoster {
    LoadedRoster { roster, warnings: Diagnostics::default() }
}

/// The path templates that `app` registers and the document of `site` does not declare. They answer 404 to everybody,
/// which is safe and seldom what was meant. No handler is called.
///
/// `app` is `site.app()` with whatever `main` adds to it. Methods are not compared: actix-web does not tell them.
///
/// # Panics
/// When actix-web shows its routes otherwise than it did: better no answer than "none".
pub async fn undocumented<T, B>(site: &Site, app: App<T>) -> Vec<String>
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    let seen = Rc::new(RefCell::new(String::new()));
    let keep = Rc::clone(&seen);
    let app = app.wrap_fn(move |request, _| {
        *keep.borrow_mut() = format!("{:?}", request.resource_map());
        ready(Ok(request.into_response(HttpResponse::NoContent().finish())))
    });
    let app = test::init_service(app).await;
    test::call_service(&app, test::TestRequest::default().to_request()).await;
    let mut templates = registered::templates(&seen.borrow()).expect("routes in the known form");
    templates.retain(|template| site.document().pointer(&pointer(template)).is_none());
    templates
}

fn pointer(template: &str) -> String {
    format!("/paths/{}", template.replace('~', "~0").replace('/', "~1"))
}
