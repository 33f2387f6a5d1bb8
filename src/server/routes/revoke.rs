//! `POST /revoke`: revokes a token (RFC 7009), for the client that it was issued to.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::header,
    web::{self, Data},
};

use crate::{
    authority::issue_request::RevokeError,
    oauth::ErrorCode,
    server::{
        context::Context,
        credentials::authenticator::demand_revocations,
        enforce::{audit, authenticated::Authenticated},
        http::{endpoints, form::Form, refusal::Refusal, request_info::RequestInfo},
        routes::{introspect::TokenForm, logout::NOT_SHARED},
    },
};

/// Revoke a token
///
/// A client revokes a token that was issued to it (RFC 7009). A token that is unknown or expired is no error: it is
/// useless already. The token of another client is refused with `unauthorized_client`.
#[utoipa::path(
    post,
    path = endpoints::REVOCATION,
    tag = "oauth2",
    operation_id = "revoke",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded", description = "The token."),
    responses(
        (status = 200, description = "The token is not accepted any more. There is no body."),
    ),
    security(("basic" = []), ("apiKey" = [])),
)]
pub(crate) async fn revoke(
    info: RequestInfo,
    context: Data<Context>,
    authenticated: Authenticated,
    form: Result<Form<TokenForm>, Refusal>,
) -> Result<HttpResponse, Refusal> {
    let Form(form) = form?;
    let (authority, now) = (Arc::clone(&context.authority), context.clock.now());
    demand_revocations(&authority)?;
    let principal = Arc::clone(&authenticated.principal);
    // The revocation is on disk or shared before the answer: not on a thread that serves others.
    let revoked = web::block(move || authority.revoke_token(&principal, &form.token, now)).await;
    match revoked.map_err(|error| Refusal::internal(error.to_string()))? {
        Ok(jti) => {
            let sub = authenticated.principal.subject();
            audit::record("revoke", &info, &[("sub", Some(sub)), ("jti", jti.as_deref())]);
        }
        Err(RevokeError::NotYours) => {
            let detail = "The token was issued to another client.";
            return Err(Refusal::oauth(ErrorCode::UnauthorizedClient, detail));
        }
        Err(error @ RevokeError::NotShared(_)) => {
            return Err(Refusal::unavailable(NOT_SHARED, error.to_string()));
        }
        Err(error) => return Err(Refusal::internal(error.to_string())),
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).finish())
}
