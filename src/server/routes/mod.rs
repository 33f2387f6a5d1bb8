//! The table of contents of the API: one file and one line an operation.
//!
//! Must not know who may do what: every operation's `security` says so.

mod clients;
mod documents;
mod health;
mod jwks;
mod login;
mod logout;
mod swagger;
mod whoami;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers hallpass' own operations.
pub(super) fn register(config: &mut ServiceConfig<'_>, docs: bool) {
    config
        .service(login::login)
        .service(whoami::whoami)
        .service(clients::list_clients)
        .service(logout::logout)
        .service(jwks::jwks)
        .service(health::live)
        .service(health::ready)
        .service(documents::json)
        .service(documents::yaml)
        .service(documents::start);
    if docs {
        config.service(swagger::without_slash).service(swagger::page).service(swagger::file);
    }
}
