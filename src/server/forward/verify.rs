//! `/verify`: whether the request that a proxy asks about may pass.

use std::{borrow::Cow, sync::Arc, time::Instant};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method, StatusCode,
        header::{
            ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CACHE_CONTROL, HOST, HeaderMap,
            HeaderValue, ORIGIN,
        },
    },
};

use crate::{
    policy::{operation::Operation, paths::decoded},
    principal::Principal,
    server::{
        context::Context,
        credentials::presented::Presented,
        enforce::{
            access_log::{refuse, would_refuse},
            guard::{Guard, Verdict},
        },
        forward::{
            backend_token::{backend_token, nobodys_token},
            demands::Demands,
            followed_policy::FollowedPolicy,
            header_names::refuse_aliases,
            identity,
            original::{Asked, Original, embedded},
            original_path::Rejected,
        },
        http::{
            code::Code,
            peer::is_from_trusted_proxy,
            refusal::Refusal,
            request_info::{ForwardedRequest, RequestInfo},
        },
    },
};

/// The methods of requests that may pass (RFC 9110 §9.1, RFC 5789, OpenAPI 3.2).
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"];

/// Who sent a request that may pass.
enum Sender {
    Known(Arc<Principal>),
    Anonymous,
    /// A browser that asks before it sends the request itself.
    Preflight,
}

impl Sender {
    fn principal(&self) -> Option<&Arc<Principal>> {
        match self {
            Self::Known(principal) => Some(principal),
            Self::Anonymous | Self::Preflight => None,
        }
    }
}

/// What becomes of a question.
struct Answer<'g> {
    /// The operation of the policy file that the original request asks for, where there is such a file.
    operation: Option<&'g Operation>,
    verdict: Result<Sender, Refusal>,
}

impl From<Refusal> for Answer<'_> {
    fn from(refusal: Refusal) -> Self {
        Self { operation: None, verdict: Err(refusal) }
    }
}

/// Answers a proxy's question. `guard` is that of the published document: without a policy file its own operation says
/// which credentials are taken.
pub(crate) async fn answer(
    context: &Context,
    guard: &Guard,
    policy: Option<&FollowedPolicy>,
    request: ServiceRequest,
) -> ServiceResponse {
    let started = Instant::now();
    let policy = policy.map(FollowedPolicy::guard);
    let verify = guard.rules.own.verify().unwrap_or_default();
    let judging = policy.as_deref().map_or(Judging::Own(guard), Judging::File);
    let is_trusted = is_from_trusted_proxy(request.request(), &context.settings.trusted_proxies);
    let Answer { operation, verdict } = match is_trusted {
        true => decide(context, judging, verify, &request).await,
        false => denied("whoever asks is not among HALLPASS_TRUSTED_PROXIES").into(),
    };
    let reports_only = is_trusted && context.settings.reports_only;
    let verdict = match verdict {
        Ok(sender) => with_token(context, request.request(), sender).await,
        Err(refusal) => Err(refusal),
    };
    let verdict = verdict.map_err(restrict);
    let reason = match &verdict {
        Ok((Sender::Known(_), _)) => "authenticated".into(),
        Ok((Sender::Anonymous, _)) => "anonymous".into(),
        Ok((Sender::Preflight, _)) => "preflight".into(),
        Err(refusal) => Cow::Owned(refusal.told_code()),
    };
    let request = request.into_parts().0;
    let asked = guard.operation_at(request.method().as_str(), verify);
    let decision = decision(verdict.as_ref().err().map(Refusal::status), reports_only);
    let mut response = match verdict {
        Ok((sender, token)) => allow(request, sender.principal().map(Arc::as_ref), token),
        // For nobody: to the backend an identity says that this caller may send this request.
        Err(refusal) if reports_only => {
            would_refuse(context, &request, &refusal);
            allow(request, None, nobodys_token(context))
        }
        Err(refusal) => refuse(context, &guard.rules, request, &refusal),
    };
    let status = response.status();
    context.counters.verified(operation, decision, &reason);
    guard.counters(asked).record(status, started.elapsed());
    if context.is_stopping() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}

/// The sender, with the token for the backend where it gets one.
async fn with_token(
    context: &Context,
    request: &HttpRequest,
    sender: Sender,
) -> Result<(Sender, Option<HeaderValue>), Refusal> {
    let token = backend_token(context, request, sender.principal()).await?;
    Ok((sender, token))
}

fn allow(
    request: HttpRequest,
    principal: Option<&Principal>,
    token: Option<HeaderValue>,
) -> ServiceResponse {
    let mut response = HttpResponse::Ok().finish();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    identity::tell(principal, token, response.headers_mut());
    ServiceResponse::new(request, response)
}

/// The word of a decision in the metrics, from the status of the refusal.
fn decision(refused: Option<StatusCode>, reports_only: bool) -> &'static str {
    match (refused, reports_only) {
        (None, _) => "allow",
        (Some(StatusCode::UNAUTHORIZED), false) => "challenge",
        (Some(StatusCode::UNAUTHORIZED), true) => "would-challenge",
        (Some(StatusCode::FORBIDDEN), false) => "forbid",
        (Some(StatusCode::FORBIDDEN), true) => "would-forbid",
        (Some(_), false) => "unavailable",
        (Some(_), true) => "would-be-unavailable",
    }
}

/// Proxies understand few statuses: nginx makes a 500 of every other one.
fn restrict(refusal: Refusal) -> Refusal {
    match refusal.status() {
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::SERVICE_UNAVAILABLE => refusal,
        status if status.is_server_error() => refusal.with_status(StatusCode::SERVICE_UNAVAILABLE),
        _ => refusal.with_status(StatusCode::FORBIDDEN),
    }
}

fn denied(why: Rejected) -> Refusal {
    Refusal::new(Code::Denied, format!("The request may not pass: {why}."))
        .because(Some(why.to_owned()), None)
}

/// What judges original requests.
#[derive(Clone, Copy)]
enum Judging<'g> {
    /// The operation of `/verify` in the published document: every path is the same to it.
    Own(&'g Guard),
    /// The policy file.
    File(&'g Guard),
}

async fn decide<'g>(
    context: &Context,
    judging: Judging<'g>,
    verify: &str,
    request: &ServiceRequest,
) -> Answer<'g> {
    let (Judging::Own(guard) | Judging::File(guard)) = judging;
    let headers = request.headers();
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let (original, demands) = match read(guard, verify, request, target) {
        Ok(read) => read,
        Err(rejected) => return denied(rejected).into(),
    };
    if let Judging::File(guard) = judging
        && guard.is_ambiguous(original.method.as_str(), original.path)
    {
        return denied("the path could be read as another one of the policy").into();
    }
    let path = decoded(original.path);
    if let Some(wanted) = preflight_for(&original.method, headers)
        && match judging {
            Judging::Own(_) => METHODS.contains(&wanted),
            // An OPTIONS that is documented has a requirement of its own.
            Judging::File(_) => {
                guard.has_operation(wanted, &path) && !guard.documents("OPTIONS", &path)
            }
        }
    {
        return Answer { operation: None, verdict: Ok(Sender::Preflight) };
    }
    let presented = presented(context, request, &original, &path);
    let (operation, verdict) = match judging {
        Judging::Own(_) if !METHODS.contains(&original.method.as_str()) => {
            return denied("the method is not a known one").into();
        }
        Judging::Own(guard) => (None, guard.judge_as(context, verify, &presented).await.verdict),
        Judging::File(guard) => {
            let judgement = guard.judge(context, &presented, |_| true).await;
            match judgement.operation {
                Some(guarded) => (Some(&guarded.operation), judgement.verdict),
                None => return denied("the policy has no operation for it").into(),
            }
        }
    };
    let verdict = match verdict {
        Ok(Verdict::Public) => Ok(None),
        _ if is_joined(headers, guard) => Err(joined()),
        Ok(Verdict::Protected(authenticated)) => Ok(authenticated.map(|known| known.principal)),
        Err(refusal) => Err(refusal),
    };
    let verdict = verdict.and_then(|sender| {
        demands.check(sender.as_deref())?;
        Ok(sender.map_or(Sender::Anonymous, Sender::Known))
    });
    Answer { operation, verdict }
}

/// Reads the question, and leaves the original request for the log.
fn read<'r>(
    guard: &Guard,
    verify: &str,
    request: &'r ServiceRequest,
    target: &'r str,
) -> Result<(Original<'r>, Demands), Rejected> {
    let headers = request.headers();
    let embedded = embedded(target, verify);
    let asked = Asked::read(request.method(), embedded, headers)?;
    let (method, path) = (asked.method.clone(), asked.path().to_owned());
    request.extensions_mut().insert(ForwardedRequest { method, path });
    refuse_aliases(headers, &guard.key_headers)?;
    Ok((Original::read(asked, headers)?, Demands::read(target, embedded.is_some())?))
}

/// The original request, with the credentials of the asking one.
fn presented<'r>(
    context: &'r Context,
    request: &'r ServiceRequest,
    original: &'r Original<'_>,
    path: &'r str,
) -> Presented<'r> {
    let listener = if request.app_config().secure() { "https" } else { "http" };
    let headers = request.headers();
    let host = original.host.map(str::as_bytes);
    let host = host.or_else(|| headers.get(HOST).map(HeaderValue::as_bytes));
    Presented {
        method: &original.method,
        path,
        query: original.query,
        headers,
        scheme: original.scheme.or(context.settings.issuer_scheme()).unwrap_or(listener),
        // HTTP/2 has no `Host` (RFC 9113 §8.3.1).
        host: host.or_else(|| request.uri().authority().map(|host| host.as_str().as_bytes())),
        peer: RequestInfo::find(request.request()).and_then(|info| info.peer),
    }
}

/// The method for which a browser asks before it sends a request of another origin (Fetch Standard, CORS-preflight
/// fetch).
fn preflight_for<'r>(method: &Method, headers: &'r HeaderMap) -> Option<&'r str> {
    let once = |name| {
        let mut values = headers.get_all(name);
        values.next().filter(|_| values.next().is_none())
    };
    once(ORIGIN).filter(|_| *method == Method::OPTIONS)?;
    once(ACCESS_CONTROL_REQUEST_METHOD)?.to_str().ok()
}

/// Whether a proxy has joined two values to one: a backend may take either of them.
fn is_joined(headers: &HeaderMap, guard: &Guard) -> bool {
    let is_ours = |part: &[u8]| {
        let scheme = part.trim_ascii_start().get(..5).unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"beare") || scheme.eq_ignore_ascii_case(b"basic")
    };
    let mut authorizations = headers.get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    let mut keys = guard.key_headers.iter().flat_map(|name| headers.get_all(name));
    authorizations.any(|line| line.contains(&b',') && line.split(|byte| *byte == b',').any(is_ours))
        || keys.any(|key| key.as_bytes().contains(&b','))
}

fn joined() -> Refusal {
    let what = "Several credentials were joined by commas in one header: send one.";
    Refusal::new(Code::AmbiguousCredentials, what)
}
