//! The document and its reader: `/openapi.json`, `/openapi.yaml`, Swagger UI at `/docs/`, and the redirects to it.
//!
//! They are served and public, but no operations of the document: generated clients have no use for them.

use std::{borrow::Cow, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse, Route,
    body::MessageBody,
    http::header,
    web::{self, Bytes, Data, ServiceConfig},
};
use arc_swap::ArcSwap;
use utoipa_swagger_ui::Config;

use crate::server::{
    enforce::enforced_document::EnforcedDocument,
    http::{
        chunked_body::ChunkedBody,
        code::Code,
        endpoints::{DOCS, DOCS_FILE, DOCS_WITHOUT_SLASH, DOCUMENT, DOCUMENT_YAML, START},
        own_routes::OwnPaths,
        refusal::Refusal,
    },
};

/// Only files of this server, no validator on another host; the page needs its inline styles.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Replaces the example that Swagger UI starts with.
const INITIALIZER: &str = include_str!("swagger-initializer.js");

/// What is published at the moment.
pub(super) type Published = ArcSwap<EnforcedDocument>;

/// Registers those pages that a site has.
pub(crate) fn register(config: &mut ServiceConfig, own: &OwnPaths) {
    let pages: [(&'static str, Route); 6] = [
        (DOCUMENT, web::get().to(json)),
        (DOCUMENT_YAML, web::get().to(yaml)),
        (START, web::get().to(start)),
        (DOCS_WITHOUT_SLASH, web::get().to(docs_without_slash)),
        (DOCS, web::get().to(docs)),
        (DOCS_FILE, web::get().to(docs_file)),
    ];
    for (page, route) in pages {
        if let Some(path) = own.registered(page) {
            config.route(&path, route);
        }
    }
}

async fn json(request: HttpRequest, published: Data<Published>) -> HttpResponse {
    let body = ChunkedBody::new(published.load().json.clone(), &request);
    HttpResponse::Ok().content_type("application/json").body(body)
}

async fn yaml(request: HttpRequest, published: Data<Published>) -> HttpResponse {
    let body = ChunkedBody::new(published.load().yaml.clone(), &request);
    HttpResponse::Ok().content_type("application/yaml").body(body)
}

/// Redirects to Swagger UI, or to the document where Swagger UI is switched off.
async fn start(published: Data<Published>) -> HttpResponse {
    see_other(if published.load().guard.rules.own.has(DOCS) { "docs/" } else { "openapi.json" })
}

/// The files of Swagger UI are relative to the page, so the slash matters.
async fn docs_without_slash() -> HttpResponse {
    see_other("docs/")
}

async fn docs(request: HttpRequest) -> Result<HttpResponse, Refusal> {
    serve_file("index.html", &request)
}

async fn docs_file(
    request: HttpRequest,
    name: web::Path<String>,
    published: Data<Published>,
) -> Result<HttpResponse, Refusal> {
    if *name == "swagger-initializer.js" {
        let root = published.load().guard.rules.own.way_to_root();
        let initializer = INITIALIZER.replace("WAY_TO_ROOT", &root);
        return Ok(file("text/javascript; charset=utf-8", initializer));
    }
    serve_file(&name, &request)
}

fn serve_file(name: &str, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    let found = utoipa_swagger_ui::serve(name, Arc::new(Config::from("../openapi.json")));
    match found.map_err(|error| Refusal::internal(error.to_string()))? {
        Some(served) => {
            let bytes = match served.bytes {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            };
            Ok(file(&served.content_type, ChunkedBody::new(bytes, request)))
        }
        None => Err(Refusal::new(Code::NotFound, "Swagger UI has no file of this name.")),
    }
}

fn file(content_type: &str, body: impl MessageBody + 'static) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .content_type(content_type)
        .body(body)
}

fn see_other(location: &'static str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, location)).finish()
}
