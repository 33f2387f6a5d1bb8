//! `POST /revoke`: ends a token before its time (RFC 7009), for the client that it was issued to.
//!
//! Must not know whose token it is: `authority` says.

use actix_web::{HttpRequest, HttpResponse, http::header, post, web};
use jiff::Timestamp;
use secrecy::SecretString;

use crate::server::{
    enforce::access_log::RequestId,
    enforce::authenticated::Authenticated,
    gate::Gate,
    http::{form::Form, peer::shown::Peer, refusal::Refusal},
    routes::introspect::TokenForm,
};
use crate::{authority::RevokeError, oauth::ErrorCode};

/// End a token of one's own
///
/// A client ends tokens that were issued to it (RFC 7009). A token that is unknown or over already is no error:
/// the aim is reached. The token of another client is refused with `unauthorized_client`.
#[utoipa::path(
    tag = "oauth2",
    operation_id = "revoke",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded", description = "The token."),
    responses(
        (status = 200, description = "The token is worth nothing any more. There is no body."),
    ),
    security(("basic" = []), ("apiKey" = [])),
)]
#[post("/revoke")]
pub(crate) async fn revoke(
    request: HttpRequest,
    gate: web::Data<Gate>,
    caller: Authenticated,
    form: Result<Form, Refusal>,
) -> Result<HttpResponse, Refusal> {
    let form = form?;
    let token: SecretString = form.required("token")?.into();
    let authority = gate.shared_authority().clone();
    let principal = caller.principal.clone();
    // The revocation is written to disk before the answer: not on the thread that serves others.
    let revoked =
        web::block(move || authority.revoke_token(&principal, &token, Timestamp::now())).await;
    match revoked.map_err(|_| Refusal::internal("the blocking pool is gone".to_owned()))? {
        Ok(jti) => log::info!(
            target: "audit",
            sub = caller.principal.subject(),
            jti = jti.as_deref(),
            peer = Peer::of(&request),
            request_id = RequestId::of(&request).as_str();
            "revoke"
        ),
        Err(RevokeError::NotYours) => {
            let detail = "The token was issued to another client.";
            return Err(Refusal::oauth(ErrorCode::UnauthorizedClient, detail));
        }
        Err(error) => return Err(Refusal::internal(error.to_string())),
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).finish())
}
