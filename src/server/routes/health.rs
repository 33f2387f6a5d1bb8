//! `GET /health/live` and `GET /health/ready`, for whoever starts and stops processes.
//!
//! Must not know what makes the service ready: the gate says.

use actix_web::{HttpResponse, get, http::header, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::{
    gate::Gate,
    http::{code::Code, refusal::Refusal},
};

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `degraded`: requests are welcome, but not everything works. Only `/health/ready` says so.
    status: Status,
}

/// What a process can say of itself.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HealthStatus)]
pub(crate) enum Status {
    /// All is well.
    Ok,
    /// It works with the last good roster, because the file has faults.
    Degraded,
}

fn healthy(status: Status) -> HttpResponse {
    let no_store = (header::CACHE_CONTROL, "no-store");
    HttpResponse::Ok().insert_header(no_store).json(Health { status })
}

/// Say whether the process lives
///
/// Always 200 as long as the process answers at all.
#[utoipa::path(
    tag = "health",
    operation_id = "live",
    responses((status = 200, description = "It lives.", body = Health, example = json!({ "status": "ok" }))),
    security(),
)]
#[get("/health/live")]
pub(crate) async fn live() -> HttpResponse {
    healthy(Status::Ok)
}

/// Say whether requests are welcome
///
/// 503 from the moment that the process is told to stop. The status is `degraded` while the roster file is
/// broken, where the last good roster is in use, or those of TLS are, or the keys of another issuer cannot be
/// fetched; the log says what to mend.
#[utoipa::path(
    tag = "health",
    operation_id = "ready",
    responses(
        (status = 200, description = "Requests are welcome.", body = Health, example = json!({ "status": "ok" })),
        (status = 503, description = "It is stopping.", body = crate::server::http::refusal::Problem, content_type = "application/problem+json",
            example = json!({
                "type": "about:blank", "title": "Service Unavailable", "status": 503,
                "detail": "The service is stopping: ask another one.", "code": "unavailable",
                "request_id": "f3Qk81LmXc0a",
            })),
    ),
    security(),
)]
#[get("/health/ready")]
pub(crate) async fn ready(gate: web::Data<Gate>) -> Result<HttpResponse, Refusal> {
    if gate.is_stopping() {
        return Err(Refusal::new(Code::Unavailable, "The service is stopping: ask another one."));
    }
    let authority = gate.authority();
    let degraded = authority.roster_status().broken.is_some()
        || authority.has_failing_issuer()
        || gate.has_broken_tls();
    Ok(healthy(if degraded { Status::Degraded } else { Status::Ok }))
}
