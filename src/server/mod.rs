//! The wire: actix-web, the one middleware, the routes, error bodies, observation.
//!
//! Must not know bcrypt or JWT: `authority` proves, `policy` permits.

mod admitted;
mod attempts;
mod body;
mod challenge;
mod code;
mod connections;
mod cookie;
mod credentials;
mod document;
mod enforce;
mod extractors;
mod form;
mod gate;
mod issue;
mod issuer_schemes;
mod lane;
mod limits;
mod listener;
mod metrics;
mod observe;
mod peer;
mod places;
mod prepare;
mod prove;
mod refusal;
mod routes;
mod run;
mod schemes;
mod secrets;
mod site;
mod slices;
mod sources;
pub mod testing;
mod tls;
mod watch;
mod words;

pub use admitted::Admitted;
pub use document::own_document;
pub use gate::Gate;
pub use prepare::{Prepared, assemble, prepare};
pub use refusal::{Code, OAuthError, Problem, Refusal};
pub use run::{RunError, run};
pub use site::Site;
