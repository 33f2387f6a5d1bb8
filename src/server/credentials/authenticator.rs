//! Proves the presented credentials through `authority`, as the policy asks for them.
//!
//! Must not know what is demanded of whom.

use std::sync::Arc;

use actix_web::HttpRequest;
use jiff::Timestamp;

use crate::{
    policy::{
        decision::{Authentication, Authentications, Decision},
        requirement::Requirement,
        scheme::{CredentialKind, Scheme},
    },
    principal::Principal,
    tokens::{ExternalTokenError, TokenError},
};

use crate::server::{
    credentials::{
        external_issuers::Foreign,
        read::{Credential, Credentials, Presented},
        secrets::KeyFault,
    },
    enforce::{
        challenge::{self, Challenges},
        guard::Enforcement,
    },
    http::{peer::peer, refusal::Refusal},
};

/// Proves credentials one by one as the policy asks for them, an API key and a token at most once a request.
pub(crate) struct Prover<'e> {
    enforcement: &'e Enforcement,
    request: &'e HttpRequest,
    credentials: &'e Credentials<'e>,
    api_key: Option<Authentication>,
    token: Option<Authentication>,
    faults: Vec<Fault>,
    /// Why a credential could not be looked at: it counts as a bad one, but that is not what is answered.
    not_now: Option<Refusal>,
}

/// Why a credential is bad: a word for the caller, more for the log.
struct Fault {
    scheme: Arc<str>,
    detail: &'static str,
    reason: String,
    key_id: Option<String>,
    /// The token says that it is of just the issuer that found the fault.
    is_by_its_issuer: bool,
}

const BAD_KEY: &str = "The API key is not valid.";
const BAD_TOKEN: &str = "The token is not valid";

/// What the caller learns of a bad token.
fn detail(refusal: TokenError) -> &'static str {
    match refusal {
        TokenError::Expired => "The token has expired",
        TokenError::Revoked | TokenError::Withdrawn => "The token was revoked",
        _ => BAD_TOKEN,
    }
}

impl<'e> Prover<'e> {
    /// A prover of these credentials of `request`.
    pub(crate) fn new(
        enforcement: &'e Enforcement,
        request: &'e HttpRequest,
        credentials: &'e Credentials<'e>,
    ) -> Self {
        let (api_key, token, faults, not_now) = (None, None, Vec::new(), None);
        Self { enforcement, request, credentials, api_key, token, faults, not_now }
    }

    /// What can be said about the credential of `scheme`.
    pub(crate) async fn prove(&mut self, scheme: &Scheme) -> Authentication {
        let foreign = self.enforcement.sources.foreign(scheme);
        match self.credentials.presented(scheme) {
            Presented::Nothing => Authentication::Missing,
            Presented::CrossSite => Authentication::CrossSite,
            Presented::Credential(Credential::Token(token)) => match foreign {
                // A request has one token, whichever of several schemes asks for it.
                None => match self.token.clone() {
                    Some(known) => known,
                    None => {
                        let evidence = self.prove_token(scheme, token);
                        self.token.insert(evidence).clone()
                    }
                },
                Some(issuer) => self.prove_foreign_token(scheme, issuer, token).await,
            },
            Presented::Credential(Credential::ApiKey(key)) => {
                if let Some(known) = &self.api_key {
                    return known.clone();
                }
                let evidence = self.prove_key(scheme, key, None).await;
                self.api_key.insert(evidence).clone()
            }
            Presented::Credential(Credential::Basic { name, secret }) => {
                self.prove_key(scheme, secret, Some(name)).await
            }
        }
    }

    fn prove_token(&mut self, scheme: &Scheme, token: &str) -> Authentication {
        match self.enforcement.authority.authenticate_token(token, Timestamp::now()) {
            Ok(principal) => Authentication::Valid(principal),
            Err(refusal) => {
                self.fault(scheme, detail(refusal), format!("the token {refusal}"), None)
            }
        }
    }

    /// Our own tokens come here too where several alternatives take tokens: their `iss` is enough to refuse them.
    async fn prove_foreign_token(
        &mut self,
        scheme: &Scheme,
        issuer: &Foreign,
        token: &str,
    ) -> Authentication {
        let refusal = match issuer.prove(&self.enforcement.authority, token).await {
            Ok(principal) => return Authentication::Valid(Arc::new(principal)),
            Err(refusal) => refusal,
        };
        let detail = match refusal {
            ExternalTokenError::Token(refusal) => detail(refusal),
            ExternalTokenError::Untrusted | ExternalTokenError::KeysNeeded => BAD_TOKEN,
        };
        let evidence = self.fault(scheme, detail, format!("the token {refusal}"), None);
        if let Some(fault) = self.faults.last_mut() {
            fault.is_by_its_issuer = refusal != ExternalTokenError::Token(TokenError::Issuer);
        }
        evidence
    }

    async fn prove_key(
        &mut self,
        scheme: &Scheme,
        text: &str,
        name: Option<&str>,
    ) -> Authentication {
        match self.enforcement.gate.secrets().prove_key(text, name, peer(self.request)).await {
            Ok(Ok(principal)) => Authentication::Valid(principal),
            Ok(Err(KeyFault { reason, key_id })) => self.fault(scheme, BAD_KEY, reason, key_id),
            Err(refusal) => {
                self.not_now = Some(refusal);
                Authentication::Invalid
            }
        }
    }

    fn fault(
        &mut self,
        scheme: &Scheme,
        detail: &'static str,
        reason: String,
        key_id: Option<String>,
    ) -> Authentication {
        let scheme = scheme.name.clone();
        self.faults.push(Fault { scheme, detail, reason, key_id, is_by_its_issuer: false });
        Authentication::Invalid
    }

    /// The fault that says most about the credential of `scheme`: of a token, what its own issuer's keys found.
    fn fault_of(&self, scheme: &Scheme) -> Option<&Fault> {
        let takes_token = scheme.credential == CredentialKind::Token;
        let by_its_issuer = self.faults.iter().find(|fault| fault.is_by_its_issuer);
        by_its_issuer
            .filter(|_| takes_token)
            .or_else(|| self.faults.iter().find(|fault| fault.scheme == scheme.name))
            // The same bad key in two places is one fault, kept under the first of them.
            .or(self.faults.first())
    }

    /// The refusal of a request that was denied, with the reason for the log.
    pub(crate) fn refuse(
        &self,
        requirement: &Requirement,
        challenges: &Challenges,
        denied: Decision<'_>,
        evidences: &Authentications,
    ) -> Refusal {
        if let (Decision::Challenge { .. }, Some(refusal)) = (&denied, &self.not_now) {
            return refusal.clone();
        }
        match denied {
            Decision::Challenge { bad: Some(scheme) } => {
                let fault = self.fault_of(scheme);
                let (detail, reason, key_id) = match fault {
                    Some(fault) => (fault.detail, Some(fault.reason.clone()), fault.key_id.clone()),
                    None => ("The credential is not valid", None, None),
                };
                let refusal = match scheme.credential {
                    CredentialKind::Token => challenges.bad_token(detail),
                    CredentialKind::ApiKey | CredentialKind::Basic => challenges.bad_key(detail),
                };
                refusal.because(reason, key_id)
            }
            Decision::Forbid(forbidden) => {
                let known = requirement.schemes().find_map(|scheme| match evidences.get(scheme) {
                    Some(Authentication::Valid(principal)) => Some(principal),
                    _ => None,
                });
                let reason = known.map(|principal| subject(principal));
                let key_id =
                    known.and_then(|principal| principal.key_id()).map(ToString::to_string);
                challenge::forbidden(forbidden).because(reason, key_id)
            }
            Decision::Challenge { bad: None } | Decision::Allow { .. } => challenges.missing(),
        }
    }
}

/// For the log. Another issuer's names may hold anything that can be printed, so they stand in quotes.
fn subject(principal: &Principal) -> String {
    match principal.issuer() {
        None => format!("sub={}", principal.subject()),
        Some(issuer) => format!("issuer={issuer} sub={:?}", principal.subject()),
    }
}
