//! `GET /openapi.json`, `GET /openapi.yaml` and `/`: the document that is enforced.
//!
//! Must not know what the document says.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, get, http::header, web};
use utoipa::ToSchema;

use crate::server::{gate::Gate, http::chunked_body::Slices, site::Published};

/// An OpenAPI document: beside its version, whatever OpenAPI allows.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's words for itself")]
pub(crate) struct OpenApiDocument {
    /// The version of OpenAPI.
    #[schema(example = "3.1.0", pattern = r"^3\.1\.\d+$", max_length = 16)]
    openapi: String,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

/// Read the OpenAPI document
///
/// The very document that is enforced: what it says of `security` is what happens.
#[utoipa::path(
    tag = "documents",
    operation_id = "openapi_json",
    responses((status = 200, description = "The document as JSON.", body = OpenApiDocument, content_type = "application/json",
        example = json!({ "openapi": "3.1.0", "info": { "title": "hallpass", "version": "1.0.0" }, "paths": {} }))),
    security(),
)]
#[get("/openapi.json")]
pub(crate) async fn json(request: HttpRequest, published: web::Data<Published>) -> HttpResponse {
    let body = Slices::new(published.json.clone(), &request);
    HttpResponse::Ok().content_type("application/json").body(body)
}

/// Read the OpenAPI document as YAML
///
/// The same document, for people and tools that like YAML better.
#[utoipa::path(
    tag = "documents",
    operation_id = "openapi_yaml",
    responses((status = 200, description = "The document as YAML.", body = OpenApiDocument, content_type = "application/yaml",
        example = json!({ "openapi": "3.1.0", "info": { "title": "hallpass", "version": "1.0.0" }, "paths": {} }))),
    security(),
)]
#[get("/openapi.yaml")]
pub(crate) async fn yaml(request: HttpRequest, published: web::Data<Published>) -> HttpResponse {
    let body = Slices::new(published.yaml.clone(), &request);
    HttpResponse::Ok().content_type("application/yaml").body(body)
}

/// Go to the documentation
///
/// Leads to Swagger UI, or to the document where Swagger UI is switched off.
#[utoipa::path(
    tag = "documents",
    operation_id = "start",
    responses((status = 303, description = "The way there.", headers(("Location" = String, description = "A fixed page.")))),
    security(),
)]
#[get("/")]
pub(crate) async fn start(gate: web::Data<Gate>) -> HttpResponse {
    let place = if gate.settings().surface.docs { "docs/" } else { "openapi.json" };
    HttpResponse::SeeOther().insert_header((header::LOCATION, place)).finish()
}
