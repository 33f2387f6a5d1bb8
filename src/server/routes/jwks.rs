//! `GET /.well-known/jwks.json`: the public keys that verify tokens (RFC 7517 §5).
//!
//! Must not know private keys or secrets: `tokens` gives public ones only.

use actix_web::{HttpResponse, get, http::header, web};
use utoipa::ToSchema;

use crate::server::Gate;

/// Long enough to spare a request for every token, short enough that a rotation is seen soon.
const CACHED: &str = "public, max-age=300";

/// The public keys of the service, the one that signs now first; none where it signs with a secret.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's words for what tokens::JwkSet serialises")]
pub(super) struct JwkSet {
    /// The keys.
    #[schema(max_items = 1000)]
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517 §4).
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's words for what tokens::PublicJwk serialises")]
pub(super) struct Jwk {
    /// The sort of key: `OKP`, `EC` or `RSA`.
    #[schema(example = "OKP", max_length = 8)]
    kty: String,
    /// What it is used for: `sig`.
    #[schema(rename = "use", example = "sig", max_length = 8)]
    usage: String,
    /// The one algorithm that it verifies: `EdDSA`, `ES256` or `RS256`.
    #[schema(example = "EdDSA", max_length = 8)]
    alg: String,
    /// Its name, as in the header of a token: its thumbprint (RFC 7638).
    #[schema(example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", max_length = 64)]
    kid: String,
    /// The curve of an OKP or EC key.
    #[schema(example = "Ed25519", max_length = 16, required = false)]
    crv: String,
    /// The first coordinate of an OKP or EC key.
    #[schema(
        example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        max_length = 64,
        required = false
    )]
    x: String,
    /// The second coordinate of an EC key.
    #[schema(max_length = 64, required = false)]
    y: String,
    /// The modulus of an RSA key.
    #[schema(max_length = 2048, required = false)]
    n: String,
    /// The exponent of an RSA key.
    #[schema(max_length = 16, required = false)]
    e: String,
}

/// Read the public keys that verify tokens
///
/// Other services verify tokens with these keys and need not ask here. Keep them for five minutes.
#[utoipa::path(
    tag = "discovery",
    operation_id = "jwks",
    responses((status = 200, description = "The keys.", body = JwkSet)),
    security(),
)]
#[get("/.well-known/jwks.json")]
pub(super) async fn jwks(gate: web::Data<Gate>) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, CACHED)).json(gate.authority().jwks())
}
