//! The same endpoint as an actix-web application without hallpass writes it: actix-web's `Logger`, and in front of the
//! handler actix-web-httpauth with jsonwebtoken.

use actix_web::{
    Error, HttpMessage, HttpResponse,
    dev::ServiceRequest,
    error::ErrorUnauthorized,
    http::header,
    middleware::Logger,
    web::{self, ServiceConfig},
};
use actix_web_httpauth::{extractors::bearer::BearerAuth, middleware::HttpAuthentication};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::{Deserialize, Serialize};

use crate::hallpass::{ISSUER, SIGNING_SECRET};

/// The path of the handler that is logged and not protected.
pub(crate) const LOGGED: &str = "/logged";
/// The path of the handler that is logged and protected.
pub(crate) const PROTECTED: &str = "/by-hand";

/// The answer to `GET /request`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Principal {
    sub: String,
    kind: String,
    roles: Vec<String>,
    scope: String,
    scheme: String,
    client_id: String,
    issued_at: String,
    expires_at: String,
}

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
    roles: Vec<String>,
    scope: String,
    client_id: String,
    iat: i64,
    exp: i64,
}

/// Registers both handlers. `principal` is the answer of the one that is not protected.
pub(crate) fn register(config: &mut ServiceConfig, principal: Principal) {
    let logged = move || {
        let answer = answer(&principal);
        async { answer }
    };
    config.service(web::resource(LOGGED).wrap(Logger::default()).route(web::get().to(logged)));
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    config.app_data(web::Data::new((
        DecodingKey::from_secret(SIGNING_SECRET.as_bytes()),
        validation,
    )));
    config.service(
        web::resource(PROTECTED)
            .wrap(HttpAuthentication::bearer(authenticate))
            .wrap(Logger::default())
            .route(web::get().to(whoami)),
    );
}

async fn authenticate(
    request: ServiceRequest,
    bearer: BearerAuth,
) -> Result<ServiceRequest, (Error, ServiceRequest)> {
    let Some(keys) = request.app_data::<web::Data<(DecodingKey, Validation)>>() else {
        return Err((ErrorUnauthorized("no key"), request));
    };
    match decode::<Claims>(bearer.token(), &keys.0, &keys.1) {
        Ok(token) => {
            request.extensions_mut().insert(token.claims);
            Ok(request)
        }
        Err(error) => Err((ErrorUnauthorized(error), request)),
    }
}

async fn whoami(claims: web::ReqData<Claims>) -> HttpResponse {
    let time =
        |seconds| jiff::Timestamp::from_second(seconds).expect("the claim is a time").to_string();
    let Claims { sub, roles, scope, client_id, iat, exp } = claims.into_inner();
    answer(&Principal {
        sub,
        kind: "client".to_owned(),
        roles,
        scope,
        scheme: "bearer".to_owned(),
        client_id,
        issued_at: time(iat),
        expires_at: time(exp),
    })
}

fn answer(principal: &Principal) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(principal)
}
