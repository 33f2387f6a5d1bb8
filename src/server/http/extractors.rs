//! What actix-web's own extractors answer to input that they cannot read: refusals, as the document says.
//!
//! Must not know what they read. An application that configures them itself has the last word.

use actix_web::{
    Error, ResponseError,
    error::JsonPayloadError,
    http::StatusCode,
    web::{FormConfig, JsonConfig, PathConfig, QueryConfig},
};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::server::http::{code::Code, refusal::Refusal};

/// Has every extractor of handlers refuse in our shape.
pub(crate) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .app_data(JsonConfig::default().error_handler(|error, _| match error {
            JsonPayloadError::ContentType => refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error),
            error => refuse(error.status_code(), &error),
        }))
        .app_data(
            FormConfig::default().error_handler(|error, _| refuse(error.status_code(), &error)),
        )
        .app_data(
            PathConfig::default().error_handler(|error, _| refuse(error.status_code(), &error)),
        )
        .app_data(
            QueryConfig::default().error_handler(|error, _| refuse(error.status_code(), &error)),
        );
}

fn refuse(status: StatusCode, error: &dyn ResponseError) -> Error {
    match status {
        StatusCode::BAD_REQUEST => Refusal::new(Code::InvalidRequest, format!("{error}.")),
        status => Refusal::from_status(status),
    }
    .into()
}
