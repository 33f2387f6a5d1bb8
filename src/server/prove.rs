//! Proves the presented credentials through `authority`, as the policy asks for them.
//!
//! Must not know what is demanded of whom.

use std::sync::Arc;

use actix_web::web;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    authority::Authority,
    policy::{Decision, Evidence, Evidences, Requirement, Scheme},
    principal::Principal,
    roster::ApiKey,
    tokens::TokenRefusal,
};

use super::{
    challenge,
    credentials::{Credential, Credentials, Presented},
    refusal::Refusal,
};

/// Proves credentials one by one as the policy asks for them, an API key at most once a request.
pub(super) struct Prover<'e> {
    authority: &'e Arc<Authority>,
    credentials: Credentials,
    session_cookie: &'e str,
    api_key: Option<Evidence>,
    faults: Vec<Fault>,
}

/// Why a credential is bad: a word for the caller, more for the log.
struct Fault {
    scheme: String,
    detail: &'static str,
    reason: String,
    key_id: Option<String>,
}

const BAD_KEY: &str = "The API key is not valid.";

impl<'e> Prover<'e> {
    /// A prover of these credentials; `session_cookie` is the cookie that holds a token.
    pub(super) fn new(
        authority: &'e Arc<Authority>,
        credentials: Credentials,
        session_cookie: &'e str,
    ) -> Self {
        Self { authority, credentials, session_cookie, api_key: None, faults: Vec::new() }
    }

    /// What can be said about the credential of `scheme`.
    ///
    /// # Errors
    /// Only when hallpass itself cannot go on; a bad credential is evidence.
    pub(super) async fn prove(&mut self, scheme: &Scheme) -> Result<Evidence, Refusal> {
        match self.credentials.presented(scheme, self.session_cookie) {
            Presented::Nothing => Ok(Evidence::Missing),
            Presented::CrossSite => Ok(Evidence::Forbidden),
            Presented::Credential(Credential::Token(token)) => {
                Ok(self.prove_token(scheme, token.expose_secret()))
            }
            Presented::Credential(Credential::ApiKey(key)) => {
                if let Some(known) = &self.api_key {
                    return Ok(known.clone());
                }
                let evidence = self.prove_key(scheme, key.expose_secret(), None).await?;
                self.api_key = Some(evidence.clone());
                Ok(evidence)
            }
            Presented::Credential(Credential::Basic { name, secret }) => {
                self.prove_key(scheme, secret.expose_secret(), Some(&name)).await
            }
        }
    }

    fn prove_token(&mut self, scheme: &Scheme, token: &str) -> Evidence {
        match self.authority.authenticate_token(token, Timestamp::now()) {
            Ok(principal) => Evidence::Proven(Arc::new(principal)),
            Err(refusal) => {
                let detail = match refusal {
                    TokenRefusal::Expired => "The token has expired",
                    TokenRefusal::Revoked | TokenRefusal::Withdrawn => "The token was revoked",
                    _ => "The token is not valid",
                };
                self.fault(scheme, detail, format!("the token {refusal}"), None)
            }
        }
    }

    async fn prove_key(
        &mut self,
        scheme: &Scheme,
        text: &str,
        name: Option<&str>,
    ) -> Result<Evidence, Refusal> {
        match prove_key(self.authority, text, name).await? {
            Ok(principal) => Ok(Evidence::Proven(Arc::new(principal))),
            Err(KeyFault { reason, key_id }) => Ok(self.fault(scheme, BAD_KEY, reason, key_id)),
        }
    }

    fn fault(
        &mut self,
        scheme: &Scheme,
        detail: &'static str,
        reason: String,
        key_id: Option<String>,
    ) -> Evidence {
        self.faults.push(Fault { scheme: scheme.name.clone(), detail, reason, key_id });
        Evidence::Bad
    }

    /// The refusal of a request that was denied, with the reason for the log.
    pub(super) fn refuse(
        &self,
        requirement: &Requirement,
        denied: Decision<'_>,
        evidences: &Evidences,
    ) -> Refusal {
        match denied {
            Decision::Challenge { bad: Some(scheme) } => {
                // The same bad key in two places is one fault, kept under the first of them.
                let fault = self
                    .faults
                    .iter()
                    .find(|fault| fault.scheme == scheme.name)
                    .or(self.faults.first());
                let (detail, reason, key_id) = match fault {
                    Some(fault) => (fault.detail, Some(fault.reason.clone()), fault.key_id.clone()),
                    None => ("The credential is not valid", None, None),
                };
                challenge::bad(requirement, scheme, self.session_cookie, detail)
                    .because(reason, key_id)
            }
            Decision::Forbid(forbidden) => {
                let known = requirement.schemes().find_map(|scheme| match evidences.of(scheme) {
                    Some(Evidence::Proven(principal)) => Some(principal),
                    _ => None,
                });
                let reason = known.map(|principal| format!("sub={}", principal.subject()));
                let key_id =
                    known.and_then(|principal| principal.key_id()).map(ToString::to_string);
                challenge::forbidden(forbidden).because(reason, key_id)
            }
            Decision::Challenge { bad: None } | Decision::Allow { .. } => {
                challenge::missing(requirement)
            }
        }
    }
}

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
) -> Result<Result<Principal, KeyFault>, Refusal> {
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

/// Hashes on the blocking pool; a key that is no key costs nothing.
async fn prove_key(
    authority: &Arc<Authority>,
    text: &str,
    name: Option<&str>,
) -> Result<Result<Principal, KeyFault>, Refusal> {
    let Ok(key) = ApiKey::parse(text) else {
        return Ok(Err(KeyFault { reason: "the API key is malformed".to_owned(), key_id: None }));
    };
    let key_id = Some(key.id().to_string());
    let authority = Arc::clone(authority);
    let proven = web::block(move || authority.authenticate_key(&key, Timestamp::now())).await;
    Ok(match proven.map_err(|_| pool_is_gone())? {
        Ok(principal) if name.is_some_and(|name| name != principal.subject().as_str()) => {
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
