//! The one error type on the wire: it owns status, code, challenges and body (RFC 9457).
//!
//! Must not know why a credential is bad: it carries the reason to the log, unread.

use std::{borrow::Cow, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    oauth::{ErrorCode, KeyId},
    server::http::code::Code,
};

/// The body of every refusal (RFC 9457, `application/problem+json`).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: `code` tells the cases apart.
    #[serde(rename = "type")]
    #[schema(example = "about:blank", format = "uri-reference", max_length = 64)]
    pub kind: String,
    /// The name of the HTTP status.
    #[schema(example = "Unauthorized", pattern = "^[A-Za-z ]+$", max_length = 64)]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 401, minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened and how to mend it, for people.
    #[schema(
        example = "No credential was presented. Send Authorization: Bearer.",
        pattern = r"^[^\x00-\x1f\x7f]*$",
        max_length = 1024
    )]
    pub detail: String,
    /// What happened, for programs.
    pub code: Code,
    /// Names this request in the log.
    #[schema(example = "f3Qk81LmXc0a", pattern = "^[0-9A-Za-z]+$", max_length = 64)]
    pub request_id: String,
}

/// The body of a refusal at an OAuth2 endpoint (RFC 6749 §5.2).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct OAuthError {
    /// What happened, for programs.
    pub error: ErrorCode,
    /// What happened and how to mend it, for people.
    #[schema(
        example = "The client could not be authenticated.",
        pattern = r"^[ !#-\[\]-~]*$",
        max_length = 1024
    )]
    pub error_description: String,
}

/// The most characters of a detail; it may quote what was sent.
const LONGEST_DETAIL: usize = 1024;

/// In which shape a refusal is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// [`Problem`].
    Problem,
    /// [`OAuthError`].
    OAuth,
}

/// A refused request: what the caller learns, and what only the log learns.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub(crate) code: Code,
    oauth: Option<ErrorCode>,
    detail: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Why, for the log: never a secret.
    pub(crate) reason: Option<String>,
    /// The public name of the API key in question, for the log.
    pub(crate) key_id: Option<String>,
}

impl Refusal {
    /// A refusal with this code; `detail` says what happened and how to mend it.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            oauth: None,
            detail: detail.into(),
            headers: Vec::new(),
            reason: None,
            key_id: None,
        }
    }

    /// A refusal of an OAuth2 endpoint with a word that has no [`Code`] of its own.
    pub(crate) fn oauth(error: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, detail).saying(error)
    }

    /// Says this word at an OAuth2 endpoint.
    pub(crate) fn saying(self, error: ErrorCode) -> Self {
        Self { oauth: Some(error), ..self }
    }

    /// Adds a header; one that no header can hold is left out.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Adds a header of this name for each value.
    pub(crate) fn headers(
        mut self,
        name: HeaderName,
        values: impl Iterator<Item = HeaderValue>,
    ) -> Self {
        self.headers.extend(values.map(|value| (name.clone(), value)));
        self
    }

    /// Adds what only the log learns.
    pub(crate) fn because(mut self, reason: Option<String>, key_id: Option<String>) -> Self {
        self.reason = reason;
        self.key_id = key_id;
        self
    }

    /// Adds the public name of the API key in question, for the log.
    pub(crate) fn about(self, key_id: &KeyId) -> Self {
        Self { key_id: Some(key_id.to_string()), ..self }
    }

    /// The refusal for a status that somebody else chose.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(Code::NotFound, "There is nothing at this path."),
            StatusCode::METHOD_NOT_ALLOWED => {
                Self::new(Code::MethodNotAllowed, "This path does not take this method.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(Code::PayloadTooLarge, "The body is larger than this operation takes.")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::new(Code::UnsupportedMediaType, "Send the body as application/json.")
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                Self::new(Code::Unavailable, "Not now: try again shortly.")
            }
            status if status.is_client_error() => {
                Self::new(Code::InvalidRequest, "The request cannot be understood.")
            }
            _ => Self::internal("an inner error".to_owned()),
        }
    }

    /// A fault of our own: the caller learns nothing of it, the log does.
    pub(crate) fn internal(reason: String) -> Self {
        let detail = "Something went wrong here. The log has more under this request_id.";
        Self::new(Code::InternalError, detail).because(Some(reason), None)
    }

    /// The body.
    pub(crate) fn problem(&self, request_id: &str) -> Problem {
        let status = self.code.status();
        Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: plain(&self.detail, |c| !c.is_control()),
            code: self.code,
            request_id: request_id.to_owned(),
        }
    }

    /// The word for the log: what the caller is told.
    pub(crate) fn word(&self) -> String {
        let word = match self.oauth {
            Some(error) => serde_json::to_value(error),
            None => serde_json::to_value(self.code),
        };
        word.ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The body, as OAuth2 endpoints say it.
    pub(crate) fn oauth_error(&self) -> OAuthError {
        OAuthError {
            error: self.oauth.unwrap_or(self.code.as_oauth()),
            // RFC 6749 §5.2 allows these characters and no others.
            error_description: plain(&self.detail, |c| {
                matches!(c, ' '..='~') && c != '\\' && c != '"'
            }),
        }
    }

    /// The answer, complete with the request's name.
    pub(crate) fn respond(&self, shape: Shape, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.code.status());
        for (name, value) in &self.headers {
            response.append_header((name.clone(), value.clone()));
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        match shape {
            Shape::OAuth => response.json(self.oauth_error()),
            Shape::Problem => {
                response.content_type("application/problem+json");
                response.body(serde_json::to_vec(&self.problem(request_id)).unwrap_or_default())
            }
        }
    }
}

/// At most as much of `text` as the document says, without characters that do not belong there.
fn plain(text: &str, allowed: impl Fn(char) -> bool) -> String {
    if text.len() <= LONGEST_DETAIL && text.chars().all(&allowed) {
        return text.to_owned();
    }
    let clean = |c| match c {
        c if allowed(c) => c,
        '"' => '\'',
        _ => '?',
    };
    text.chars().take(LONGEST_DETAIL).map(clean).collect()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Refusal {}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.respond(Shape::Problem, "")
    }
}
