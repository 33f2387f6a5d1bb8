//! `/docs/`: Swagger UI over the document.
//!
//! Must not know what the document says.

use std::{borrow::Cow, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, body::MessageBody, get, http::header, web};
use utoipa::ToSchema;
use utoipa_swagger_ui::Config;

use crate::server::http::{
    chunked_body::Slices,
    code::Code,
    refusal::{Problem, Refusal},
};

/// Only files of this server, no validator on another host; the page needs its inline styles.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// What the page starts with, in place of the example that Swagger UI brings.
const INITIALIZER: &str = include_str!("swagger-initializer.js");

/// A file of the page.
#[derive(ToSchema)]
#[schema(format = Binary, max_length = 16_777_216)]
#[expect(dead_code, reason = "the document's word for the bytes that are served")]
struct File(String);

/// Go to Swagger UI
///
/// Its files are found beside it, so the slash matters.
#[utoipa::path(
    tag = "documents",
    operation_id = "docs_without_slash",
    responses((status = 303, description = "The way there.", headers(("Location" = String, description = "`docs/`.")))),
    security(),
)]
#[get("/docs")]
pub(crate) async fn without_slash() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, "docs/")).finish()
}

/// Open Swagger UI
///
/// Authorize with an API key or a token, then try the operations out.
#[utoipa::path(
    tag = "documents",
    operation_id = "docs",
    responses((status = 200, description = "The page.", body = inline(File), content_type = "text/html",
        example = "<!DOCTYPE html>...")),
    security(),
)]
#[get("/docs/")]
pub(crate) async fn page(request: HttpRequest) -> Result<HttpResponse, Refusal> {
    serve("index.html", &request)
}

/// Read a file of Swagger UI
///
/// Scripts, styles and icons of the page.
#[utoipa::path(
    tag = "documents",
    operation_id = "docs_file",
    params(("name" = String, Path, description = "The name of the file.", example = "index.css",
        pattern = "^[A-Za-z0-9._-]+$", max_length = 64)),
    responses(
        (status = 200, description = "The file.", body = inline(File), content_type = "*/*"),
        (status = 404, description = "There is no such file.", body = Problem, content_type = "application/problem+json",
            example = json!({
                "type": "about:blank", "title": "Not Found", "status": 404,
                "detail": "Swagger UI has no file of this name.", "code": "not_found", "request_id": "f3Qk81LmXc0a",
            })),
    ),
    security(),
)]
#[get("/docs/{name}")]
pub(crate) async fn file(
    request: HttpRequest,
    name: web::Path<String>,
) -> Result<HttpResponse, Refusal> {
    serve(&name, &request)
}

fn serve(name: &str, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    if name == "swagger-initializer.js" {
        return Ok(answer("text/javascript; charset=utf-8", INITIALIZER));
    }
    let found = utoipa_swagger_ui::serve(name, Arc::new(Config::from("../openapi.json")));
    match found.map_err(|error| Refusal::internal(error.to_string()))? {
        Some(served) => {
            let bytes = match served.bytes {
                Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            };
            Ok(answer(&served.content_type, Slices::new(bytes, request)))
        }
        None => Err(Refusal::new(Code::NotFound, "Swagger UI has no file of this name.")),
    }
}

fn answer(content_type: &str, body: impl MessageBody + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .content_type(content_type)
        .body(body)
}
