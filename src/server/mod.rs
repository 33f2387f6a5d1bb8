//! HTTP: actix-web and utoipa. `docs/architecture.md` draws its sub-rooms, and a test holds their order.
//!
//! Must not know bcrypt or JWT: `authority` authenticates, `policy` decides.

pub(crate) mod accounts;
pub(crate) mod clock;
pub(crate) mod context;
pub(crate) mod counters;
pub(crate) mod credentials;
pub(crate) mod document;
pub(crate) mod enforce;
pub(crate) mod expiry;
pub(crate) mod followed_keys;
pub(crate) mod forward;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz_requests;
pub(crate) mod gate;
pub(crate) mod http;
pub(crate) mod limits;
pub(crate) mod metrics;
pub(crate) mod own_document;
pub(crate) mod password_check;
pub(crate) mod prepare;
pub(crate) mod publication;
pub(crate) mod reloads;
pub(crate) mod role_warnings;
pub(crate) mod routes;
pub(crate) mod routing;
pub(crate) mod secured_scope;
pub(crate) mod serve;
pub(crate) mod site;
pub(crate) mod site_builder;
pub(crate) mod site_guard;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub(crate) mod tls;
pub(crate) mod upkeep;
pub(crate) mod watch;
