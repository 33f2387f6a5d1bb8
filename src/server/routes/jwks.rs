//! `GET /.well-known/jwks.json`: the public keys that verify tokens (RFC 7517 §5).

use actix_web::{HttpResponse, http::header, web::Data};

use crate::{
    server::{context::Context, http::endpoints},
    tokens::jwk::{JWK_SET_MAX_AGE, JwkSet},
};

/// Public signing keys
///
/// With these keys other services verify tokens themselves, without a request to this one. Cache them for five
/// minutes.
#[utoipa::path(
    get,
    path = endpoints::JWKS,
    tag = "discovery",
    operation_id = "jwks",
    responses((status = 200, description = "The keys; none where tokens are signed with a secret.", body = JwkSet,
        headers(("Cache-Control" = String, description = "How long the answer may be cached.")),
        example = json!({ "keys": [{
            "kty": "OKP", "use": "sig", "alg": "EdDSA", "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }] }),
    )),
    security(),
)]
pub(crate) async fn jwks(context: Data<Context>) -> HttpResponse {
    let max_age = format!("public, max-age={}", JWK_SET_MAX_AGE.as_secs());
    let cache_control = (header::CACHE_CONTROL, max_age);
    HttpResponse::Ok().insert_header(cache_control).json(context.authority.keyring().jwks())
}
