//! `/verify`: whether the request that a proxy asks about may pass.

use std::{sync::Arc, time::Instant};

use actix_web::{
    HttpMessage, HttpRequest, HttpResponse,
    dev::{ServiceRequest, ServiceResponse},
    http::{
        ConnectionType, Method, StatusCode,
        header::{
            ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CACHE_CONTROL, HOST, HeaderMap,
            HeaderValue, ORIGIN, WWW_AUTHENTICATE,
        },
    },
};

use crate::{
    oauth::{Role, Scope},
    principal::Principal,
    server::{
        context::Context,
        credentials::presented::Presented,
        enforce::{
            access_log::refuse,
            challenge::{self, BEARER},
            guard::{Guard, Verdict},
        },
        forward::{
            header_names::refuse_aliases,
            identity,
            original::{Original, embedded},
            original_path::Rejected,
        },
        http::{
            code::Code,
            endpoints::VERIFY,
            peer::is_from_trusted_proxy,
            refusal::Refusal,
            request_info::{ForwardedRequest, RequestInfo},
        },
    },
};

/// The methods of requests that may pass (RFC 9110 §9.1, RFC 5789, OpenAPI 3.2).
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "QUERY"];

/// Whether a request for this path is a proxy's question.
pub(crate) fn is_asked(path: &str) -> bool {
    path.strip_prefix(VERIFY).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Who sent a request that may pass.
enum Sender {
    Known(Arc<Principal>),
    Anonymous,
    /// A browser that asks before it sends the request itself.
    Preflight,
}

/// Answers a proxy's question. `guard` is that of the published document, whose own operation says which credentials
/// are taken.
pub(crate) async fn answer(
    context: &Context,
    guard: &Guard,
    request: ServiceRequest,
) -> ServiceResponse {
    let started = Instant::now();
    let verdict = decide(context, guard, &request).await.map_err(restrict);
    let reason = match &verdict {
        Ok(Sender::Known(_)) => "authenticated".to_owned(),
        Ok(Sender::Anonymous) => "anonymous".to_owned(),
        Ok(Sender::Preflight) => "preflight".to_owned(),
        Err(refusal) => refusal.told_code(),
    };
    let request = request.into_parts().0;
    let asked = guard.operation_at(request.method().as_str(), VERIFY);
    let mut response = match verdict {
        Ok(Sender::Known(principal)) => allow(request, Some(&principal)),
        Ok(Sender::Anonymous | Sender::Preflight) => allow(request, None),
        Err(refusal) => refuse(context, request, &refusal),
    };
    let status = response.status();
    context.counters.verified(decision(status), &reason);
    asked
        .map_or(guard.unknown(), |operation| &operation.counters)
        .record(status, started.elapsed());
    if context.is_stopping() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    response
}

fn allow(request: HttpRequest, principal: Option<&Principal>) -> ServiceResponse {
    let mut response = HttpResponse::Ok().finish();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    identity::tell(principal, response.headers_mut());
    ServiceResponse::new(request, response)
}

/// The word of a status in the metrics.
fn decision(status: StatusCode) -> &'static str {
    match status {
        StatusCode::OK => "allow",
        StatusCode::UNAUTHORIZED => "challenge",
        StatusCode::FORBIDDEN => "forbid",
        _ => "unavailable",
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

async fn decide(
    context: &Context,
    guard: &Guard,
    request: &ServiceRequest,
) -> Result<Sender, Refusal> {
    if !is_from_trusted_proxy(request.request(), &context.settings.trusted_proxies) {
        return Err(denied("whoever asks is not among HALLPASS_TRUSTED_PROXIES"));
    }
    let headers = request.headers();
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    refuse_aliases(headers, || guard.key_headers()).map_err(denied)?;
    let original = Original::read(request.method(), target, headers).map_err(denied)?;
    let method = original.method.clone();
    let forwarded = ForwardedRequest { method, path: original.path.to_owned() };
    request.extensions_mut().insert(forwarded);
    let demands = Demands::read(target).map_err(denied)?;
    if !METHODS.contains(&original.method.as_str()) {
        return Err(denied("the method is not a known one"));
    }
    if is_preflight(&original.method, headers) {
        return Ok(Sender::Preflight);
    }
    let presented = presented(context, request, &original);
    let verdict = guard.judge_as(context, VERIFY, &presented).await.verdict;
    if !matches!(verdict, Ok(Verdict::Public)) && is_joined(headers, guard) {
        return Err(joined());
    }
    match verdict? {
        Verdict::Protected(Some(authenticated)) => {
            demands.require(&authenticated.principal)?;
            Ok(Sender::Known(authenticated.principal))
        }
        Verdict::Public | Verdict::Protected(None) if demands.is_empty() => Ok(Sender::Anonymous),
        Verdict::Public | Verdict::Protected(None) => {
            let refusal =
                Refusal::missing_credentials("No credential was presented.", "a credential");
            Err(refusal.header(WWW_AUTHENTICATE, BEARER))
        }
    }
}

/// The original request, with the credentials of the asking one.
fn presented<'r>(
    context: &'r Context,
    request: &'r ServiceRequest,
    original: &'r Original<'_>,
) -> Presented<'r> {
    let listener = if request.app_config().secure() { "https" } else { "http" };
    let headers = request.headers();
    let host = original.host.map(str::as_bytes);
    let host = host.or_else(|| headers.get(HOST).map(HeaderValue::as_bytes));
    Presented {
        method: &original.method,
        path: original.path,
        query: original.query,
        headers,
        scheme: original.scheme.or(context.settings.issuer_scheme()).unwrap_or(listener),
        // HTTP/2 has no `Host` (RFC 9113 §8.3.1).
        host: host.or_else(|| request.uri().authority().map(|host| host.as_str().as_bytes())),
        peer: RequestInfo::find(request.request()).and_then(|info| info.peer),
    }
}

/// Whether a browser asks before it sends a request of another origin (Fetch Standard, CORS-preflight fetch).
fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    let once = |name| {
        let mut values = headers.get_all(name);
        values.next().filter(|_| values.next().is_none())
    };
    let wanted = once(ACCESS_CONTROL_REQUEST_METHOD);
    let is_known = |wanted: &HeaderValue| METHODS.iter().any(|known| *wanted == *known);
    *method == Method::OPTIONS && once(ORIGIN).is_some() && wanted.is_some_and(is_known)
}

/// Whether a proxy has joined two values to one: a backend may take either of them.
fn is_joined(headers: &HeaderMap, guard: &Guard) -> bool {
    let is_ours = |part: &[u8]| {
        let scheme = part.trim_ascii_start().get(..5).unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"beare") || scheme.eq_ignore_ascii_case(b"basic")
    };
    let mut authorizations = headers.get_all(AUTHORIZATION).map(HeaderValue::as_bytes);
    let mut keys = guard.key_headers().flat_map(|name| headers.get_all(name));
    authorizations.any(|line| line.contains(&b',') && line.split(|byte| *byte == b',').any(is_ours))
        || keys.any(|key| key.as_bytes().contains(&b','))
}

fn joined() -> Refusal {
    let what = "Several credentials were joined by commas in one header: send one.";
    Refusal::new(Code::AmbiguousCredentials, what)
}

/// What the proxy demands in addition: `role` and `scope` of its own query.
#[derive(Debug, Default)]
struct Demands {
    roles: Vec<Role>,
    scopes: Vec<Scope>,
}

impl Demands {
    /// The query belongs to the original request where its path stands in the target.
    fn read(target: &str) -> Result<Self, Rejected> {
        let mut demands = Self::default();
        let query = target.split_once('?').filter(|_| embedded(target).is_none());
        for (name, value) in
            url::form_urlencoded::parse(query.map_or("", |(_, query)| query).as_bytes())
        {
            let words = value.split(' ');
            match name.as_ref() {
                "role" => {
                    let roles: Result<Vec<_>, _> = words.map(Role::parse).collect();
                    demands.roles.extend(roles.map_err(|_| "`role` of /verify is no role")?);
                }
                "scope" => {
                    let scopes: Result<Vec<_>, _> = words.map(Scope::parse).collect();
                    demands.scopes.extend(scopes.map_err(|_| "`scope` of /verify is no scope")?);
                }
                _ => {}
            }
        }
        Ok(demands)
    }

    fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.scopes.is_empty()
    }

    fn require(&self, principal: &Principal) -> Result<(), Refusal> {
        let roles = self.roles.iter().map(|role| (role.as_str(), principal.has_role(role)));
        let scopes = self.scopes.iter().map(|scope| (scope.as_str(), principal.has_scope(scope)));
        for (what, words) in [("roles", roles.collect::<Vec<_>>()), ("scopes", scopes.collect())] {
            if words.iter().any(|(_, has)| !has) {
                let wanted: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let key_id = principal.key_id().map(ToString::to_string);
                let subject = Some(challenge::subject(principal));
                return Err(challenge::insufficient(what, &wanted).because(subject, key_id));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_verify_and_what_is_below_it_is_asked() {
        for (path, asked) in [
            ("/verify", true),
            ("/verify/", true),
            ("/verify/a", true),
            ("/verifya", false),
            ("/verify%2fa", false),
            ("/Verify", false),
            ("/a/verify", false),
        ] {
            assert_eq!(is_asked(path), asked, "{path}");
        }
    }

    #[test]
    fn additional_demands_are_read_from_the_own_query_only() {
        let read = |target| {
            Demands::read(target).map(|demands| (demands.roles.len(), demands.scopes.len())).ok()
        };
        for (target, demands) in [
            ("/verify", Some((0, 0))),
            ("/verify?", Some((0, 0))),
            ("/verify?role=admin", Some((1, 0))),
            ("/verify?role=admin&role=reader&scope=a+b", Some((2, 2))),
            ("/verify?scope=a%20b:c&other=x", Some((0, 2))),
            ("/verify/?role=admin", Some((0, 0))),
            ("/verify/a?scope=%22", Some((0, 0))),
            ("/verify?role=", None),
            ("/verify?role", None),
            ("/verify?scope=%22", None),
            ("/verify?scope=a++b", None),
        ] {
            assert_eq!(read(target), demands, "{target}");
        }
    }
}
