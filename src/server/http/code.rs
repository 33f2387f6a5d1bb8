//! The code of a refusal, as one word, its status and its meaning.

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::oauth::ErrorCode;

/// Defines [`Code`] from one table: name, status, the word of OAuth2 endpoints, and the sentence that rustdoc and the
/// reference both show.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident: $status:ident, $oauth:ident;)+) => {
        /// What a caller learns about a refusal, as a word that programs can match on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Code {
            $($(#[doc = $meaning])+ $name,)+
        }

        impl Code {
            /// Every code, in the order of the reference.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)+];

            /// The HTTP status that goes with the code.
            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)+
                }
            }

            /// The word that OAuth2 endpoints say instead (RFC 6749 §5.2).
            pub(crate) fn as_oauth(self) -> ErrorCode {
                match self {
                    $(Self::$name => ErrorCode::$oauth,)+
                }
            }

            /// When it is answered, as one sentence.
            pub(crate) fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($meaning),+).trim_ascii(),)+
                }
            }
        }
    };
}

// Where no word of RFC 6749 §5.2 fits, it is `invalid_request`: the status says more than any.
codes! {
    /// No credential was sent, and the operation is not public; `WWW-Authenticate` lists what it takes.
    MissingCredentials: UNAUTHORIZED, InvalidClient;
    /// The API key is malformed, unknown, expired, revoked or disabled, or its secret is wrong; the caller does not learn which.
    InvalidApiKey: UNAUTHORIZED, InvalidClient;
    /// The token is malformed, forged, expired or revoked.
    InvalidToken: UNAUTHORIZED, InvalidClient;
    /// The caller is authenticated, but a role or scope is missing.
    InsufficientScope: FORBIDDEN, UnauthorizedClient;
    /// The session cookie came with an unsafe request of another site.
    CrossSiteRequest: FORBIDDEN, UnauthorizedClient;
    /// Two credentials that must belong to one subject belong to two.
    SubjectMismatch: FORBIDDEN, UnauthorizedClient;
    /// `/verify` lets nobody pass: the policy has no operation for the request, denies it, or the request could be read in two ways. Or an application refuses: a principal may not pass, an account gets no token, or a password is wrong.
    Denied: FORBIDDEN, UnauthorizedClient;
    /// One location holds two credentials, or two locations hold different API keys.
    AmbiguousCredentials: BAD_REQUEST, InvalidRequest;
    /// The request cannot be understood.
    InvalidRequest: BAD_REQUEST, InvalidRequest;
    /// A scope was requested that is not granted.
    InvalidScope: BAD_REQUEST, InvalidScope;
    /// A token for an audience was requested that the client may not ask for (RFC 8707).
    InvalidTarget: BAD_REQUEST, InvalidTarget;
    /// The document has no such path.
    NotFound: NOT_FOUND, InvalidRequest;
    /// The path does not take this method; `Allow` lists those that it takes.
    MethodNotAllowed: METHOD_NOT_ALLOWED, InvalidRequest;
    /// The body did not arrive in time.
    RequestTimeout: REQUEST_TIMEOUT, InvalidRequest;
    /// The body is larger than the operation takes.
    PayloadTooLarge: PAYLOAD_TOO_LARGE, InvalidRequest;
    /// The URL is longer than 8 KiB.
    UriTooLong: URI_TOO_LONG, InvalidRequest;
    /// The operation does not take bodies of this type.
    UnsupportedMediaType: UNSUPPORTED_MEDIA_TYPE, InvalidRequest;
    /// Too many attempts from this address or for this user name failed, or one client or user gets too many tokens; `Retry-After` says when to try again.
    TooManyRequests: TOO_MANY_REQUESTS, InvalidRequest;
    /// The queue of secrets to hash is full; `Retry-After` says when to try again.
    Overloaded: SERVICE_UNAVAILABLE, ServerError;
    /// The service is stopping, or the state that replicas share is out of reach; then `Retry-After` says when to try again.
    Unavailable: SERVICE_UNAVAILABLE, TemporarilyUnavailable;
    /// An error of hallpass itself; the log says more.
    InternalError: INTERNAL_SERVER_ERROR, ServerError;
}
