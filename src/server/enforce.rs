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
};

use crate::{
    authority::Authority,
    policy::{Decision, Evidences, Found, Operation, Policy, Requirement, Step},
};

use super::{
    admitted::Admitted,
    credentials::Credentials,
    observe::shape,
    prove::Prover,
    refusal::{Code, Refusal},
    sources::Sources,
};

/// What the middleware works with: who proves, what is demanded.
#[derive(Debug)]
pub(super) struct Enforcement {
    pub(super) authority: Arc<Authority>,
    pub(super) policy: Arc<Policy>,
    pub(super) sources: Sources,
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
    let mut prover = Prover::new(enforcement, credentials);
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
