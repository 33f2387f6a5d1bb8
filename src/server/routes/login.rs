//! `POST /login`: exchanges an API key for an access token.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web::Data,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Number, Value};
use utoipa::ToSchema;

use crate::{
    authority::issue_request::IssueRequest,
    oauth::{KeyId, Roles, Scopes},
    server::{
        context::Context,
        document::schemas,
        enforce::{audit, authenticated::Authenticated},
        http::{
            body::{Body, is_content_type, json},
            code::Code,
            cookie, endpoints, json_error,
            refusal::Refusal,
            request_info::RequestInfo,
        },
        routes::{
            access_token::{TokenResponse, issue},
            pages::Published,
        },
    },
};

/// What a login may ask for; everything may be left out, and so may the body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(crate) struct LoginRequest {
    #[schema(schema_with = schemas::requested_scope)]
    scope: Option<String>,
    #[schema(schema_with = schemas::requested_lifetime)]
    #[serde(default, deserialize_with = "whole_number")]
    expires_in: Option<u64>,
    #[schema(schema_with = schemas::requested_audience)]
    audience: Option<String>,
    /// Whether to set the session cookie as well, for browsers.
    #[schema(example = false, value_type = bool, required = false)]
    cookie: Option<bool>,
}

/// An access token and the roles that it carries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoginResponse {
    #[serde(flatten)]
    token: TokenResponse,
    #[schema(schema_with = schemas::roles)]
    roles: Roles,
}

/// Exchange an API key for an access token
///
/// Present the API key in one of the places that `security` lists. The token of the answer carries the client's roles and
/// scopes; send it as `Authorization: Bearer` to the other operations until it expires. With `"cookie": true` it is
/// also set as the session cookie, for browsers. The body may be left out, and so may each of its fields; a field that
/// is `null` counts as left out.
#[utoipa::path(
    post,
    path = endpoints::LOGIN,
    tag = "tokens",
    operation_id = "login",
    request_body(
        content = LoginRequest,
        description = "Optional: ask for fewer scopes, a shorter lifetime, an audience, or a cookie.",
        examples(
            ("all" = (summary = "Everything that the client was granted", value = json!({}))),
            ("cookie" = (summary = "The session cookie as well, for browsers", value = json!({ "cookie": true }))),
            ("short" = (summary = "A token for ten minutes", value = json!({ "expires_in": 600 }))),
        ),
    ),
    responses((status = 200, description = "The token.", body = LoginResponse,
        headers(
            ("Cache-Control" = String, description = "`no-store`: the token is a secret."),
            ("Set-Cookie" = String, description = "The session cookie, where it was asked for."),
        ),
        example = json!({
            "access_token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl", "token_type": "Bearer",
            "expires_in": 1800, "scope": "invoices:read", "roles": ["reader"],
        }),
    )),
    security(("apiKey" = []), ("apiKeyQuery" = []), ("apiKeyCookie" = [])),
)]
pub(crate) async fn login(
    request: HttpRequest,
    info: RequestInfo,
    context: Data<Context>,
    published: Data<Published>,
    Authenticated { principal, scheme }: Authenticated,
    body: Result<Body, Refusal>,
) -> Result<HttpResponse, Refusal> {
    let asked = read(&request, &body?)?;
    let now = context.clock.now();
    let issued = issue(&context, &principal, asked.issue_request()?, now).await?;
    context.counters.issued(None);
    let fields = [
        ("sub", Some(principal.subject())),
        ("key_id", principal.key_id().map(KeyId::as_str)),
        ("jti", Some(issued.id.as_str())),
        ("scheme", Some(&*scheme)),
    ];
    audit::record("login", &info, &fields);
    let answer =
        LoginResponse { token: TokenResponse::new(issued, now), roles: principal.roles().clone() };
    let mut response = json(&answer);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if asked.cookie.unwrap_or_default() {
        let (settings, enforced) = (&context.settings, published.load());
        let (own, token) = (&enforced.guard.rules.own, &answer.token);
        response
            .add_cookie(&cookie::session(settings, own, token.access_token(), token.expires_in()))
            .map_err(|error| Refusal::internal(format!("the session cookie: {error}")))?;
    }
    Ok(response)
}

/// The body may be absent, empty or `null`: generated clients send all three.
fn read(request: &HttpRequest, Body(body): &Body) -> Result<LoginRequest, Refusal> {
    const JSON: &str = "application/json";
    if body.trim_ascii().is_empty() {
        return Ok(LoginRequest::default());
    }
    if !is_content_type(request, JSON) {
        return Err(Refusal::unsupported_media_type(JSON));
    }
    // serde takes an array of the members' values for an object.
    if body.trim_ascii().starts_with(b"[") {
        let detail = "The body is an array; login takes an object.";
        return Err(Refusal::new(Code::InvalidRequest, detail));
    }
    let read = serde_json::from_slice::<Option<LoginRequest>>(body).map(Option::unwrap_or_default);
    read.map_err(|error| {
        let detail = wrong_field(body).unwrap_or_else(|| json_error::explain(&error));
        Refusal::new(Code::InvalidRequest, detail)
    })
}

/// The first field of a body that is of another kind than login takes.
fn wrong_field(body: &[u8]) -> Option<String> {
    let fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let expected = |(name, value): (&String, &Value)| {
        let expected = match name.as_str() {
            "scope" if !value.is_string() => "scopes in one string, with spaces between them",
            "expires_in" if value.as_number().and_then(whole).is_none() => {
                "a whole number of seconds, at least 1"
            }
            "cookie" if !value.is_boolean() => "true or false",
            _ => return None,
        };
        (!value.is_null()).then(|| format!("The field `{name}` takes {expected}."))
    };
    fields.iter().find_map(expected)
}

fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    whole(&number)
        .map(Some)
        .ok_or_else(|| D::Error::custom(format!("{number} is not a whole number")))
}

/// In JSON Schema `600.0` is an integer too.
fn whole(number: &Number) -> Option<u64> {
    let from_float =
        |float: f64| (float.fract() == 0.0 && (0.0..1e15).contains(&float)).then_some(float as u64);
    number.as_u64().or_else(|| number.as_f64().and_then(from_float))
}

impl LoginRequest {
    fn issue_request(&self) -> Result<IssueRequest, Refusal> {
        if self.scope.as_ref().is_some_and(|scope| scope.chars().count() > Scopes::MAX_LENGTH) {
            let detail = format!("The scope is longer than {} characters.", Scopes::MAX_LENGTH);
            return Err(Refusal::new(Code::InvalidScope, detail));
        }
        let scopes = self.scope.as_deref().map(Scopes::parse).transpose();
        let scopes = scopes
            .map_err(|error| Refusal::new(Code::InvalidScope, format!("The scope {error}.")))?;
        if self.expires_in == Some(0) {
            let detail = "expires_in is a number of seconds, at least 1.";
            return Err(Refusal::new(Code::InvalidRequest, detail));
        }
        let lifetime = self.expires_in.map(Duration::from_secs);
        // Swagger UI fills in an empty text.
        let audience = self.audience.clone().filter(|audience| !audience.is_empty());
        Ok(IssueRequest { scopes, lifetime, audience })
    }
}
