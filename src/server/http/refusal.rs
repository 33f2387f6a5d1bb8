//! The one type of error responses: it owns status, code, headers and body (RFC 9457).

use std::{borrow::Cow, fmt, time::Duration};

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
    server::{
        http::{code::Code, problem::Problem, refusal_body::RefusalBody},
        limits::{DETAIL_CHARACTERS, RETRY_AFTER_SECONDS, STATE_RETRY_SECONDS},
    },
};

/// The body of a refusal at an OAuth2 endpoint (RFC 6749 §5.2).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct OAuthError {
    /// What happened, for programs.
    pub error: ErrorCode,
    /// What happened and what to do, for people.
    #[schema(
        example = "The client could not be authenticated.",
        pattern = r"^[ !#-\[\]-~]*$",
        max_length = 1024
    )]
    pub error_description: String,
}

/// The shape in which the refusals of an operation are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// [`Problem`].
    Problem,
    /// [`OAuthError`].
    OAuth,
}

/// A refused request: what the caller is told, and what only the log is told.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub(crate) code: Code,
    status: StatusCode,
    oauth: Option<ErrorCode>,
    detail: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Why, for the log: never a secret.
    pub(crate) reason: Option<String>,
    /// Whose credential was valid and not enough, for the log.
    pub(crate) subject: Option<Box<str>>,
    /// The public name of the API key in question, for the log.
    pub(crate) key_id: Option<Box<str>>,
}

impl Refusal {
    /// A refusal with this code; `detail` says what happened and what to do.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            status: code.status(),
            oauth: None,
            detail: detail.into(),
            headers: Vec::new(),
            reason: None,
            subject: None,
            key_id: None,
        }
    }

    /// A refusal of an OAuth2 endpoint with an error that has no [`Code`] of its own.
    pub(crate) fn oauth(error: ErrorCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidRequest, detail).with_oauth_error(error)
    }

    /// Answers with this error at an OAuth2 endpoint.
    pub(crate) fn with_oauth_error(self, error: ErrorCode) -> Self {
        Self { oauth: Some(error), ..self }
    }

    /// Has log and metrics name it by the word that an answer of this shape has.
    pub(crate) fn told_in(self, shape: Shape) -> Self {
        match shape {
            Shape::OAuth => Self { oauth: Some(self.code.as_oauth()), ..self },
            Shape::Problem => self,
        }
    }

    /// Answers with this status in place of the code's own.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
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

    /// Adds what only the log is told.
    pub(crate) fn because(mut self, reason: Option<String>, key_id: Option<String>) -> Self {
        self.reason = reason;
        self.key_id = key_id.map(Into::into);
        self
    }

    /// Adds whose credential was not enough, for the log.
    pub(crate) fn sent_by(self, subject: String, key_id: Option<String>) -> Self {
        let key_id = key_id.map(Into::into);
        Self { subject: Some(subject.into()), key_id, ..self }
    }

    /// Adds the public name of the API key in question, for the log.
    pub(crate) fn about(self, key_id: &KeyId) -> Self {
        Self { key_id: Some(key_id.to_string().into()), ..self }
    }

    /// The refusal for a status that actix-web or another layer chose.
    pub(crate) fn from_status(status: StatusCode) -> Self {
        let code = match status {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                return Self::unsupported_media_type("application/json");
            }
            StatusCode::NOT_FOUND => Code::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Code::PayloadTooLarge,
            StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
            status if status.is_client_error() => Code::InvalidRequest,
            _ => return Self::internal("an error of an inner layer".to_owned()),
        };
        let detail = match code {
            Code::NotFound => "There is nothing at this path.",
            Code::MethodNotAllowed => "This path does not take this method.",
            Code::PayloadTooLarge => "The body is larger than this operation takes.",
            Code::Unavailable => "The service is not available: try again shortly.",
            _ => "The request cannot be understood.",
        };
        Self::new(code, detail)
    }

    /// 401: nothing was presented, or not everything. `wanted` says what would do.
    pub(crate) fn missing_credentials(what: &str, wanted: &str) -> Self {
        let detail = format!("{what} Send {wanted}.");
        Self::new(Code::MissingCredentials, detail)
    }

    /// 403: authenticated, but these roles or scopes are missing.
    pub(crate) fn insufficient(roles_or_scopes: &str, wanted: &str) -> Self {
        let detail = format!("This operation requires the {roles_or_scopes}: {wanted}.");
        Self::new(Code::InsufficientScope, detail)
    }

    /// 400: a location was filled more than once.
    pub(crate) fn filled_repeatedly(location: &str, name: &str, count: usize) -> Self {
        let detail = format!("The {location} {name} is there {count} times: send it once.");
        Self::new(Code::AmbiguousCredentials, detail)
    }

    /// 415: the body is not of the type that the operation takes.
    pub(crate) fn unsupported_media_type(wanted: &str) -> Self {
        Self::new(Code::UnsupportedMediaType, format!("Send the body as {wanted}."))
    }

    /// 429: too many attempts of the peer, or with the password of a user, failed.
    pub(crate) fn too_many_requests(wait: Duration) -> Self {
        Self::retry_after(
            Code::TooManyRequests,
            "Too many attempts from this address, or for this user name, failed.",
            wait,
        )
    }

    /// 429: the client or user gets tokens faster than one may.
    pub(crate) fn too_many_tokens(wait: Duration) -> Self {
        let what = "This client or user gets too many tokens: use one until it expires.";
        Self::retry_after(Code::TooManyRequests, what, wait)
    }

    /// 503: the queue of the hash pool is full.
    pub(crate) fn overloaded(wait: Duration) -> Self {
        let detail = "More secrets are waiting to be checked than this service takes.";
        Self::retry_after(Code::Overloaded, detail, wait)
    }

    /// 503: no token can be judged before the revocations were read.
    pub(crate) fn revocations_unknown() -> Self {
        let what = "Tokens cannot be judged yet: the state that replicas share was not read.";
        Self::unavailable(what, "the revocations were not read yet".to_owned())
    }

    /// 503: something that is needed is out of reach, such as a database; the caller is told `detail`, the log `reason`.
    pub fn unavailable(detail: &str, reason: impl fmt::Display) -> Self {
        let wait = Duration::from_secs(STATE_RETRY_SECONDS);
        let reason = reason.to_string();
        Self::retry_after(Code::Unavailable, detail, wait).because(Some(reason), None)
    }

    /// 403: the application does not let this principal pass; `detail` says why.
    pub fn denied(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Denied, detail)
    }

    /// 503: the application could not say what the subject may do now; `reason` is for the log.
    pub(crate) fn not_looked_up(reason: String) -> Self {
        Self::unavailable("Whether the credential is still good cannot be found out now.", reason)
    }

    /// Says when to try again (RFC 9110 §10.2.3).
    fn retry_after(code: Code, what: &str, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).clamp(1, RETRY_AFTER_SECONDS.into());
        Self::new(code, format!("{what} Try again in {seconds} s."))
            .header(header::RETRY_AFTER, &seconds.to_string())
    }

    /// 500: an error of the service itself; only the log is told what it is.
    pub fn internal(reason: impl fmt::Display) -> Self {
        let reason = reason.to_string();
        let detail = "Something went wrong here. The log has more under this request_id.";
        Self::new(Code::InternalError, detail).because(Some(reason), None)
    }

    /// The body.
    pub(crate) fn problem(&self, request_id: &str) -> Problem {
        let status = self.status;
        Problem {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: plain(&self.detail, |c| !c.is_control()),
            code: self.code,
            request_id: request_id.to_owned(),
        }
    }

    /// The code that the caller is told, for the log and the metrics.
    pub(crate) fn told_code(&self) -> String {
        let code = match self.oauth {
            Some(error) => serde_json::to_value(error),
            None => serde_json::to_value(self.code),
        };
        code.ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default()
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

    /// The answer; `own` makes the body that the application has in the place of [`Problem`].
    pub(crate) fn respond(
        &self,
        shape: Shape,
        own: Option<&RefusalBody>,
        request_id: &str,
    ) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in &self.headers {
            response.append_header((name.clone(), value.clone()));
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        match shape {
            Shape::OAuth => response.json(self.oauth_error()),
            Shape::Problem => {
                if let Some(json) = own.and_then(|own| own.json(self.problem(request_id))) {
                    return response.content_type("application/json").body(json);
                }
                response.content_type("application/problem+json");
                response.body(serde_json::to_vec(&self.problem(request_id)).unwrap_or_default())
            }
        }
    }
}

/// At most as much of `text` as the document allows, without characters that it does not allow.
fn plain(text: &str, allowed: impl Fn(char) -> bool) -> String {
    if text.len() <= DETAIL_CHARACTERS && text.chars().all(&allowed) {
        return text.to_owned();
    }
    let clean = |c| match c {
        c if allowed(c) => c,
        '"' => '\'',
        _ => '?',
    };
    text.chars().take(DETAIL_CHARACTERS).map(clean).collect()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Refusal {}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.respond(Shape::Problem, None, "")
    }
}
