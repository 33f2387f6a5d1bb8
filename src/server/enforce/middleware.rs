//! The middleware around every application: has each request judged, and lets those pass that may.

use std::{sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method,
        header::{CACHE_CONTROL, HOST, HeaderValue},
    },
};

use log::Level;

use crate::{
    policy::paths::is_same,
    server::{
        context::Context,
        credentials::presented::Presented,
        enforce::{
            access_log::{refuse, shape, would_refuse},
            authenticated::Authenticated,
            enforced_document::EnforcedDocument,
            guard::{Guard, GuardedOperation, Judgement, Verdict},
        },
        http::{code::Code, masked_path::masked, refusal::Refusal, request_info::RequestInfo},
        limits::URL_BYTES,
        routing::{probe::taken, registered::template},
    },
};

/// Kept in the extensions of a request that the guard refused: no handler saw it. Nothing outside of this crate can make
/// one, so an answer that only looks like a refusal is told apart.
pub(crate) struct RefusedByGuard;

/// Lets a request pass to `service` if the document allows it. A refusal is an answer like any other: an `Err` would
/// skip the middleware around this one.
pub(crate) async fn enforce<S, B>(
    context: &Context,
    enforced: &EnforcedDocument,
    request: ServiceRequest,
    service: &S,
) -> Result<ServiceResponse, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let (started, guard) = (Instant::now(), &enforced.guard);
    let Judgement { operation, verdict } = judge(context, guard, &request).await;
    let answer = match verdict {
        Ok(verdict) => pass(context, enforced, operation, verdict, request, service).await,
        Err(_) if let Some(place) = public_place(guard, &request) => {
            pass_to(context, guard, &place, request, service).await
        }
        Err(refusal) if guard.only_reports(operation) => {
            would_refuse(context, request.request(), &refusal);
            // That of a guard around this one.
            request.extensions_mut().remove::<Authenticated>();
            let response = service.call(as_routed(operation, request)).await;
            response.map(|response| shape(context, &guard.rules, response.map_into_boxed_body()))
        }
        Err(refusal) => {
            request.extensions_mut().insert(RefusedByGuard);
            Ok(refuse(context, &guard.rules, request.into_parts().0, &refusal))
        }
    };
    let status = match &answer {
        Ok(response) => response.status(),
        Err(error) => error.as_response_error().status_code(),
    };
    guard.counters(operation).record(status, started.elapsed());
    let mut response = answer?;
    if context.is_stopping() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// The router's own path is judged: it is decoded once, and `%65` in it is an `e` for both.
async fn judge<'g>(context: &Context, guard: &'g Guard, request: &ServiceRequest) -> Judgement<'g> {
    let url_bytes = request.uri().path_and_query().map_or(0, |url| url.as_str().len());
    if url_bytes > URL_BYTES {
        let detail = format!("The URL is longer than {URL_BYTES} bytes.");
        let verdict = Err(Refusal::new(Code::UriTooLong, detail));
        return Judgement { operation: None, verdict };
    }
    let path = request.match_info().get_ref().path();
    let listener = if request.app_config().secure() { "https" } else { "http" };
    let host = request.headers().get(HOST).map(HeaderValue::as_bytes);
    let presented = Presented {
        method: request.method(),
        path,
        query: request.query_string(),
        headers: request.headers(),
        scheme: context.settings.issuer_scheme().unwrap_or(listener),
        // HTTP/2 has no `Host` (RFC 9113 §8.3.1).
        host: host.or_else(|| request.uri().authority().map(|host| host.as_str().as_bytes())),
        peer: RequestInfo::find(request.request()).and_then(|info| info.peer),
    };
    guard.judge(context, &presented, |operation| is_routed(operation, request, path)).await
}

/// Whether the router takes this path for the operation's. It takes what was registered first, documented or not, and
/// the policy what is most specific: where they differ, a handler would run under the requirement of another operation.
fn is_routed(guarded: &GuardedOperation, request: &ServiceRequest, path: &str) -> bool {
    let ask = || is_of(guarded, request.resource_map().match_pattern(path).as_deref());
    let is_routed = guarded.is_routed.as_ref().map_or_else(ask, |known| *known.get_or_init(ask));
    if !is_routed {
        log::error!(
            deferred = true;
            "{} is not served: the router takes {} for another route; register concrete paths first",
            guarded.operation.path,
            masked(path)
        );
    }
    is_routed
}

/// Whether a pattern of the router is the path of the operation.
fn is_of(guarded: &GuardedOperation, pattern: Option<&str>) -> bool {
    pattern.is_some_and(|pattern| is_same(&template(pattern), &guarded.operation.path))
}

async fn pass<S, B>(
    context: &Context,
    enforced: &EnforcedDocument,
    operation: Option<&GuardedOperation>,
    verdict: Verdict,
    request: ServiceRequest,
    service: &S,
) -> Result<ServiceResponse, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let rules = &enforced.guard.rules;
    let is_protected = matches!(verdict, Verdict::Protected(_));
    if let Verdict::Protected(Some(authenticated)) = verdict {
        let principal = Arc::clone(&authenticated.principal);
        request.extensions_mut().insert(authenticated);
        if let Some(source) = enforced.caller.filter(|_| operation.is_some_and(|one| !one.is_own))
            && let Err(refusal) = source(principal, request.request().clone()).await
        {
            if !enforced.guard.only_reports(operation) {
                request.extensions_mut().insert(RefusedByGuard);
                return Ok(refuse(context, rules, request.into_parts().0, &refusal));
            }
            would_refuse(context, request.request(), &refusal);
            request.extensions_mut().remove::<Authenticated>();
        }
    }
    let response = service.call(as_routed(operation, request)).await?;
    let mut response = shape(context, rules, response.map_into_boxed_body());
    if let Some(guarded) = operation
        && let Some(other) = foreign_pattern(guarded, response.request())
    {
        log::error!(
            deferred = true;
            "the answer of {other} to a request for {} is not one of the handler whose `security` was met: a guard of the \
             router chose another one",
            guarded.operation.path
        );
        let refusal = rules.not_found();
        if enforced.guard.only_reports(operation) {
            would_refuse(context, response.request(), &refusal);
        } else {
            response = refuse(context, rules, response.into_parts().0, &refusal);
        }
    }
    if is_protected && !response.headers().contains_key(CACHE_CONTROL) {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// The request as the router is to see it. Where HEAD is not documented it is GET without the body: the codec leaves the
/// body out, the router knows only GET.
fn as_routed(operation: Option<&GuardedOperation>, mut request: ServiceRequest) -> ServiceRequest {
    if *request.method() == Method::HEAD
        && operation.is_some_and(|guarded| guarded.operation.method == "GET")
    {
        request.head_mut().method = Method::GET;
    }
    request
}

/// What of the router is public, and what scopes around the guard have taken of the path.
struct PublicPlace {
    /// None where it is the fallback.
    pattern: Option<String>,
    taken: usize,
}

/// The public place that a request goes to, where the document has nothing at its path.
fn public_place(guard: &Guard, request: &ServiceRequest) -> Option<PublicPlace> {
    let public = &guard.rules.public;
    let path = request.match_info().get_ref().path();
    let is_read = [Method::GET, Method::HEAD].contains(request.method());
    let is_unknown = |path: &str| guard.is_unknown(request.method().as_str(), path);
    if public.is_empty() || !is_read || !is_unknown(path) || !is_unknown(&without_slashes(path)) {
        return None;
    }
    let pattern = request.resource_map().match_pattern(path);
    let taken = taken(request.request()).len();
    public.has(pattern.as_deref()).then_some(PublicPlace { pattern, taken })
}

/// A path without the slashes that a middleware inside of the guard may take from it, before the router sees it.
fn without_slashes(path: &str) -> String {
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .fold(String::new(), |path, segment| path + "/" + segment)
}

/// Passes a request on to a public place. The router's map knows no guards: where one had another handler answer, or a
/// scope its own fallback, the answer is withheld.
async fn pass_to<S, B>(
    context: &Context,
    guard: &Guard,
    place: &PublicPlace,
    mut request: ServiceRequest,
    service: &S,
) -> Result<ServiceResponse, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    request.head_mut().method = Method::GET;
    let response = service.call(request).await?;
    let response = shape(context, &guard.rules, response.map_into_boxed_body());
    let answered_by = response.request().match_pattern();
    let is_there = match &place.pattern {
        Some(_) => answered_by == place.pattern,
        None => taken(response.request()).len() == place.taken,
    };
    if is_there {
        return Ok(response);
    }
    // Anybody can ask for what a scope does not have: that is no error.
    let level = if place.pattern.is_some() { Level::Error } else { Level::Debug };
    log::log!(
        level,
        deferred = true;
        "the answer of {} to a request for the public place {} is withheld: make that one public too, if it is",
        answered_by.as_deref().unwrap_or("the fallback of a scope"),
        place.pattern.as_deref().unwrap_or("that is the fallback of the application")
    );
    Ok(refuse(context, &guard.rules, response.into_parts().0, &guard.rules.not_found()))
}

/// The pattern of the handler that answered, where it is not the one of the operation. Only routes that were added to
/// the application of a site can be such: the others were compared with the policy at start.
fn foreign_pattern(guarded: &GuardedOperation, request: &HttpRequest) -> Option<String> {
    let pattern = if guarded.is_registered { None } else { request.match_pattern() };
    pattern.filter(|pattern| !is_of(guarded, Some(pattern)))
}
