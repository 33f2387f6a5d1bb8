//! Issuing an access token, as `/login` and `/token` do, and the answer that hands it over (RFC 6749 §5.1).

use std::{fmt, sync::Arc, time::Instant};

use actix_web::web;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    authority::issue_request::{IssueError, IssueRequest},
    oauth::Scopes,
    principal::Principal,
    server::{
        context::Context,
        document::schemas::{self, TokenType},
        http::{code::Code, refusal::Refusal},
    },
    tokens::access_tokens::IssuedToken,
};

/// An access token (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    #[schema(schema_with = schemas::access_token)]
    access_token: String,
    token_type: TokenType,
    #[schema(schema_with = schemas::expires_in)]
    expires_in: u64,
    #[schema(schema_with = schemas::scope)]
    scope: Scopes,
}

impl TokenResponse {
    /// The answer that hands over a token that was issued at `now`.
    pub(crate) fn new(issued: IssuedToken, now: Timestamp) -> Self {
        let expires_in = issued.expires_at.as_second() - now.as_second();
        Self {
            access_token: issued.token.expose_secret().to_owned(),
            token_type: TokenType::Bearer,
            expires_in: expires_in.try_into().unwrap_or_default(),
            scope: issued.scopes,
        }
    }

    /// The token: a secret.
    pub fn access_token(&self) -> &str {
        &self.access_token
    }

    /// How long it lives, in seconds.
    pub fn expires_in(&self) -> u64 {
        self.expires_in
    }
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Issues a token, if the client or user has not got too many just now. A slow signature is made on the blocking pool.
///
/// # Errors
/// The refusal for what was asked for.
pub(crate) async fn issue(
    context: &Context,
    principal: &Arc<Principal>,
    request: IssueRequest,
    now: Timestamp,
) -> Result<IssuedToken, Refusal> {
    let (authority, subject) = (&context.authority, principal.ours().map(|(subject, _)| subject));
    if let Some(subject) = subject {
        let taken = context.issued.take(subject.clone(), Instant::now());
        taken.map_err(Refusal::too_many_tokens)?;
    }
    let issued = if authority.signs_slowly() {
        let (authority, principal) = (Arc::clone(authority), Arc::clone(principal));
        web::block(move || authority.issue(&principal, request, now))
            .await
            .map_err(|error| Refusal::internal(error.to_string()))?
    } else {
        authority.issue(principal, request, now)
    };
    if let (Err(_), Some(subject)) = (&issued, subject) {
        context.issued.give_back(subject, Instant::now());
    }
    issued.map_err(|error| match error {
        IssueError::Scope(_) | IssueError::TooLong(_) => not_possible(Code::InvalidScope, &error),
        IssueError::Audience(_) => not_possible(Code::InvalidTarget, &error),
        IssueError::Lifetime(_) | IssueError::Foreign => not_possible(Code::InvalidRequest, &error),
        IssueError::Signing(reason) => Refusal::internal(reason),
    })
}

fn not_possible(code: Code, error: &IssueError) -> Refusal {
    Refusal::new(code, format!("Not possible: {error}."))
}
