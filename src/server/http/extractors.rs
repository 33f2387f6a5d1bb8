//! What actix-web's own extractors answer to input that they cannot read: refusals, as the document says.
//! An application that configures them itself overrides this.

use actix_cors::CorsError;
use actix_web::{
    Error, ResponseError,
    error::{
        JsonPayloadError, PathError, PayloadError, QueryPayloadError, ReadlinesError,
        UrlencodedError,
    },
    http::StatusCode,
    web::{FormConfig, JsonConfig, PathConfig, QueryConfig},
};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::server::http::{code::Code, json_error, refusal::Refusal};

/// The status of an error of actix-web itself or of CORS, which have a plain text or no body; none for every other error,
/// which is the application's.
pub(crate) fn framework_status(error: &Error) -> Option<StatusCode> {
    fn status<E: ResponseError + 'static>(error: &Error) -> Option<StatusCode> {
        error.as_error::<E>().map(E::status_code)
    }
    let kinds = [
        status::<PayloadError>,
        status::<JsonPayloadError>,
        status::<UrlencodedError>,
        status::<QueryPayloadError>,
        status::<PathError>,
        status::<ReadlinesError>,
        status::<CorsError>,
    ];
    kinds.iter().find_map(|status| status(error))
}

/// Has every extractor of handlers answer with a refusal.
pub(crate) fn configure(config: &mut ServiceConfig<'_>) {
    config
        .app_data(JsonConfig::default().error_handler(|error, _| match error {
            JsonPayloadError::ContentType => refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, &error),
            JsonPayloadError::Deserialize(error) => {
                Refusal::new(Code::InvalidRequest, json_error::explain(&error)).into()
            }
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
