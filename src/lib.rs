//! API keys in, short-lived tokens out, no database; and the OpenAPI document that is published is the policy
//! that is enforced.
//!
//! Write `security(...)` in `#[utoipa::path]`, and the operation is protected:
//!
//! ```no_run
//! use actix_web::{HttpServer, get};
//! use hallpass::{Gate, Principal};
//! use utoipa::OpenApi;
//!
//! /// List the invoices
//! #[utoipa::path(
//!     responses((status = 200, description = "The invoices.", body = String)),
//!     security(("bearer" = ["reader"])),
//! )]
//! #[get("/invoices")]
//! async fn list_invoices(principal: Principal) -> String {
//!     format!("the invoices of {}", principal.subject())
//! }
//!
//! #[derive(OpenApi)] // title, version and description of Cargo.toml
//! struct Invoices;
//!
//! #[actix_web::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let gate = Gate::from_env()?;
//!     // A document that cannot be enforced ends the program here.
//!     let site = gate.protect(Invoices::openapi(), |config| {
//!         config.service(list_invoices);
//!     })?;
//!     Ok(HttpServer::new(move || site.app()).bind(gate.bind_address())?.run().await?)
//! }
//! ```
//!
//! That serves `/invoices` beside hallpass' own operations (`/login`, `/logout`, `/token`, ...), the document of all
//! of them at `/openapi.json` and Swagger UI at `/docs/`. `hallpass init` and `hallpass key add` write what
//! [`Gate::from_env`] reads.
//!
//! | item | what it is |
//! |---|---|
//! | [`Gate`] | settings, roster, signing keys and revocations of a process |
//! | [`Site`] | operations and the document that is enforced for them; makes the actix-web `App` |
//! | [`scope`] | a scope that states the `security` of its operations once |
//! | [`Principal`], [`Authenticated`] | arguments of handlers: who the request speaks for, and by which scheme |
//! | [`Caller`], [`FromPrincipal`] | the same in a type of the application's own |
//! | [`Accounts`], [`Account`] | people whom the application knows, and tokens for them |
//! | [`Clients`], [`NewApiKey`] | clients that the application keeps itself, and keys for them |
//! | [`Role`], [`Scope`], [`Subject`] | what describes a principal; more in [`oauth`] |
//! | [`Diagnostics`] | everything that has to be fixed in settings, files or the document |
//! | [`testing`] | with the feature `testing`, for tests: a gate without settings, credentials for any client, every operation against every caller |
//!
//! Handlers are collected by utoipa 6 and utoipa-actix-web 0.2, under actix-web 4: an application depends on the
//! same. `config.service` takes annotated handlers only; routes that are added in other ways and are not in the
//! document answer 404.
//!
//! `hallpass serve` is the same as a service. The repository's `docs/` describe both.

// The rooms. A room names only rooms above it: `hallpass::server` is the HTTP service, `hallpass::cli` the program.
// A credential becomes a proof, a proof becomes a principal, a principal meets a requirement, the requirement
// gives a decision. What is hidden from the documentation is for the program and its tests, and may change.
pub mod diagnostics;
pub mod oauth;

pub(crate) mod notation;

pub(crate) mod files;

pub(crate) mod config;
pub(crate) mod roster;
pub(crate) mod store;
pub(crate) mod tokens;

pub mod principal;

pub(crate) mod authority;
pub(crate) mod policy;

pub(crate) mod server;

pub(crate) mod cli;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;

#[doc(inline)]
pub use authority::account::{Account, AccountError, AccountStatus};
#[doc(inline)]
pub use diagnostics::Diagnostics;
#[doc(inline)]
pub use oauth::{AccountId, KeyId, Role, Scope, Subject};
#[doc(inline)]
pub use principal::Principal;
#[doc(inline)]
pub use roster::{
    client_record::{ClientRecord, ClientRecordError},
    new_api_key::{NewApiKey, NewApiKeyError},
};
#[cfg(any(test, feature = "testing"))]
#[doc(inline)]
pub use server::testing;
#[doc(inline)]
pub use server::{
    credentials::lookups::{Accounts, BoxError, Clients},
    enforce::{
        authenticated::Authenticated,
        caller::{Caller, FromPrincipal},
    },
    gate::Gate,
    http::{code::Code, own_routes::OwnRoutes, problem::Problem, refusal::Refusal},
    routes::access_token::TokenResponse,
    secured_scope::{SecuredScope, scope},
    site::Site,
    site_builder::SiteBuilder,
    site_guard::SiteGuard,
};

/// Runs the program `hallpass` with the arguments of this process.
#[doc(hidden)]
pub use cli::main as run_command_line;
#[doc(hidden)]
pub use cli::manual;

/// The Rust examples of the documents are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../README.ko.md")]
#[doc = include_str!("../docs/library.md")]
#[doc = include_str!("../docs/convert.md")]
#[doc = include_str!("../docs/from-fastapi.md")]
struct Documents;
