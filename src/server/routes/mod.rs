//! The table of contents of the API: one file and one line an operation.
//!
//! Must not know who may do what: every operation's `security` says so.

mod clients;
mod discovery;
mod documents;
mod health;
mod introspect;
mod issue;
mod jwks;
mod login;
mod logout;
mod revoke;
mod swagger;
mod token;
mod whoami;

use utoipa_actix_web::service_config::ServiceConfig;

use crate::server::http::refusal::Shape;

/// Which of the operations that can be left out are there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Optional {
    /// Swagger UI.
    pub(crate) docs: bool,
    /// `GET /`, the one that an application may have instead of us.
    pub(crate) start: bool,
}

/// Registers hallpass' own operations.
pub(crate) fn register(config: &mut ServiceConfig<'_>, optional: Optional) {
    config
        .service(login::login)
        .service(whoami::whoami)
        .service(clients::list_clients)
        .service(logout::logout)
        .service(token::token)
        .service(introspect::introspect)
        .service(revoke::revoke)
        .service(discovery::oauth)
        .service(discovery::openid)
        .service(jwks::jwks)
        .service(health::live)
        .service(health::ready)
        .service(documents::json)
        .service(documents::yaml);
    if optional.start {
        config.service(documents::start);
    }
    if optional.docs {
        config.service(swagger::without_slash).service(swagger::page).service(swagger::file);
    }
}

/// The shape in which refusals at this path are answered: OAuth2 endpoints have their own (RFC 6749 §5.2).
pub(crate) fn refusal_shape(path: &str) -> Shape {
    if matches!(path, "/token" | "/introspect" | "/revoke") { Shape::OAuth } else { Shape::Problem }
}
