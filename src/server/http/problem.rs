//! The body of refusals (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::server::http::code::Code;

/// The body of every refusal (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub struct Problem {
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
    /// What happened and what to do, for people.
    #[schema(
        example = "No credential was presented. Send Authorization: Bearer.",
        pattern = r"^[^\x00-\x1f\x7f]*$",
        max_length = 1024
    )]
    pub detail: String,
    /// What happened, for programs.
    pub code: Code,
    /// Identifies this request in the log.
    #[schema(example = "f3Qk81LmXc0a", pattern = "^[0-9A-Za-z]+$", max_length = 64)]
    pub request_id: String,
}
