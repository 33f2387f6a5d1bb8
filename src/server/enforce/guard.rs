//! The policy of a document with everything that can be known of its operations before a request arrives, and the
//! judgement of a request. Here `authority` and `policy` meet.

use std::sync::{Arc, OnceLock};

use actix_web::http::header::{self, HeaderName};

use crate::{
    diagnostics::Diagnostics,
    policy::{
        compiled::{Lookup, Policy},
        decision::{Authentications, Decision, Evaluation},
        operation::Operation,
        requirement::Requirement,
        scheme::{Location, Scheme, SchemeKind},
    },
    server::{
        context::Context,
        counters::{self, operation_counters::OperationCounters},
        credentials::{
            authenticator::Authenticator, locations::Locations, presented::Presented,
            request_credentials::RequestCredentials, scheme_issuers::SchemeIssuers,
        },
        enforce::{
            authenticated::Authenticated,
            challenge::{self, Challenges},
            site_rules::SiteRules,
        },
        http::{
            code::Code,
            refusal::{Refusal, Shape},
        },
        routing::route_conflicts::Routing,
    },
};

/// What enforces one document.
#[derive(Debug)]
pub(crate) struct Guard {
    policy: Arc<Policy>,
    /// By the position of the operation in the policy.
    operations: Vec<GuardedOperation>,
    issuers: SchemeIssuers,
    unknown: OperationCounters,
    /// The headers that hold API keys.
    pub(crate) key_headers: Vec<HeaderName>,
    pub(crate) rules: Arc<SiteRules>,
}

/// An operation, and what is known of it before a request for it arrives.
#[derive(Debug)]
pub(crate) struct GuardedOperation {
    pub(crate) operation: Operation,
    /// None where a proxy asks about requests for it.
    pub(crate) counters: Option<OperationCounters>,
    /// Whether the site itself registers a handler for it, so that the router was compared with the policy at start.
    pub(crate) is_registered: bool,
    /// Whether it is one of hallpass' own.
    pub(crate) is_own: bool,
    /// Whether the router takes the path for this operation; known once asked, where the path has no parameters.
    pub(crate) is_routed: Option<OnceLock<bool>>,
    locations: Locations,
    challenges: Challenges,
    /// Whether users' passwords are accepted as Basic. OAuth2 endpoints authenticate clients (RFC 6749 §2.3.1).
    takes_passwords: bool,
}

/// What becomes of a request.
pub(crate) struct Judgement<'g> {
    /// The operation that it asks for; none where the document has none.
    pub(crate) operation: Option<&'g GuardedOperation>,
    /// It may pass, or why not.
    pub(crate) verdict: Result<Verdict, Refusal>,
}

/// A request that may pass.
pub(crate) enum Verdict {
    /// The operation is public: no credential was read.
    Public,
    /// The operation is protected; the authentication is that of the alternative that was met, none where anonymous
    /// requests may pass too.
    Protected(Option<Authenticated>),
}

impl Guard {
    /// # Errors
    /// A metric that cannot be made, by a mistake of ours.
    pub(crate) fn new(
        policy: Policy,
        routing: &Routing,
        rules: Arc<SiteRules>,
        issuers: SchemeIssuers,
        context: &Context,
    ) -> Result<Self, Diagnostics> {
        let guarded = |operation: &Operation| {
            let counters = OperationCounters::new(operation, &context.counters);
            let shape = rules.own.shape(&operation.path);
            Ok(GuardedOperation {
                counters: Some(counters.map_err(counters::diagnostic)?),
                is_registered: routing.registered.contains(&operation.position),
                is_own: rules.is_own(operation),
                is_routed: (!operation.path.contains('{')).then(OnceLock::new),
                locations: Locations::new(&operation.requirement),
                challenges: Challenges::new(&operation.requirement, shape),
                takes_passwords: shape != Shape::OAuth,
                operation: operation.clone(),
            })
        };
        let operations = policy.operations().map(guarded).collect::<Result<_, Diagnostics>>()?;
        Self::with_operations(Arc::new(policy), operations, rules, issuers, context)
    }

    /// What judges the requests that proxies ask about: no router takes them.
    ///
    /// # Errors
    /// A metric that cannot be made, by a mistake of ours.
    pub(crate) fn for_proxies(
        policy: Arc<Policy>,
        issuers: SchemeIssuers,
        context: &Context,
    ) -> Result<Self, Diagnostics> {
        let guarded = |operation: &Operation| GuardedOperation {
            counters: None,
            is_registered: false,
            is_own: false,
            is_routed: None,
            locations: Locations::new(&operation.requirement),
            challenges: Challenges::new(&operation.requirement, Shape::Problem),
            takes_passwords: true,
            operation: operation.clone(),
        };
        let operations = policy.operations().map(guarded).collect();
        Self::with_operations(policy, operations, Arc::default(), issuers, context)
    }

    fn with_operations(
        policy: Arc<Policy>,
        operations: Vec<GuardedOperation>,
        rules: Arc<SiteRules>,
        issuers: SchemeIssuers,
        context: &Context,
    ) -> Result<Self, Diagnostics> {
        let unknown = OperationCounters::for_unknown(&context.counters);
        let unknown = unknown.map_err(counters::diagnostic)?;
        let key_headers = policy.schemes().iter().filter_map(|scheme| key_header(scheme)).collect();
        Ok(Self { operations, issuers, unknown, key_headers, rules, policy })
    }

    /// Decides whether a request may pass. Without a handler, where `is_served` says so, the operation is not found and
    /// no credential is read.
    pub(crate) async fn judge(
        &self,
        context: &Context,
        presented: &Presented<'_>,
        is_served: impl FnOnce(&GuardedOperation) -> bool,
    ) -> Judgement<'_> {
        match self.find(presented.method.as_str(), presented.path) {
            Ok(operation) if !is_served(operation) => {
                Judgement { operation: None, verdict: Err(self.rules.not_found()) }
            }
            Ok(operation) => Judgement {
                operation: Some(operation),
                verdict: self.authorize(context, operation, presented).await,
            },
            Err(refusal) => Judgement { operation: None, verdict: Err(refusal) },
        }
    }

    /// The counters of an operation, or of all requests that the document has no operation for.
    pub(crate) fn counters<'g>(
        &'g self,
        operation: Option<&'g GuardedOperation>,
    ) -> &'g OperationCounters {
        operation.and_then(|operation| operation.counters.as_ref()).unwrap_or(&self.unknown)
    }

    pub(crate) fn issuers(&self) -> &SchemeIssuers {
        &self.issuers
    }

    pub(crate) fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// As [`Policy::is_ambiguous`].
    pub(crate) fn is_ambiguous(&self, method: &str, path: &str) -> bool {
        self.policy.is_ambiguous(method, path)
    }

    /// Whether refused requests for the operation, or for none of the document, pass.
    pub(crate) fn only_reports(&self, operation: Option<&GuardedOperation>) -> bool {
        self.rules.reports_only && !operation.is_some_and(|guarded| guarded.is_own)
    }

    /// Whether the document has no operation of any method at a path.
    pub(crate) fn is_unknown(&self, method: &str, path: &str) -> bool {
        matches!(self.policy.find(method, path), Lookup::NotFound)
    }

    /// Whether the document has this operation.
    pub(crate) fn documents(&self, method: &str, path: &str) -> bool {
        self.find(method, path).is_ok()
    }

    /// Whether the document has this operation, and does not deny it to everybody.
    pub(crate) fn has_operation(&self, method: &str, path: &str) -> bool {
        let is_denied =
            |guarded: &GuardedOperation| guarded.operation.requirement == Requirement::Denied;
        self.find(method, path).is_ok_and(|guarded| !is_denied(guarded))
    }

    /// Judges a request as one for the operation of its method at another `path`, or else as one for `GET`.
    pub(crate) async fn judge_as(
        &self,
        context: &Context,
        path: &str,
        presented: &Presented<'_>,
    ) -> Judgement<'_> {
        match self.operation_at(presented.method.as_str(), path) {
            Some(operation) => Judgement {
                operation: Some(operation),
                verdict: self.authorize(context, operation, presented).await,
            },
            None => Judgement { operation: None, verdict: Err(self.rules.not_found()) },
        }
    }

    /// The operation of a method at a path, or else that of `GET`.
    pub(crate) fn operation_at(&self, method: &str, path: &str) -> Option<&GuardedOperation> {
        self.find(method, path).or_else(|_| self.find("GET", path)).ok()
    }

    fn find(&self, method: &str, path: &str) -> Result<&GuardedOperation, Refusal> {
        match self.policy.find(method, path) {
            Lookup::Operation(operation) => {
                self.operations.get(operation.position).ok_or_else(|| self.rules.not_found())
            }
            Lookup::MethodNotAllowed { allow } => {
                let detail = format!("This path takes {allow}.");
                Err(Refusal::new(Code::MethodNotAllowed, detail).header(header::ALLOW, allow))
            }
            Lookup::NotFound => Err(self.rules.not_found()),
        }
    }

    async fn authorize(
        &self,
        context: &Context,
        guarded: &GuardedOperation,
        presented: &Presented<'_>,
    ) -> Result<Verdict, Refusal> {
        let requirement = &guarded.operation.requirement;
        if *requirement == Requirement::Public {
            return Ok(Verdict::Public);
        }
        let credentials = RequestCredentials::read(presented, &guarded.locations)?;
        let mut authenticator = Authenticator::new(
            &context.clock,
            &context.secrets,
            &context.lookups,
            &self.issuers,
            &credentials,
            presented.peer,
            guarded.takes_passwords,
        );
        let mut authentications = Authentications::default();
        let decision = loop {
            match requirement.evaluate(&authentications) {
                Evaluation::Authenticate(scheme) => {
                    let authentication = authenticator.authenticate(scheme).await;
                    authentications.insert(scheme, authentication);
                }
                Evaluation::Decided(decision) => break decision,
            }
        };
        match decision {
            Decision::Allow { principal } => {
                let authenticated = principal.map(|(principal, scheme)| Authenticated {
                    principal,
                    scheme: Arc::clone(&scheme.name),
                });
                Ok(Verdict::Protected(authenticated))
            }
            Decision::Challenge { invalid } => {
                Err(guarded.challenges.refuse(invalid, &authentications, &authenticator))
            }
            // What could not be checked might have been enough.
            Decision::Forbid(_) if let Some(unavailable) = authenticator.unavailable() => {
                Err(unavailable.clone())
            }
            Decision::Forbid(forbidden) => {
                Err(challenge::forbid(forbidden, requirement, &authentications))
            }
        }
    }
}

/// The header that holds the key of a scheme; a name that no header can have is never sent.
fn key_header(scheme: &Scheme) -> Option<HeaderName> {
    match &scheme.kind {
        SchemeKind::ApiKey { location: Location::Header, name } => {
            HeaderName::from_bytes(name.as_bytes()).ok()
        }
        _ => None,
    }
}
