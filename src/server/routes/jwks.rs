//! `GET /.well-known/jwks.json`: the public keys that verify tokens (RFC 7517 §5).
//!
//! Must not know private keys or secrets: `tokens` gives public ones only.

use actix_web::{HttpResponse, get, http::header, web};
use utoipa::ToSchema;

use crate::server::{document::schemas::SigningAlgorithm, gate::Gate};

/// Long enough to spare a request for every token, short enough that a rotation is seen soon.
const CACHED: &str = "public, max-age=300";

/// The public keys of the service, the one that signs now first; none where it signs with a secret.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's words for what tokens::JwkSet serialises")]
pub(crate) struct JwkSet {
    /// The keys.
    #[schema(max_items = 1000)]
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517 §4).
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's words for what tokens::PublicJwk serialises")]
pub(crate) struct Jwk {
    /// The sort of key: `OKP`, `EC` or `RSA`.
    kty: KeyType,
    /// What it is used for: `sig`.
    #[schema(rename = "use")]
    usage: KeyUse,
    /// The one algorithm that it verifies: `EdDSA`, `ES256` or `RS256`.
    alg: SigningAlgorithm,
    /// Its name, as in the header of a token: its thumbprint (RFC 7638).
    #[schema(
        example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        pattern = "^[A-Za-z0-9_-]+$",
        max_length = 64
    )]
    kid: String,
    /// The curve of an OKP or EC key.
    #[schema(required = false)]
    crv: Curve,
    /// The first coordinate of an OKP or EC key.
    #[schema(
        example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        pattern = "^[A-Za-z0-9_-]+$",
        max_length = 64,
        required = false
    )]
    x: String,
    /// The second coordinate of an EC key.
    #[schema(pattern = "^[A-Za-z0-9_-]+$", max_length = 64, required = false)]
    y: String,
    /// The modulus of an RSA key.
    #[schema(pattern = "^[A-Za-z0-9_-]+$", max_length = 2048, required = false)]
    n: String,
    /// The exponent of an RSA key.
    #[schema(pattern = "^[A-Za-z0-9_-]+$", max_length = 16, required = false)]
    e: String,
}

/// The sorts of keys that can sign here (RFC 7518 §6.1, RFC 8037 §2).
#[derive(ToSchema)]
#[expect(dead_code, reason = "a word list of the document")]
enum KeyType {
    #[schema(rename = "OKP")]
    Okp,
    #[schema(rename = "EC")]
    Ec,
    #[schema(rename = "RSA")]
    Rsa,
}

/// What keys are used for here (RFC 7517 §4.2).
#[derive(ToSchema)]
#[expect(dead_code, reason = "a word list of the document")]
enum KeyUse {
    #[schema(rename = "sig")]
    Signatures,
}

/// The curves of keys that can sign here.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a word list of the document")]
enum Curve {
    Ed25519,
    #[schema(rename = "P-256")]
    P256,
}

/// Read the public keys that verify tokens
///
/// Other services verify tokens with these keys and need not ask here. Keep them for five minutes.
#[utoipa::path(
    tag = "discovery",
    operation_id = "jwks",
    responses((status = 200, description = "The keys; none where tokens are signed with a secret.", body = JwkSet,
        headers(("Cache-Control" = String, description = "How long the answer may be kept.")),
        example = json!({ "keys": [{
            "kty": "OKP", "use": "sig", "alg": "EdDSA", "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }] }),
    )),
    security(),
)]
#[get("/.well-known/jwks.json")]
pub(crate) async fn jwks(gate: web::Data<Gate>) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, CACHED)).json(gate.authority().jwks())
}
