//! `POST /logout`: ends the presented token before its time.
//!
//! Must not know how revocations are kept.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, Accept, Header},
    mime, post, web,
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::{
    enforce::access_log::RequestId,
    enforce::authenticated::Authenticated,
    gate::Gate,
    http::{code::Code, cookie, peer::shown::Peer, refusal::Refusal},
};
use crate::{authority::RevokeError, oauth::KeyId};

/// Says that it is done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogoutResponse {
    /// For people.
    #[schema(
        example = "Logged out: the token is revoked.",
        pattern = r"^[^\x00-\x1f\x7f]*$",
        max_length = 256
    )]
    message: String,
}

/// End the presented token
///
/// Revokes the token that this request carries, before it would expire, and deletes the session cookie. Whoever
/// presents that token afterwards gets 401. Browsers, which prefer HTML, are led to a fixed page.
#[utoipa::path(
    tag = "tokens",
    operation_id = "logout",
    responses(
        (status = 200, description = "The token is revoked.", body = LogoutResponse,
            headers(("Set-Cookie" = String, description = "Deletes the session cookie.")),
            example = json!({ "message": "Logged out: the token is revoked." })),
        (status = 303, description = "The same, for browsers.", headers(
            ("Location" = String, description = "A fixed page, never one that the request names."),
            ("Set-Cookie" = String, description = "Deletes the session cookie."),
        )),
    ),
    security(("bearer" = []), ("session" = [])),
)]
#[post("/logout")]
pub(crate) async fn logout(
    request: HttpRequest,
    gate: web::Data<Gate>,
    authenticated: Authenticated,
) -> Result<HttpResponse, Refusal> {
    revoke(&gate, &authenticated).await?;
    log::info!(
        target: "audit",
        sub = authenticated.principal.subject(),
        key_id = authenticated.principal.key_id().map(KeyId::as_str),
        peer = Peer::of(&request),
        request_id = RequestId::of(&request).as_str();
        "logout"
    );
    let deletion = cookie::deletion(gate.settings());
    if prefers_html(&request) {
        let place = (header::LOCATION, gate.settings().logout_redirect.as_str());
        return Ok(HttpResponse::SeeOther().insert_header(place).cookie(deletion).finish());
    }
    let message = "Logged out: the token is revoked.".to_owned();
    Ok(HttpResponse::Ok().cookie(deletion).json(LogoutResponse { message }))
}

/// Answers once the disk has it: whoever reads the answer may rely on it whatever happens next.
async fn revoke(gate: &web::Data<Gate>, authenticated: &Authenticated) -> Result<(), Refusal> {
    let (gate, principal) = (gate.clone(), Arc::clone(&authenticated.principal));
    let done = web::block(move || gate.authority().revoke(&principal, Timestamp::now())).await;
    match done {
        Ok(Ok(())) => Ok(()),
        Ok(Err(RevokeError::NoToken)) => {
            let detail = format!("Not possible: {}.", RevokeError::NoToken);
            Err(Refusal::new(Code::InvalidRequest, detail))
        }
        Ok(Err(error)) => Err(Refusal::internal(error.to_string())),
        Err(error) => Err(Refusal::internal(error.to_string())),
    }
}

/// Browsers name `text/html` before anything else; curl and SDKs name JSON or `*/*`.
fn prefers_html(request: &HttpRequest) -> bool {
    let ranked = Accept::parse(request).map(|accept| accept.ranked()).unwrap_or_default();
    ranked.first().is_some_and(|first| first.essence_str() == mime::TEXT_HTML.essence_str())
}
