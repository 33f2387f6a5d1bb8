//! `POST /logout`: revokes the presented token.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, Accept, Header},
    mime,
    web::{self, Data},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    authority::issue_request::RevokeError,
    oauth::KeyId,
    principal::Proof,
    server::{
        context::Context,
        enforce::{audit, authenticated::Authenticated},
        http::{code::Code, cookie, endpoints, refusal::Refusal, request_info::RequestInfo},
        routes::pages::Published,
    },
};

/// The token is revoked.
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

/// Revoke the presented token
///
/// Revokes the token of this request and deletes the session cookie. From then on the token is answered with 401.
/// Browsers, which prefer HTML, are redirected to a fixed page.
#[utoipa::path(
    post,
    path = endpoints::LOGOUT,
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
pub(crate) async fn logout(
    request: HttpRequest,
    info: RequestInfo,
    context: Data<Context>,
    published: Data<Published>,
    authenticated: Authenticated,
) -> Result<HttpResponse, Refusal> {
    revoke(&context, &authenticated).await?;
    let principal = &authenticated.principal;
    let jti = match principal.proof() {
        Proof::Token { id, .. } => Some(id.as_str()),
        _ => None,
    };
    let sub = principal.sub();
    let fields =
        [("sub", Some(&*sub)), ("key_id", principal.key_id().map(KeyId::as_str)), ("jti", jti)];
    audit::record("logout", &info, &fields);
    let deletion = cookie::deletion(&context.settings, &published.load().guard.rules.own);
    if prefers_html(&request) {
        let location = (header::LOCATION, after_logout(&context, &published));
        return Ok(HttpResponse::SeeOther().insert_header(location).cookie(deletion).finish());
    }
    let message = "Logged out: the token is revoked.".to_owned();
    Ok(HttpResponse::Ok().cookie(deletion).json(LogoutResponse { message }))
}

/// Where a browser lands: Swagger UI, where it was not told otherwise.
fn after_logout(context: &Context, published: &Published) -> String {
    let own = &published.load().guard.rules.own;
    let base = &context.settings.document.base_path;
    match &context.settings.logout_redirect {
        Some(redirect) => redirect.clone(),
        None => {
            let page = own.url(base, endpoints::DOCS).or_else(|| own.url(base, endpoints::START));
            page.unwrap_or_else(|| format!("{base}/"))
        }
    }
}

/// Returns once the revocation is on disk or shared, so that the answer holds whatever happens next.
pub(crate) async fn revoke(
    context: &Context,
    authenticated: &Authenticated,
) -> Result<(), Refusal> {
    let (authority, now) = (Arc::clone(&context.authority), context.clock.now());
    let principal = Arc::clone(&authenticated.principal);
    match web::block(move || authority.revoke(&principal, now)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(RevokeError::NoToken)) => {
            let detail = format!("Not possible: {}.", RevokeError::NoToken);
            Err(Refusal::new(Code::InvalidRequest, detail))
        }
        Ok(Err(error @ RevokeError::NotShared(_))) => {
            Err(Refusal::unavailable(NOT_SHARED, error.to_string()))
        }
        Ok(Err(error)) => Err(Refusal::internal(error.to_string())),
        Err(error) => Err(Refusal::internal(error.to_string())),
    }
}

/// What the caller of a revocation is told that may be known here only.
pub(super) const NOT_SHARED: &str =
    "The token may not be revoked on every replica: the state that they share is out of reach.";

/// Browsers name `text/html` before anything else; curl and SDKs name JSON or `*/*`.
fn prefers_html(request: &HttpRequest) -> bool {
    let ranked = Accept::parse(request).map(|accept| accept.ranked()).unwrap_or_default();
    ranked.first().is_some_and(|first| first.essence_str() == mime::TEXT_HTML.essence_str())
}
