//! The one middleware: finds the operation, proves the credentials that its requirement could use,
//! decides. Here `authority` and `policy` meet; this is the file to review.
//!
//! Must not know bcrypt, JWT or any single operation.

use std::sync::Arc;

use actix_web::{
    Error, HttpMessage,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, header},
    middleware::Next,
    web,
};
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::{
    authority::Authority,
    policy::{Decision, Evidence, Evidences, Found, Operation, Policy, Requirement, Scheme, Step},
    roster::ApiKey,
    tokens::TokenRefusal,
};

use super::{
    admitted::Admitted,
    challenge,
    credentials::{Credential, Credentials, Presented},
    observe::shape,
    refusal::{Code, Refusal},
};

/// What the middleware works with: who proves, what is demanded.
#[derive(Debug)]
pub(super) struct Enforcement {
    pub(super) authority: Arc<Authority>,
    pub(super) policy: Arc<Policy>,
    pub(super) session_cookie: String,
}

/// Lets a request pass to its handler if the document allows it; a denial is a response like any other.
pub(super) async fn enforce<B: MessageBody + 'static>(
    enforcement: Arc<Enforcement>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<EitherBody<B>>>, Error> {
    let response = match judge(&enforcement, &mut request).await {
        Ok(protected) => {
            let mut response = next.call(request).await?;
            if protected && !response.headers().contains_key(header::CACHE_CONTROL) {
                let no_store = header::HeaderValue::from_static("no-store");
                response.headers_mut().insert(header::CACHE_CONTROL, no_store);
            }
            response.map_into_left_body()
        }
        Err(refusal) => request.error_response(refusal).map_into_right_body(),
    };
    Ok(shape(response))
}

/// Whether the operation is a protected one; a request that may not pass is refused.
async fn judge(enforcement: &Enforcement, request: &mut ServiceRequest) -> Result<bool, Refusal> {
    let operation = find(&enforcement.policy, request)?;
    // Undocumented, HEAD is GET without the body: the codec leaves the body out, the router knows only GET.
    if *request.method() == Method::HEAD && operation.method == "GET" {
        request.head_mut().method = Method::GET;
    }
    let requirement = &operation.requirement;
    if *requirement == Requirement::Public {
        return Ok(false);
    }
    let credentials = Credentials::read(request, requirement, &enforcement.session_cookie)?;
    let mut prover = Prover { enforcement, credentials, api_key: None, faults: Vec::new() };
    let mut evidences = Evidences::default();
    let decision = loop {
        match requirement.weigh(&evidences) {
            Step::Prove(scheme) => evidences.insert(scheme, prover.prove(scheme).await?),
            Step::Decided(decision) => break decision,
        }
    };
    match decision {
        Decision::Allow { principal: Some((principal, scheme)) } => {
            request.extensions_mut().insert(Admitted { principal, scheme: scheme.name.clone() });
            Ok(true)
        }
        Decision::Allow { principal: None } => Ok(true),
        denied => Err(prover.refuse(requirement, denied, &evidences)),
    }
}

/// The document's operation for the request, by the very path that the router uses: it is decoded once,
/// and `%65` in it is an `e` for both.
fn find<'p>(policy: &'p Policy, request: &ServiceRequest) -> Result<&'p Operation, Refusal> {
    let path = request.match_info().get_ref().path();
    match policy.find(request.method().as_str(), path) {
        Found::Operation(operation)
            if operation.overlaps && !router_agrees(operation, request, path) =>
        {
            log::error!(
                "{} is shadowed by a path that was registered before it and is not served: \
                 register concrete paths first",
                operation.path
            );
            Err(not_found())
        }
        Found::Operation(operation) => Ok(operation),
        Found::MethodNotAllowed { allow } => {
            let detail = format!("This path takes {allow}.");
            Err(Refusal::new(Code::MethodNotAllowed, detail).header(header::ALLOW, allow))
        }
        Found::NotFound => Err(not_found()),
    }
}

fn not_found() -> Refusal {
    Refusal::new(
        Code::NotFound,
        "There is nothing at this path; /openapi.json lists what there is.",
    )
}

/// Where two templates fit one path, the router takes the one that was registered first and the policy the
/// more specific one. If these differ, one operation's handler would run under the other's requirement.
fn router_agrees(operation: &Operation, request: &ServiceRequest, path: &str) -> bool {
    request.resource_map().match_pattern(path).is_some_and(|pattern| pattern == operation.path)
}

/// Proves credentials one by one as the policy asks for them, an API key at most once a request.
struct Prover<'e> {
    enforcement: &'e Enforcement,
    credentials: Credentials,
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

impl Prover<'_> {
    async fn prove(&mut self, scheme: &Scheme) -> Result<Evidence, Refusal> {
        match self.credentials.presented(scheme, &self.enforcement.session_cookie) {
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
        match self.enforcement.authority.authenticate_token(token, Timestamp::now()) {
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

    /// Hashes on the blocking pool; a key that is no key costs nothing.
    async fn prove_key(
        &mut self,
        scheme: &Scheme,
        text: &str,
        name: Option<&str>,
    ) -> Result<Evidence, Refusal> {
        let Ok(key) = ApiKey::parse(text) else {
            return Ok(self.fault(scheme, BAD_KEY, "the API key is malformed".to_owned(), None));
        };
        let key_id = key.id().to_string();
        let authority = Arc::clone(&self.enforcement.authority);
        let proven = web::block(move || authority.authenticate_key(&key, Timestamp::now())).await;
        match proven.map_err(|_| Refusal::internal("the blocking pool is gone".to_owned()))? {
            Ok(principal) if name.is_some_and(|name| name != principal.subject().as_str()) => {
                let reason = "the API key belongs to another client than the one named";
                Ok(self.fault(scheme, BAD_KEY, reason.to_owned(), Some(key_id)))
            }
            Ok(principal) => Ok(Evidence::Proven(Arc::new(principal))),
            Err(refusal) => Ok(self.fault(scheme, BAD_KEY, refusal.to_string(), Some(key_id))),
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

    fn refuse(
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
                challenge::bad(requirement, scheme, &self.enforcement.session_cookie, detail)
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
