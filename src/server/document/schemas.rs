//! Schemas that several operations share, and those of types whose rooms do not know OpenAPI.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, Object, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat,
        schema::{AdditionalProperties, Array, ArrayBuilder, Type},
    },
};

use crate::{
    config::values::MAX_TOKEN_LIFETIME,
    oauth::{Audience, ErrorCode, GrantType, Role, Scopes, Subject, account_id::AccountSubject},
    principal::PrincipalKind,
    tokens::{
        jwk::{JwkSet, PublicJwk},
        signing_error::LONGEST_TOKEN,
    },
};

/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_207_200;
/// The most roles of one principal.
const ROLES: usize = 1000;
const SCOPE_PATTERN: &str = r"^[ !#-\[\]-~]*$";
const BASE64URL_PATTERN: &str = "^[A-Za-z0-9_-]+$";

/// How a token is presented (RFC 6749 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) enum TokenType {
    /// As `Authorization: Bearer`.
    Bearer,
}

fn string(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

fn integer(description: &str, maximum: f64) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some(description))
        .minimum(Some(0.0))
        .maximum(Some(maximum))
        .build()
}

fn words<W: Serialize>(description: &str, words: &[W]) -> Object {
    let words: Vec<Value> = words.iter().map(|word| json!(word)).collect();
    string(description).enum_values(Some(words)).build()
}

/// The access token of an answer.
pub(crate) fn access_token() -> Object {
    string("The access token: send it as `Authorization: Bearer`.")
        .pattern(Some(r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"))
        .max_length(Some(LONGEST_TOKEN))
        .examples(["eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl"])
        .build()
}

/// `expires_in` of an answer.
pub(crate) fn expires_in() -> Object {
    let mut expires_in =
        integer("How long the token lives, in seconds.", MAX_TOKEN_LIFETIME.as_secs_f64());
    expires_in.examples = vec![json!(1800)];
    expires_in
}

/// `expires_in` of a request.
pub(crate) fn requested_lifetime() -> Object {
    let description = "A shorter lifetime, in seconds. Left out: the configured lifetime.";
    let mut expires_in = integer(description, MAX_TOKEN_LIFETIME.as_secs_f64());
    expires_in.minimum = Some(1.0.into());
    expires_in.examples = vec![json!(600)];
    expires_in
}

/// The scopes of a token or a principal.
pub(crate) fn scope() -> Object {
    scopes("The scopes, separated by spaces.", "invoices:read")
}

/// The audience of a request.
pub(crate) fn requested_audience() -> Object {
    string("The service that the token is for. Left out: the default of the client or user.")
        .pattern(Some(r"^[^\x00-\x1f\x7f]*$"))
        .max_length(Some(Audience::MAX_LENGTH))
        .examples([""])
        .build()
}

/// The audiences of a client.
pub(crate) fn audiences() -> Array {
    let audience = string("An audience.")
        .pattern(Some(r"^[^\s\x00-\x1f\x7f]+$"))
        .max_length(Some(Audience::MAX_LENGTH));
    ArrayBuilder::new()
        .items(audience)
        .max_items(Some(1000))
        .description(Some("The audiences that its tokens may have, the default first; absent: that of the service."))
        .examples([json!(["invoices"])])
        .build()
}

/// The claims of a client's tokens.
pub(crate) fn claims() -> Object {
    ObjectBuilder::new()
        .description(Some("More claims of its tokens."))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .max_properties(Some(100))
        .examples([json!({ "tenant": "acme" })])
        .build()
}

/// How long the tokens of a client live.
pub(crate) fn token_lifetime() -> Object {
    let description =
        "How long its tokens live at most, in seconds; absent: as long as all others.";
    let mut lifetime = integer(description, MAX_TOKEN_LIFETIME.as_secs_f64());
    lifetime.examples = vec![json!(600)];
    lifetime
}

/// The scopes of a request.
pub(crate) fn requested_scope() -> Object {
    scopes("Only these scopes, separated by spaces. Left out: all that were granted.", "")
}

fn scopes(description: &str, example: &str) -> Object {
    string(description)
        .pattern(Some(SCOPE_PATTERN))
        .max_length(Some(Scopes::MAX_LENGTH))
        .examples([example])
        .build()
}

/// The roles of a token or a principal.
pub(crate) fn roles() -> Array {
    let role = string("What an operation may demand where the scheme has no scopes.")
        .pattern(Some(r"^[!#-\[\]-~]+$"))
        .max_length(Some(Role::MAX_LENGTH));
    ArrayBuilder::new()
        .items(role)
        .max_items(Some(ROLES))
        .description(Some("The roles."))
        .examples([json!(["reader"])])
        .build()
}

/// The name of a client or user of the roster.
pub(crate) fn subject() -> Object {
    string("The name of the client or user.")
        .pattern(Some("^[A-Za-z0-9._@-]+$"))
        .max_length(Some(Subject::MAX_LENGTH))
        .examples(["billing"])
        .build()
}

/// Networks and addresses.
pub(crate) fn networks() -> Array {
    let network = string("A network in CIDR notation, or an address.")
        .pattern(Some("^[0-9a-f.:]+(/[0-9]{1,3})?$"))
        .max_length(Some(43));
    ArrayBuilder::new()
        .items(network)
        .max_items(Some(1000))
        .description(Some("The networks from which its keys are taken; absent: from everywhere."))
        .examples([json!(["10.0.0.0/8", "192.0.2.7"])])
        .build()
}

/// `sub` of a token.
pub(crate) fn token_subject() -> Object {
    string(
        "The name of the client or user; of an account of an application, `account/` and its id.",
    )
    .pattern(Some("^[!-~]+$"))
    .max_length(Some(AccountSubject::MAX_LENGTH))
    .examples(["billing"])
    .build()
}

/// `client_id` of a token.
pub(crate) fn token_client() -> Object {
    string("The client that the token was issued to; of an account, the issuer.")
        .pattern(Some("^[!-~]+$"))
        .max_length(Some(2048))
        .examples(["billing"])
        .build()
}

/// `exp` (RFC 7662 §2.2).
pub(crate) fn exp() -> Object {
    numeric_date("When it expires, in seconds since 1970.", 1_800_001_800)
}

/// `iat` (RFC 7662 §2.2).
pub(crate) fn iat() -> Object {
    numeric_date("When it was issued, in seconds since 1970.", 1_800_000_000)
}

/// `nbf` (RFC 7662 §2.2).
pub(crate) fn nbf() -> Object {
    numeric_date("When it becomes valid, in seconds since 1970.", 1_800_000_000)
}

fn numeric_date(description: &str, example: i64) -> Object {
    let mut date = integer(description, LAST_SECOND as f64);
    date.examples = vec![json!(example)];
    date
}

fn signing_algorithm() -> Object {
    words("The algorithm (RFC 7518 §3.1).", &["EdDSA", "ES256", "RS256", "HS256"])
}

/// The algorithms that sign tokens.
pub(crate) fn signing_algorithms() -> Array {
    ArrayBuilder::new()
        .items(signing_algorithm())
        .max_items(Some(8))
        .description(Some(
            "The algorithm that signs; discovery requires the field, though ID tokens are not issued.",
        ))
        .examples([json!(["EdDSA"])])
        .build()
}

impl ToSchema for ErrorCode {
    fn name() -> Cow<'static, str> {
        "OAuthErrorCode".into()
    }
}

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        words("Why an OAuth2 operation refuses (RFC 6749 §5.2).", &Self::ALL).into()
    }
}

impl ToSchema for GrantType {}

impl PartialSchema for GrantType {
    fn schema() -> RefOr<Schema> {
        let description = "How a token is asked for: as a client for itself, or with a user's name and password \
                           (RFC 6749 §4.3, §4.4).";
        words(description, &Self::ALL).into()
    }
}

impl ToSchema for PrincipalKind {}

impl PartialSchema for PrincipalKind {
    fn schema() -> RefOr<Schema> {
        let kinds = [Self::Client, Self::User, Self::Account];
        words("Whether it is a client, a user or an account of an application.", &kinds).into()
    }
}

impl ToSchema for JwkSet {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((PublicJwk::name().into_owned(), PublicJwk::schema()));
    }
}

impl PartialSchema for JwkSet {
    fn schema() -> RefOr<Schema> {
        let keys = ArrayBuilder::new()
            .items(Ref::from_schema_name(PublicJwk::name()))
            .max_items(Some(1000))
            .description(Some("The keys, the one that signs first."));
        ObjectBuilder::new()
            .description(Some("The public keys of the service (RFC 7517 §5)."))
            .property("keys", keys)
            .required("keys")
            .into()
    }
}

impl ToSchema for PublicJwk {
    fn name() -> Cow<'static, str> {
        "Jwk".into()
    }
}

impl PartialSchema for PublicJwk {
    fn schema() -> RefOr<Schema> {
        let base64url = |description, max_length| {
            string(description).pattern(Some(BASE64URL_PATTERN)).max_length(Some(max_length))
        };
        let kid = base64url("The `kid` in the header of tokens: the thumbprint (RFC 7638).", 64);
        ObjectBuilder::new()
            .description(Some("A public key (RFC 7517 §4)."))
            .property("kty", words("The key type (RFC 7518 §6.1).", &["OKP", "EC", "RSA"]))
            .property("use", words("The key signs (RFC 7517 §4.2).", &["sig"]))
            .property("alg", signing_algorithm())
            .property("kid", kid.examples(["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"]))
            .property("crv", words("The curve of an OKP or EC key.", &["Ed25519", "P-256"]))
            .property("x", base64url("The first coordinate of an OKP or EC key.", 64))
            .property("y", base64url("The second coordinate of an EC key.", 64))
            .property("n", base64url("The modulus of an RSA key.", 2048))
            .property("e", base64url("The exponent of an RSA key.", 16))
            .required("kty")
            .required("use")
            .required("alg")
            .required("kid")
            .into()
    }
}
