//! The words of `oauth` as schemas of the document: closed lists are enums there, open ones have a grammar.
//!
//! Must not know which operation says them.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use crate::oauth::{ErrorCode, GrantType, Role};

/// How a token is presented (RFC 6749 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) enum TokenType {
    /// As `Authorization: Bearer`.
    Bearer,
}

/// The algorithms that may sign tokens, as the document lists them.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's words for what tokens::SigningKey says")]
pub(crate) enum SigningAlgorithm {
    EdDSA,
    ES256,
    RS256,
    HS256,
}

fn words<W: Serialize>(description: &str, words: &[W]) -> RefOr<Schema> {
    let words: Vec<_> =
        words.iter().map(|word| serde_json::to_value(word).unwrap_or_default()).collect();
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .enum_values(Some(words))
        .into()
}

impl ToSchema for ErrorCode {
    fn name() -> Cow<'static, str> {
        "OAuthErrorCode".into()
    }
}

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        words("Why an OAuth2 operation refuses (RFC 6749 §5.2).", &Self::ALL)
    }
}

impl ToSchema for GrantType {}

impl PartialSchema for GrantType {
    fn schema() -> RefOr<Schema> {
        words(
            "How a token is asked for: as a client for itself, or with a user's name and password \
             (RFC 6749 §4.3, §4.4).",
            &Self::ALL,
        )
    }
}

impl ToSchema for Role {}

impl PartialSchema for Role {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("What an operation may demand where the scheme has no scopes."))
            .pattern(Some("^[!#-\\[\\]-~]+$"))
            .max_length(Some(128))
            .examples(["reader"])
            .into()
    }
}
