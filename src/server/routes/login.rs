//! `POST /login`: an API key goes in, an access token comes out.
//!
//! Must not know the API key: the middleware proved it.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    mime, post, web,
};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::server::{
    document::schemas::TokenType,
    enforce::access_log::RequestId,
    enforce::authenticated::Authenticated,
    gate::Gate,
    http::{
        body::{Body, json},
        code::Code,
        cookie,
        peer::shown::Peer,
        refusal::Refusal,
    },
    routes::issue::issue,
};
use crate::{
    authority::{IssueError, IssueRequest},
    oauth::{KeyId, Role, Roles, Scopes},
    tokens::IssuedToken,
};

/// What a login may ask for; everything may be left out, and so may the body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({}))]
pub(crate) struct LoginRequest {
    /// Only these scopes, separated by spaces. Left out: all that the client has.
    #[schema(
        example = "",
        pattern = r"^[ !#-\[\]-~]*$",
        max_length = 4096,
        value_type = String,
        required = false
    )]
    scope: Option<String>,
    /// A shorter life, in seconds. Left out: as long as tokens live here.
    #[schema(example = 600, minimum = 1, maximum = 31_622_400, value_type = u64, required = false)]
    expires_in: Option<u64>,
    /// Whether to set the session cookie as well, for browsers.
    #[schema(example = false, value_type = bool, required = false)]
    cookie: Option<bool>,
}

/// An access token (RFC 6749 §5.1) and what it allows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoginResponse {
    /// The access token: send it as `Authorization: Bearer`.
    #[schema(
        example = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl",
        pattern = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$",
        max_length = 8192
    )]
    access_token: String,
    /// Always `Bearer`.
    token_type: TokenType,
    /// How long the token lives, in seconds.
    #[schema(example = 1800, minimum = 0, maximum = 31_622_400)]
    expires_in: u64,
    /// The scopes that the token allows, separated by spaces.
    #[schema(example = "invoices:read", pattern = r"^[ !#-\[\]-~]*$", max_length = 4096, value_type = String)]
    scope: Scopes,
    /// The roles that the token carries.
    #[schema(example = json!(["reader"]), max_items = 1000, value_type = Vec<Role>)]
    roles: Roles,
}

/// Exchange an API key for an access token
///
/// Present the API key in the header, the query or the cookie. The answer holds a token that carries the
/// client's roles and scopes; send it as `Authorization: Bearer` to the other operations until it expires.
/// With `"cookie": true` the token is also set as the session cookie, for browsers. The body may be left out, and
/// so may each of its fields; a field that is `null` counts as left out.
#[utoipa::path(
    tag = "tokens",
    operation_id = "login",
    request_body(
        content = LoginRequest,
        description = "Optional: ask for fewer scopes, a shorter life, or a cookie.",
        examples(
            ("all" = (summary = "All that the client has", value = json!({}))),
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
#[post("/login")]
pub(crate) async fn login(
    request: HttpRequest,
    gate: web::Data<Gate>,
    authenticated: Authenticated,
    body: Result<Body, Refusal>,
) -> Result<HttpResponse, Refusal> {
    let asked = read(&request, &body?)?;
    let now = Timestamp::now();
    let issued =
        issue(&gate, &authenticated.principal, asked.wish()?, now).await.map_err(refuse)?;
    gate.counted().issued(None);
    log::info!(
        target: "audit",
        sub = authenticated.principal.subject(),
        key_id = authenticated.principal.key_id().map(KeyId::as_str),
        jti = issued.id,
        scheme = &*authenticated.scheme,
        peer = Peer::of(&request),
        request_id = RequestId::of(&request).as_str();
        "login"
    );
    let answer = answer(&issued, &authenticated, now);
    let mut response = json(&answer);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if asked.cookie.unwrap_or_default() {
        let cookie = cookie::session(gate.settings(), &answer.access_token, answer.expires_in);
        response
            .add_cookie(&cookie)
            .map_err(|error| Refusal::internal(format!("the session cookie: {error}")))?;
    }
    Ok(response)
}

fn answer(issued: &IssuedToken, authenticated: &Authenticated, now: Timestamp) -> LoginResponse {
    let left = issued.expires_at.as_second() - now.as_second();
    LoginResponse {
        access_token: issued.token.expose_secret().to_owned(),
        token_type: TokenType::Bearer,
        expires_in: left.try_into().unwrap_or_default(),
        scope: issued.scopes.clone(),
        roles: authenticated.principal.roles().clone(),
    }
}

/// The body may be absent, empty or `null`: clients that are generated from the document send all three.
fn read(request: &HttpRequest, Body(body): &Body) -> Result<LoginRequest, Refusal> {
    if body.trim_ascii().is_empty() {
        return Ok(LoginRequest::default());
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|kind| kind.parse::<mime::Mime>().ok());
    if kind.is_none_or(|kind| kind.essence_str() != mime::APPLICATION_JSON.essence_str()) {
        return Err(Refusal::from_status(actix_web::http::StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    serde_json::from_slice::<Option<LoginRequest>>(body).map(Option::unwrap_or_default).map_err(
        |error| {
            Refusal::new(
                Code::InvalidRequest,
                format!("The body is not what login takes: {error}."),
            )
        },
    )
}

impl LoginRequest {
    fn wish(&self) -> Result<IssueRequest, Refusal> {
        if self.scope.as_ref().is_some_and(|scope| scope.chars().count() > Scopes::LONGEST) {
            let detail = format!("The scope is longer than {} characters.", Scopes::LONGEST);
            return Err(Refusal::new(Code::InvalidScope, detail));
        }
        let scopes = self.scope.as_deref().map(Scopes::parse).transpose();
        let scopes = scopes
            .map_err(|error| Refusal::new(Code::InvalidScope, format!("The scope {error}.")))?;
        if self.expires_in == Some(0) {
            return Err(Refusal::new(
                Code::InvalidRequest,
                "expires_in counts seconds and begins at 1.",
            ));
        }
        Ok(IssueRequest { scopes, lifetime: self.expires_in.map(Duration::from_secs) })
    }
}

fn refuse(refusal: IssueError) -> Refusal {
    match refusal {
        IssueError::Scope(_) | IssueError::TooLong(_) => {
            Refusal::new(Code::InvalidScope, format!("Not possible: {refusal}."))
        }
        IssueError::Lifetime(_) | IssueError::Foreign => {
            Refusal::new(Code::InvalidRequest, format!("Not possible: {refusal}."))
        }
        IssueError::Signing(reason) => Refusal::internal(reason),
    }
}
