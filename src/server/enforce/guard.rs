//! The one middleware: finds the operation, proves the credentials that its requirement could use,
//! decides. Here `authority` and `policy` meet; this is the file to review.
//!
//! Must not know bcrypt, JWT or any single operation.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
    time::Instant,
};

use actix_web::{
    Error, HttpMessage,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{ConnectionType, Method, header},
    middleware::Next,
};

use crate::{
    authority::Authority,
    policy::{
        compiled::{Lookup, Policy},
        decision::{Authentications, Decision, Evaluation},
        operation::Operation,
        requirement::Requirement,
    },
};

use crate::server::{
    counters::operation_counters::Meters,
    credentials::{
        authenticator::Prover, external_issuers::Sources, locations::Places, read::Credentials,
    },
    enforce::authenticated::Authenticated,
    enforce::{
        access_log::{refuse, shape},
        challenge::Challenges,
    },
    gate::Gate,
    http::{code::Code, refusal::Refusal},
    limits,
};

/// What the middleware works with: who proves, what is demanded.
#[derive(Debug)]
pub(crate) struct Enforcement {
    pub(crate) authority: Arc<Authority>,
    pub(crate) policy: Policy,
    pub(crate) sources: Sources,
    pub(crate) gate: Gate,
    meters: Meters,
    /// For each operation, by its position.
    foreseen: Vec<Foreseen>,
}

/// What is known of an operation before the request comes.
#[derive(Debug)]
struct Foreseen {
    places: Places,
    challenges: Challenges,
    /// Whether the router agrees on a path without parameters: asked once, since the routes stay.
    agreed: Option<OnceLock<bool>>,
}

impl Enforcement {
    /// Enforces `policy` for what the gate's authority proves.
    pub(crate) fn new(gate: Gate, policy: Policy, sources: Sources, meters: Meters) -> Self {
        let authority = Arc::clone(gate.shared_authority());
        let foreseen = policy.operations().map(|operation| Foreseen {
            places: Places::of(&operation.requirement),
            challenges: Challenges::of(&operation.requirement),
            agreed: (!operation.path.contains('{')).then(OnceLock::new),
        });
        let foreseen = foreseen.collect();
        Self { authority, policy, sources, gate, meters, foreseen }
    }

    fn foreseen(&self, operation: &Operation) -> Option<&Foreseen> {
        self.foreseen.get(operation.position)
    }

    /// Whether the router takes this path for the operation's. It takes what was registered first, documented or
    /// not, and the policy what is most specific: where they differ, a handler would run under the requirement
    /// of another operation.
    fn router_agrees(&self, operation: &Operation, request: &ServiceRequest, path: &str) -> bool {
        let ask = || {
            request
                .resource_map()
                .match_pattern(path)
                .is_some_and(|pattern| template(&pattern) == operation.path)
        };
        let agreed = self.foreseen(operation).and_then(|foreseen| foreseen.agreed.as_ref());
        agreed.map_or_else(ask, |agreed| *agreed.get_or_init(ask))
    }
}

/// Lets a request pass to its handler if the document allows it; a denial is a response like any other.
pub(crate) async fn enforce(
    enforcement: Arc<Enforcement>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let started = Instant::now();
    let (meter, answer) = match find(&enforcement, &request) {
        Ok(operation) => {
            let answer = answer(&enforcement, operation, request, next).await;
            (enforcement.meters.of(operation), answer)
        }
        Err(refusal) => {
            (enforcement.meters.of_none(), Ok(refuse(request.into_parts().0, &refusal)))
        }
    };
    meter.record(&answer, started.elapsed());
    let mut response = answer?;
    if enforcement.gate.is_stopping() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

async fn answer(
    enforcement: &Enforcement,
    operation: &Operation,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let protected = match judge(enforcement, operation, &request).await {
        Ok(protected) => protected,
        Err(refusal) => return Ok(refuse(request.into_parts().0, &refusal)),
    };
    // Undocumented, HEAD is GET without the body: the codec leaves the body out, the router knows only GET.
    if *request.method() == Method::HEAD && operation.method == "GET" {
        request.head_mut().method = Method::GET;
    }
    let mut response = shape(next.call(request).await?);
    if protected && !response.headers().contains_key(header::CACHE_CONTROL) {
        let no_store = header::HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    }
    Ok(response)
}

/// Whether the operation is a protected one; a request that may not pass is refused.
async fn judge(
    enforcement: &Enforcement,
    operation: &Operation,
    request: &ServiceRequest,
) -> Result<bool, Refusal> {
    let requirement = &operation.requirement;
    if *requirement == Requirement::Public {
        return Ok(false);
    }
    let foreseen = enforcement.foreseen(operation).ok_or_else(not_found)?;
    let credentials = Credentials::read(request, &foreseen.places)?;
    let mut prover = Prover::new(enforcement, request.request(), &credentials);
    let mut evidences = Authentications::default();
    let decision = loop {
        match requirement.evaluate(&evidences) {
            Evaluation::Authenticate(scheme) => {
                evidences.insert(scheme, prover.prove(scheme).await)
            }
            Evaluation::Decided(decision) => break decision,
        }
    };
    match decision {
        Decision::Allow { principal: Some((principal, scheme)) } => {
            request
                .extensions_mut()
                .insert(Authenticated { principal, scheme: Arc::clone(&scheme.name) });
            Ok(true)
        }
        Decision::Allow { principal: None } => Ok(true),
        denied => Err(prover.refuse(requirement, &foreseen.challenges, denied, &evidences)),
    }
}

/// The document's operation for the request, by the very path that the router uses: it is decoded once,
/// and `%65` in it is an `e` for both.
fn find<'e>(
    enforcement: &'e Enforcement,
    request: &ServiceRequest,
) -> Result<&'e Operation, Refusal> {
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if address > limits::ADDRESS {
        let detail = format!("The address is longer than {} bytes.", limits::ADDRESS);
        return Err(Refusal::new(Code::UriTooLong, detail));
    }
    let path = request.match_info().get_ref().path();
    match enforcement.policy.find(request.method().as_str(), path) {
        Lookup::Operation(operation) if !enforcement.router_agrees(operation, request, path) => {
            log::error!(
                "{} is not served: the router takes {path} for another route; register concrete paths first",
                operation.path
            );
            Err(not_found())
        }
        Lookup::Operation(operation) => Ok(operation),
        Lookup::MethodNotAllowed { allow } => {
            let detail = format!("This path takes {allow}.");
            Err(Refusal::new(Code::MethodNotAllowed, detail).header(header::ALLOW, allow))
        }
        Lookup::NotFound => Err(not_found()),
    }
}

fn not_found() -> Refusal {
    Refusal::new(
        Code::NotFound,
        "There is nothing at this path; /openapi.json lists what there is.",
    )
}

/// A pattern of the router as the document writes it: `/x/{id:[0-9]{2}}` is `/x/{id}`.
pub(crate) fn template(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains(':') {
        return Cow::Borrowed(pattern);
    }
    let (mut template, mut depth, mut in_regex) = (String::new(), 0_usize, false);
    for character in pattern.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 1 => in_regex = true,
            _ => {}
        }
        in_regex &= depth > 0;
        if !in_regex {
            template.push(character);
        }
    }
    Cow::Owned(template)
}
