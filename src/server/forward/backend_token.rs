//! The access token for the backend behind the proxy (`HALLPASS_VERIFY_TOKEN`).

use std::sync::Arc;

use actix_web::{HttpRequest, http::header::HeaderValue, web};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::{
    authority::issue_request::IssueError,
    oauth::KeyId,
    principal::Principal,
    server::{
        context::Context,
        enforce::audit,
        http::{code::Code, refusal::Refusal, request_info::RequestInfo},
    },
    tokens::access_tokens::IssuedToken,
};

/// The value of `X-Hallpass-Token`: a token of ours for whoever sent the request, empty for nobody; none where the
/// setting is off.
///
/// # Errors
/// There can be no token: a backend that expects one must not take the request for an anonymous one.
pub(super) async fn backend_token(
    context: &Context,
    request: &HttpRequest,
    principal: Option<&Arc<Principal>>,
) -> Result<Option<HeaderValue>, Refusal> {
    let Some(principal) = principal.filter(|_| context.settings.verify_token) else {
        return Ok(nobodys_token(context));
    };
    let now = context.clock.now();
    let token = match context.authority.recent_backend_token(principal, now) {
        Some(recent) => recent,
        None => issue(context, request, principal, now).await?,
    };
    let mut value = HeaderValue::from_str(token.token.expose_secret())
        .map_err(|error| Refusal::internal(error.to_string()))?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The same where nobody is known.
pub(super) fn nobodys_token(context: &Context) -> Option<HeaderValue> {
    context.settings.verify_token.then(|| HeaderValue::from_static(""))
}

/// The rate of tokens at `/login` and `/token` does not count here: each credential has one token a minute.
async fn issue(
    context: &Context,
    request: &HttpRequest,
    principal: &Arc<Principal>,
    now: Timestamp,
) -> Result<Arc<IssuedToken>, Refusal> {
    let authority = &context.authority;
    let issued = if authority.signs_slowly() {
        let (authority, principal) = (Arc::clone(authority), Arc::clone(principal));
        web::block(move || authority.issue_backend_token(&principal, now))
            .await
            .map_err(|error| Refusal::internal(error.to_string()))?
    } else {
        authority.issue_backend_token(principal, now)
    };
    let token = issued.map_err(|error| match error {
        IssueError::Signing(reason) => Refusal::internal(reason),
        error => Refusal::new(Code::Denied, "The backend cannot be told who sent the request.")
            .because(Some(format!("no token for the backend: {error}")), None),
    })?;
    context.counters.issued_to_backend();
    if let Some(info) = RequestInfo::find(request) {
        let subject = principal.sub();
        let fields = [
            ("sub", Some(&*subject)),
            ("key_id", principal.key_id().map(KeyId::as_str)),
            ("jti", Some(token.id.as_str())),
        ];
        audit::record("verify", &info, &fields);
    }
    Ok(token)
}
