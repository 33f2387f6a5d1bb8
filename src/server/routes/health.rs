//! `GET /health/live` and `GET /health/ready`: probes for whatever starts and stops processes.

use actix_web::{HttpResponse, http::header, web::Data};
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::{
    context::Context,
    http::{code::Code, endpoints, problem::Problem, refusal::Refusal, request_info::RequestInfo},
};

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `degraded`: requests are answered, but not everything works. Only `/health/ready` says so.
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PolicyMode, required = false)]
    policy_mode: Option<PolicyMode>,
}

/// The health of a process.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HealthStatus)]
pub(crate) enum Status {
    /// Everything works.
    Ok,
    /// It works with what was read earlier, because a file or an external issuer is broken; or `/verify` or
    /// an application refuses nothing.
    Degraded,
}

/// There while `/verify`, or an application, lets everything pass, and only logs what it would refuse.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PolicyMode {
    /// `HALLPASS_POLICY_MODE=report`, or `SiteBuilder::report_only` of the library.
    Report,
}

fn healthy(status: Status, policy_mode: Option<PolicyMode>) -> HttpResponse {
    let no_store = (header::CACHE_CONTROL, "no-store");
    HttpResponse::Ok().insert_header(no_store).json(Health { status, policy_mode })
}

/// Liveness probe
///
/// Always 200 as long as the process answers at all.
#[utoipa::path(
    get,
    path = endpoints::LIVE,
    tag = "health",
    operation_id = "live",
    responses((status = 200, description = "The process is alive.", body = Health, example = json!({ "status": "ok" }))),
    security(),
)]
pub(crate) async fn live() -> HttpResponse {
    healthy(Status::Ok, None)
}

/// Readiness probe
///
/// 503 from the moment that the process is told to stop. The status is `degraded` while the roster file, the policy file,
/// the signing keys of a directory or the TLS files are broken, half-written or not followed any more, so that the last
/// good ones are in use, while the keys of an external issuer cannot be fetched, or while a restart would forget
/// revocations or replicas cannot share them; the log says what to correct. It is `degraded` too, and `policy_mode` is `report`, where `HALLPASS_POLICY_MODE` has `/verify` refuse nothing, or an application only reports what it would
/// refuse.
#[utoipa::path(
    get,
    path = endpoints::READY,
    tag = "health",
    operation_id = "ready",
    responses(
        (status = 200, description = "The service is ready for requests.", body = Health, example = json!({ "status": "ok" })),
        (status = 503, description = "It is stopping.", body = Problem, content_type = "application/problem+json",
            example = json!(stopping().problem("f3Qk81LmXc0a"))),
    ),
    security(),
)]
pub(crate) async fn ready(
    context: Data<Context>,
    _inside_of_the_guard: RequestInfo,
) -> Result<HttpResponse, Refusal> {
    if context.is_stopping() {
        return Err(stopping());
    }
    let status = if context.is_degraded() { Status::Degraded } else { Status::Ok };
    Ok(healthy(status, context.reports_only().then_some(PolicyMode::Report)))
}

fn stopping() -> Refusal {
    Refusal::new(Code::Unavailable, "The service is stopping: use another instance.")
}
