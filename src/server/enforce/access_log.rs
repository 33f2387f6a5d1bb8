//! The outermost middleware: identifies every request, gives errors of other layers the shape of a refusal, and writes
//! the access log.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        Method,
        header::{self, HeaderValue},
    },
};

use log::{
    Level, Record,
    kv::{self, Key, Source, Value, VisitSource},
};

use crate::server::{
    context::Context,
    enforce::{audit, site_rules::SiteRules},
    http::{
        activity::RequestInProgress,
        extractors::framework_status,
        masked_path::masked,
        refusal::Refusal,
        refusal_body::RefusalBody,
        request_info::{ForwardedRequest, REQUEST_ID, RequestInfo},
    },
};

/// The target of the access lines.
const TARGET: &str = "access";

/// What an access line tells.
struct AccessValues<'v> {
    method: &'v str,
    path: &'v str,
    status: u16,
    duration_ms: f64,
    info: &'v RequestInfo,
}

impl Source for AccessValues<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        visitor.visit_pair(Key::from_str("method"), Value::from(self.method))?;
        visitor.visit_pair(Key::from_str("path"), Value::from(self.path))?;
        visitor.visit_pair(Key::from_str("status"), Value::from(self.status))?;
        visitor.visit_pair(Key::from_str("duration_ms"), Value::from(self.duration_ms))?;
        self.info.visit(visitor)?;
        visitor.visit_pair(Key::from_str("deferred"), Value::from(true))
    }
}

/// Has `answer` answer a request, and writes its line in the access log. `refusals` is the application's own body of
/// refusals.
///
/// # Errors
/// Those of a middleware inside of the application, in the shape of a refusal.
pub(crate) async fn log_access<B: MessageBody + 'static>(
    context: &Context,
    rules: &SiteRules,
    refusals: Option<&'static RefusalBody>,
    request: ServiceRequest,
    answer: impl AsyncFnOnce(ServiceRequest) -> Result<ServiceResponse<B>, Error>,
) -> Result<ServiceResponse, Error> {
    let _in_progress = RequestInProgress::begin(request.request());
    let started = Instant::now();
    let info = RequestInfo::attach(request.request(), &context.settings.trusted_proxies, refusals);
    // The enforcement has HEAD answered as GET, and an error has no request.
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answer = match answer(request).await {
        Ok(response) => Ok(shape(context, rules, response.map_into_boxed_body())),
        Err(error) => Err(shape_error(context, rules, error, &info, &method, uri.path())),
    };
    if log::log_enabled!(target: TARGET, Level::Info) {
        let status = match &answer {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        let extensions = answer.as_ref().ok().map(|response| response.request().extensions());
        let forwarded = extensions.as_ref().and_then(|all| all.get::<ForwardedRequest>());
        let (method, path) = forwarded
            .map_or((&method, uri.path()), |original| (&original.method, original.path.as_str()));
        let values = AccessValues {
            method: method.as_str(),
            path: &masked(path),
            status: status.as_u16(),
            duration_ms: started.elapsed().as_secs_f64() * 1000.0,
            info: &info,
        };
        let mut record = Record::builder();
        record.level(Level::Info).target(TARGET).key_values(&values);
        log::logger().log(&record.args(format_args!("request")).build());
    }
    answer
}

/// What is answered to an error of a middleware inside of the application: its status, in the shape of a refusal.
fn shape_error(
    context: &Context,
    rules: &SiteRules,
    error: Error,
    info: &RequestInfo,
    method: &Method,
    path: &str,
) -> Error {
    let Some(refusal) = refusal_for(&error) else { return error };
    record(context, info, method, path, &refusal);
    let mut response = refusal.respond(rules.own.shape(path), info.refusals, info.id.as_str());
    identify(context, &mut response, info);
    InternalError::from_response(error, response).into()
}

/// The answer with its request id. A refusal also gets its body and its line in the audit log, and so does an error of
/// actix-web or of CORS; every other answer of a handler is left as it is.
/// Another id that an inner layer set is replaced: it would not be the one in the log.
pub(crate) fn shape(
    context: &Context,
    rules: &SiteRules,
    mut response: ServiceResponse,
) -> ServiceResponse {
    let Some(info) = RequestInfo::find(response.request()) else { return response };
    let is_shaped = |id: &HeaderValue| id.as_bytes() == info.id.as_str().as_bytes();
    if response.headers().get(REQUEST_ID).is_some_and(is_shaped) {
        return response;
    }
    match response.response().error().and_then(refusal_for) {
        Some(refusal) => refuse(context, rules, response.into_parts().0, &refusal),
        None => {
            identify(context, response.response_mut(), &info);
            response
        }
    }
}

/// The refusal that an error is, or that replaces one of actix-web or of CORS.
fn refusal_for(error: &Error) -> Option<Refusal> {
    let own = error.as_error::<Refusal>().cloned();
    own.or_else(|| framework_status(error).map(Refusal::from_status))
}

/// The answer to a request that is refused; it is counted, and logged in the audit log.
pub(crate) fn refuse(
    context: &Context,
    rules: &SiteRules,
    request: HttpRequest,
    refusal: &Refusal,
) -> ServiceResponse {
    let info = info(context, &request);
    as_asked(&request, |method, path| record(context, &info, method, path, refusal));
    let shape = rules.own.shape(request.match_info().get_ref().path());
    let mut response = refusal.respond(shape, info.refusals, info.id.as_str());
    identify(context, &mut response, &info);
    ServiceResponse::new(request, response)
}

/// Writes the audit line of a request that passes because nothing is enforced.
pub(crate) fn would_refuse(context: &Context, request: &HttpRequest, refusal: &Refusal) {
    let info = info(context, request);
    as_asked(request, |method, path| audit::would_refuse(method, path, &info, refusal));
}

fn info(context: &Context, request: &HttpRequest) -> RequestInfo {
    RequestInfo::find(request)
        .unwrap_or_else(|| RequestInfo::attach(request, &context.settings.trusted_proxies, None))
}

/// Calls `log` with method and path of the request, or of the one that it asks about.
fn as_asked(request: &HttpRequest, log: impl FnOnce(&Method, &str)) {
    match request.extensions().get::<ForwardedRequest>() {
        Some(original) => log(&original.method, &original.path),
        None => log(request.method(), request.path()),
    }
}

/// Writes the audit line of a refusal, and counts it.
fn record(context: &Context, info: &RequestInfo, method: &Method, path: &str, refusal: &Refusal) {
    audit::refused(method, path, info, refusal);
    context.counters.refused(&refusal.told_code());
}

/// Every answer has its request id, and over TLS of ours the word that only TLS is spoken here (RFC 6797 §6.1).
fn identify(context: &Context, response: &mut HttpResponse, info: &RequestInfo) {
    if context.tls.is_some() {
        let a_day = HeaderValue::from_static("max-age=86400");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, a_day);
    }
    if let Some(id) = info.id.to_header() {
        response.headers_mut().insert(REQUEST_ID, id);
    }
}
