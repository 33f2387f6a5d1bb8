//! The wire: actix-web, the one middleware, the routes, error bodies, observation.
//!
//! Must not know bcrypt or JWT: `authority` proves, `policy` permits.

mod admitted;
mod body;
mod challenge;
mod cookie;
mod credentials;
mod document;
mod enforce;
mod form;
mod gate;
mod observe;
mod prepare;
mod prove;
mod refusal;
mod routes;
mod run;
mod schemes;
mod site;
pub mod testing;
mod watch;

pub use admitted::Admitted;
pub use document::own_document;
pub use gate::Gate;
pub use prepare::{Prepared, assemble, prepare};
pub use refusal::{Code, OAuthError, Problem, Refusal};
pub use run::{RunError, run};
pub use site::Site;
