//! hallpass: API keys in, short-lived tokens out, no database; and the OpenAPI document that is published
//! is the policy that is enforced.
//!
//! As a service it is `hallpass serve`; as a library it is [`Gate`], which brings the routes (`/login`,
//! `/logout`, ...) and the one middleware that enforces `security(...)` of every `#[utoipa::path]`.
//!
//! | room | what it is |
//! |---|---|
//! | [`oauth`], [`problem`] | the words |
//! | [`config`] | environment to settings |
//! | [`roster`] | who may come in: clients, API keys, users |
//! | [`tokens`] | issuing, verifying, revoking access tokens |
//! | [`principal`] | who a proven request speaks for |
//! | [`authority`] | proves credentials, issues and revokes |
//! | [`policy`] | document, operations, requirements, decision |
//! | [`server`] | the wire: actix-web and utoipa |
//! | [`cli`] | the commands |
//!
//! A room names only rooms above it. *A credential becomes a proof, a proof becomes a principal, a principal
//! meets a requirement, the requirement gives a decision.*

pub mod authority;
pub mod cli;
pub mod config;
pub mod oauth;
pub mod policy;
pub mod principal;
pub mod problem;
pub mod roster;
pub mod server;
pub mod tokens;

pub use server::{Admitted, Gate};

/// The README's Rust examples are compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
