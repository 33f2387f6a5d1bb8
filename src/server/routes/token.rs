//! `POST /token`: OAuth2 access tokens for clients and users (RFC 6749 §4.3, §4.4).
//!
//! Must not know how secrets are checked.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, WWW_AUTHENTICATE},
    post, web,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::server::{
    document::schemas::TokenType,
    enforce::access_log::RequestId,
    enforce::authenticated::Authenticated,
    gate::Gate,
    http::{
        code::Code,
        form::Form,
        peer::{peer, shown::Peer},
        refusal::Refusal,
    },
    routes::issue::issue,
};
use crate::{
    authority::{IssueError, IssueRequest},
    oauth::{ErrorCode, GrantType, KeyId, Scopes},
    principal::Principal,
};

/// What is sent to `/token`, as a form.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "grant_type": "client_credentials" }))]
#[expect(dead_code, reason = "this is the document's picture of the form, which is read by hand")]
pub(crate) struct TokenRequest {
    // Inline, because openapi-generator's Rust cannot name the type of a form's field; and without a
    // description of its own, from which utoipa would make an `allOf` that nothing satisfies.
    #[schema(inline)]
    grant_type: GrantType,
    /// Only these scopes, separated by spaces. Left out: all that were granted.
    #[schema(pattern = r"^[ !#-\[\]-~]*$", max_length = 4096, value_type = String, example = "", required = false)]
    scope: Option<String>,
    /// The client's name, where it does not authenticate by Basic.
    #[schema(pattern = r"^[^\x00-\x1f\x7f]*$", max_length = 64, value_type = String, example = "", required = false)]
    client_id: Option<String>,
    /// The client's API key, where it does not authenticate by Basic.
    #[schema(max_length = 128, format = Password, value_type = String, example = "", required = false)]
    client_secret: Option<String>,
    /// The user's name, for `password`.
    #[schema(pattern = r"^[^\x00-\x1f\x7f]*$", max_length = 64, value_type = String, example = "", required = false)]
    username: Option<String>,
    /// The user's password, for `password`.
    #[schema(max_length = 128, format = Password, value_type = String, example = "", required = false)]
    password: Option<String>,
}

/// An access token (RFC 6749 §5.1).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenResponse {
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
}

/// Ask for an access token as OAuth2 does
///
/// With `client_credentials` a client asks for itself: `client_id` is its name, `client_secret` one of its API
/// keys, by Basic or in the form. With `password` a user's name and password are sent in the form. Parameters that
/// are not listed are ignored (RFC 6749 §3.2); empty ones count as left out.
#[utoipa::path(
    tag = "oauth2",
    operation_id = "token",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded", description = "The grant."),
    responses(
        (status = 200, description = "The token.", body = TokenResponse,
            headers(("Cache-Control" = String, description = "`no-store`: the token is a secret.")),
            example = json!({
                "access_token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJkZW1vIn0.c2lnbmF0dXJl", "token_type": "Bearer",
                "expires_in": 1800, "scope": "invoices:read",
            })),
    ),
    security(("basic" = []), ()),
)]
#[post("/token")]
pub(crate) async fn token(
    request: HttpRequest,
    gate: web::Data<Gate>,
    basic: Option<Authenticated>,
    form: Result<Form, Refusal>,
) -> Result<HttpResponse, Refusal> {
    let form = form?;
    let grant = grant_type(form.required("grant_type")?)?;
    let client = client(&request, &gate, basic, &form).await?;
    let principal = match (grant, client) {
        (GrantType::ClientCredentials, Some(client)) => client,
        (GrantType::ClientCredentials, None) => {
            return Err(invalid_client(
                "Send the client's name and API key, by Basic or in the form.",
            ));
        }
        (GrantType::Password, client) => {
            user(&request, &gate, &form, client.as_deref()).await?.into()
        }
    };
    let scopes = form.text("scope").map(Scopes::parse).transpose();
    let scopes = scopes
        .map_err(|error| Refusal::oauth(ErrorCode::InvalidScope, format!("The scope: {error}.")))?;
    let answer = answer(&request, &gate, &principal, scopes).await?;
    gate.counted().issued(Some(grant));
    Ok(answer)
}

fn grant_type(text: &str) -> Result<GrantType, Refusal> {
    serde_json::from_value(text.into()).map_err(|_| {
        let detail = "The grant_type must be client_credentials or password.";
        Refusal::oauth(ErrorCode::UnsupportedGrantType, detail)
    })
}

fn invalid_client(detail: &'static str) -> Refusal {
    let basic = "Basic realm=\"hallpass\", charset=\"UTF-8\"";
    Refusal::new(Code::MissingCredentials, detail)
        .saying(ErrorCode::InvalidClient)
        .header(WWW_AUTHENTICATE, basic)
}

/// The client that authenticates itself, by Basic (proven by the middleware) or in the form, not by both.
async fn client(
    request: &HttpRequest,
    gate: &Gate,
    basic: Option<Authenticated>,
    form: &Form,
) -> Result<Option<Arc<Principal>>, Refusal> {
    let (id, secret) = (form.text("client_id"), form.secret("client_secret"));
    match (basic, id, secret) {
        (Some(_), _, Some(_)) => Err(Refusal::new(
            Code::InvalidRequest,
            "The client authenticates itself twice, by Basic and in the form: send one.",
        )),
        (Some(authenticated), Some(id), None) if id != authenticated.principal.subject() => Err(
            Refusal::new(Code::InvalidRequest, "client_id names another client than Basic does."),
        ),
        (Some(authenticated), _, None) => Ok(Some(authenticated.principal)),
        (None, Some(id), Some(secret)) => {
            let secrets = gate.secrets();
            let proven = secrets.prove_key(secret.expose_secret(), Some(id), peer(request)).await?;
            proven.map(Some).map_err(|fault| {
                invalid_client("The client could not be authenticated.")
                    .because(Some(fault.reason), fault.key_id)
            })
        }
        (None, None, Some(_)) => {
            Err(Refusal::new(Code::InvalidRequest, "client_secret comes without client_id."))
        }
        (None, _, None) => Ok(None),
    }
}

async fn user(
    request: &HttpRequest,
    gate: &Gate,
    form: &Form,
    client: Option<&Principal>,
) -> Result<Principal, Refusal> {
    let name = form.required("username")?;
    form.required("password")?;
    let password = form.secret("password").cloned().unwrap_or_else(SecretString::default);
    match gate.secrets().prove_user(name, password, peer(request)).await? {
        Ok(user) => Ok(client.iter().fold(user, |user, client| user.through(client))),
        Err(reason) => {
            let detail = "The name or the password is wrong.";
            Err(Refusal::oauth(ErrorCode::InvalidGrant, detail).because(Some(reason), None))
        }
    }
}

async fn answer(
    request: &HttpRequest,
    gate: &Gate,
    principal: &Arc<Principal>,
    scopes: Option<Scopes>,
) -> Result<HttpResponse, Refusal> {
    let now = Timestamp::now();
    let wish = IssueRequest { scopes, lifetime: None };
    let issued = issue(gate, principal, wish, now).await.map_err(|refusal| match refusal {
        IssueError::Scope(_) | IssueError::TooLong(_) => {
            Refusal::new(Code::InvalidScope, format!("Not possible: {refusal}."))
        }
        other => Refusal::internal(other.to_string()),
    })?;
    log::info!(
        target: "audit",
        sub = principal.subject(),
        client_id = principal.client_id(),
        key_id = principal.key_id().map(KeyId::as_str),
        jti = issued.id,
        peer = Peer::of(request),
        request_id = RequestId::of(request).as_str();
        "token"
    );
    let left = issued.expires_at.as_second() - now.as_second();
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(TokenResponse {
            access_token: issued.token.expose_secret().to_owned(),
            token_type: TokenType::Bearer,
            expires_in: left.try_into().unwrap_or_default(),
            scope: issued.scopes,
        }))
}
