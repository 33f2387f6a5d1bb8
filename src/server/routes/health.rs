//! `GET /health/live` and `GET /health/ready`, for whoever starts and stops processes.
//!
//! Must not know what makes the service ready: the gate says.

use actix_web::{HttpResponse, get, http::header, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::server::{
    Gate,
    refusal::{Code, Refusal},
};

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`; or `degraded`, while the roster file cannot be read or has faults and the last good roster is in
    /// use, or while the keys of another issuer cannot be fetched. Only `/health/ready` says so.
    #[schema(example = "ok", max_length = 32)]
    status: String,
}

fn healthy(status: &str) -> HttpResponse {
    let no_store = (header::CACHE_CONTROL, "no-store");
    HttpResponse::Ok().insert_header(no_store).json(Health { status: status.to_owned() })
}

/// Say whether the process lives
///
/// Always 200 as long as the process answers at all.
#[utoipa::path(
    tag = "health",
    operation_id = "live",
    responses((status = 200, description = "It lives.", body = Health)),
    security(),
)]
#[get("/health/live")]
pub(super) async fn live() -> HttpResponse {
    healthy("ok")
}

/// Say whether requests are welcome
///
/// 503 from the moment that the process is told to stop. The status is `degraded` while the roster file is
/// broken, and the last good roster answers, or while the keys of another issuer cannot be fetched: the log says
/// what to mend.
#[utoipa::path(
    tag = "health",
    operation_id = "ready",
    responses(
        (status = 200, description = "Requests are welcome.", body = Health),
        (status = 503, description = "It is stopping.", body = crate::server::refusal::Problem, content_type = "application/problem+json"),
    ),
    security(),
)]
#[get("/health/ready")]
pub(super) async fn ready(gate: web::Data<Gate>) -> Result<HttpResponse, Refusal> {
    if gate.is_stopping() {
        return Err(Refusal::new(Code::Unavailable, "The service is stopping: ask another one."));
    }
    let authority = gate.authority();
    let is_degraded = authority.roster_status().broken.is_some() || authority.has_failing_issuer();
    Ok(healthy(if is_degraded { "degraded" } else { "ok" }))
}
