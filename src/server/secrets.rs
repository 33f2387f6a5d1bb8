//! Proves API keys and passwords on the blocking pool, where slow hashing holds up nobody else.
//!
//! Must not know which scheme or form they came in.

use std::sync::Arc;

use actix_web::web;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::{authority::Authority, principal::Principal, roster::ApiKey};

use super::refusal::Refusal;

/// Why an API key is bad, for the log.
pub(super) struct KeyFault {
    pub(super) reason: String,
    pub(super) key_id: Option<String>,
}

/// Proves a client by its name and API key (RFC 6749 §2.3.1).
///
/// # Errors
/// Outside only when hallpass itself cannot go on; inside when the key is bad or another client's.
pub(super) async fn prove_client(
    authority: &Arc<Authority>,
    name: &str,
    secret: &str,
) -> Result<Result<Arc<Principal>, KeyFault>, Refusal> {
    prove_key(authority, secret, Some(name)).await
}

/// Proves a user by name and password, on the blocking pool.
///
/// # Errors
/// Outside only when hallpass itself cannot go on; inside why the password is bad, for the log.
pub(super) async fn prove_user(
    authority: &Arc<Authority>,
    name: &str,
    password: SecretString,
) -> Result<Result<Principal, String>, Refusal> {
    let (authority, name) = (Arc::clone(authority), name.to_owned());
    let proven = web::block(move || authority.authenticate_password(&name, &password)).await;
    Ok(proven.map_err(|_| pool_is_gone())?.map_err(|refusal| refusal.to_string()))
}

/// Proves an API key on the blocking pool, and that it is `name`'s where one is given. A key that is no key costs
/// nothing.
///
/// # Errors
/// As [`prove_client`].
pub(super) async fn prove_key(
    authority: &Arc<Authority>,
    text: &str,
    name: Option<&str>,
) -> Result<Result<Arc<Principal>, KeyFault>, Refusal> {
    let Ok(key) = ApiKey::parse(text) else {
        return Ok(Err(KeyFault { reason: "the API key is malformed".to_owned(), key_id: None }));
    };
    let key_id = Some(key.id().to_string());
    let proven = match authority.recall(&key, Timestamp::now()) {
        Some(principal) => Ok(principal),
        None => {
            let authority = Arc::clone(authority);
            web::block(move || authority.authenticate_key(&key, Timestamp::now()))
                .await
                .map_err(|_| pool_is_gone())?
        }
    };
    Ok(match proven {
        Ok(principal) if name.is_some_and(|name| name != principal.subject()) => {
            let reason = "the API key belongs to another client than the one named".to_owned();
            Err(KeyFault { reason, key_id })
        }
        Ok(principal) => Ok(principal),
        Err(refusal) => Err(KeyFault { reason: refusal.to_string(), key_id }),
    })
}

fn pool_is_gone() -> Refusal {
    Refusal::internal("the blocking pool is gone".to_owned())
}
