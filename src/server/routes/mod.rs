//! hallpass' operations: one file and one line each.
//!
//! Must not know who is allowed to do what: the `security` of the operations decides.

pub(crate) mod access_token;
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
