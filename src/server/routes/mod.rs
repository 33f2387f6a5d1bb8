//! hallpass' operations: one file and one line each.
//!
//! Must not know who is allowed to do what: the `security` of the operations decides.

pub(crate) mod access_token;
mod clients;
pub(crate) mod discovery;
mod health;
mod introspect;
mod jwks;
mod login;
pub(crate) mod logout;
pub(crate) mod pages;
mod request;
mod revoke;
mod token;

use actix_web::{
    FromRequest, Handler, Responder,
    guard::{Get, Guard, Post},
    web::{self, ServiceConfig},
};
use utoipa::OpenApi;

use crate::server::http::{endpoints, own_routes::OwnPaths};

/// hallpass' own operations, as they are without a prefix.
#[derive(OpenApi)]
#[openapi(paths(
    login::login,
    request::show_principal,
    clients::list_clients,
    logout::logout,
    token::token,
    introspect::introspect,
    revoke::revoke,
    discovery::oauth,
    discovery::openid,
    jwks::jwks,
    health::live,
    health::ready
))]
pub(crate) struct OwnOperations;

/// Registers those of hallpass' own operations that a site has.
pub(crate) fn register(config: &mut ServiceConfig, own: &OwnPaths) {
    let mut routes = Routes { config, own };
    routes.add(endpoints::LOGIN, "login", Post(), login::login);
    routes.add(endpoints::REQUEST, "show_principal", Get(), request::show_principal);
    routes.add(endpoints::CLIENTS, "list_clients", Get(), clients::list_clients);
    routes.add(endpoints::LOGOUT, "logout", Post(), logout::logout);
    routes.add(endpoints::TOKEN, "token", Post(), token::token);
    routes.add(endpoints::INTROSPECTION, "introspect", Post(), introspect::introspect);
    routes.add(endpoints::REVOCATION, "revoke", Post(), revoke::revoke);
    routes.add(endpoints::OAUTH_METADATA, "oauth", Get(), discovery::oauth);
    routes.add(endpoints::OPENID_CONFIGURATION, "openid", Get(), discovery::openid);
    routes.add(endpoints::JWKS, "jwks", Get(), jwks::jwks);
    routes.add(endpoints::LIVE, "live", Get(), health::live);
    routes.add(endpoints::READY, "ready", Get(), health::ready);
}

struct Routes<'r> {
    config: &'r mut ServiceConfig,
    own: &'r OwnPaths,
}

impl Routes<'_> {
    fn add<H, A>(
        &mut self,
        endpoint: &'static str,
        name: &str,
        method: impl Guard + 'static,
        handler: H,
    ) where
        H: Handler<A>,
        A: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        if let Some(path) = self.own.registered(endpoint) {
            // An application may have a handler of the same name.
            let name = format!("hallpass::{name}");
            self.config.service(web::resource(path).name(&name).guard(method).to(handler));
        }
    }
}
