//! The table of contents of the API: one file and one line an operation.
//!
//! Must not know who may do what: every operation's `security` says so.

mod access_token;
mod clients;
mod discovery;
mod health;
mod introspect;
mod jwks;
mod login;
mod logout;
pub(crate) mod pages;
mod request;
mod revoke;
mod token;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers hallpass' own operations.
pub(crate) fn register(config: &mut ServiceConfig<'_>) {
    config
        .service(login::login)
        .service(request::show_principal)
        .service(clients::list_clients)
        .service(logout::logout)
        .service(token::token)
        .service(introspect::introspect)
        .service(revoke::revoke)
        .service(discovery::oauth)
        .service(discovery::openid)
        .service(jwks::jwks)
        .service(health::live)
        .service(health::ready);
}
