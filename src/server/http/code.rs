//! What a caller learns about a refusal, as one word, and the status that goes with it.
//!
//! Must not know how the answer is written.

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::oauth::ErrorCode;

/// What a caller learns about a refusal, as a word that programs can match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Nothing was presented, and the operation is not public.
    MissingCredentials,
    /// An API key that is malformed, unknown, expired, revoked, or whose secret is wrong.
    InvalidApiKey,
    /// A token that is malformed, forged, expired or revoked.
    InvalidToken,
    /// Proven, but a role or scope is missing.
    InsufficientScope,
    /// The session cookie came with a request that another site made.
    CrossSiteRequest,
    /// Two proofs that must name the same subject name two.
    SubjectMismatch,
    /// The same place filled twice, or different API keys in different places.
    AmbiguousCredentials,
    /// The request cannot be understood.
    InvalidRequest,
    /// A scope that was not granted was asked for.
    InvalidScope,
    /// There is nothing at this path.
    NotFound,
    /// The path does not take this method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The body is larger than the operation takes.
    PayloadTooLarge,
    /// The address is longer than any operation takes.
    UriTooLong,
    /// The body is of a type that the operation does not take.
    UnsupportedMediaType,
    /// Too many attempts of this address failed.
    TooManyRequests,
    /// More secrets wait to be checked than the service takes on.
    Overloaded,
    /// Not now: starting or stopping.
    Unavailable,
    /// A fault of hallpass itself; the log says more.
    InternalError,
}

impl Code {
    /// The word that OAuth2 endpoints say instead (RFC 6749 §5.2).
    pub(crate) fn as_oauth(self) -> ErrorCode {
        match self {
            Self::MissingCredentials | Self::InvalidApiKey | Self::InvalidToken => {
                ErrorCode::InvalidClient
            }
            Self::InsufficientScope | Self::CrossSiteRequest | Self::SubjectMismatch => {
                ErrorCode::UnauthorizedClient
            }
            Self::InvalidScope => ErrorCode::InvalidScope,
            Self::Overloaded | Self::Unavailable | Self::InternalError => ErrorCode::ServerError,
            Self::AmbiguousCredentials
            | Self::InvalidRequest
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::RequestTimeout
            | Self::PayloadTooLarge
            | Self::UriTooLong
            | Self::UnsupportedMediaType
            // No word of RFC 6749 §5.2 fits; the status says more than any.
            | Self::TooManyRequests => ErrorCode::InvalidRequest,
        }
    }

    /// The HTTP status that goes with the code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MissingCredentials | Self::InvalidApiKey | Self::InvalidToken => {
                StatusCode::UNAUTHORIZED
            }
            Self::InsufficientScope | Self::CrossSiteRequest | Self::SubjectMismatch => {
                StatusCode::FORBIDDEN
            }
            Self::AmbiguousCredentials | Self::InvalidRequest | Self::InvalidScope => {
                StatusCode::BAD_REQUEST
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
