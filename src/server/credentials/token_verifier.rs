//! Verifies access tokens of ours: by the roster, or by what the application says of its clients and accounts.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    authority::{authority::Authority, token_holder::TokenHolder},
    principal::Principal,
    server::{
        credentials::lookups::{LookupError, Lookups},
        http::refusal::Refusal,
    },
    tokens::token_error::TokenError,
};

/// Why a token was not accepted.
#[derive(Debug)]
pub(crate) enum TokenFailure {
    /// It is not valid.
    Invalid(TokenError),
    /// That could not be found out.
    Unavailable(Refusal),
}

impl From<TokenError> for TokenFailure {
    fn from(error: TokenError) -> Self {
        Self::Invalid(error)
    }
}

/// Authenticates an access token of ours.
///
/// # Errors
/// Why it is refused, or cannot be judged now.
pub(crate) async fn verify_token(
    authority: &Authority,
    lookups: &Lookups,
    token: &str,
    now: Timestamp,
) -> Result<Arc<Principal>, TokenFailure> {
    principal(authority, lookups, authority.token_holder(token, now)?, now).await
}

/// The same of a token for any service, with the audiences that its subject may still ask for.
///
/// # Errors
/// The same.
pub(crate) async fn introspect_token(
    authority: &Authority,
    lookups: &Lookups,
    token: &str,
    now: Timestamp,
) -> Result<(Arc<Principal>, Vec<String>), TokenFailure> {
    let (holder, audiences) = authority.introspect(token, now)?;
    Ok((principal(authority, lookups, holder, now).await?, audiences))
}

async fn principal(
    authority: &Authority,
    lookups: &Lookups,
    holder: TokenHolder,
    now: Timestamp,
) -> Result<Arc<Principal>, TokenFailure> {
    match holder {
        TokenHolder::Known(principal) => Ok(principal),
        TokenHolder::Sourced(token) => {
            let key_id = token.key_id().ok_or(TokenError::Withdrawn)?;
            match lookups.client(key_id).await {
                Ok(Some(client)) => Ok(Arc::new(authority.admit_sourced(&token, &client, now)?)),
                Ok(None) | Err(LookupError::Nobody) => Err(TokenError::Withdrawn.into()),
                Err(LookupError::Failed(reason)) => Err(unavailable(reason)),
            }
        }
        TokenHolder::Account(token) => match lookups.account(token.subject().id()).await {
            Ok(status) => Ok(Arc::new(authority.admit_account(&token, status.as_ref())?)),
            Err(LookupError::Nobody) => Err(TokenError::Account.into()),
            Err(LookupError::Failed(reason)) => Err(unavailable(reason)),
        },
    }
}

fn unavailable(reason: String) -> TokenFailure {
    TokenFailure::Unavailable(Refusal::not_looked_up(reason))
}
