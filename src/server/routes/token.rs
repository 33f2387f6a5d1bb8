//! `POST /token`: OAuth2 access tokens for clients and users (RFC 6749 §4.3, §4.4).

use std::sync::{Arc, LazyLock};

use actix_web::{
    HttpResponse,
    http::header::{self, WWW_AUTHENTICATE},
    web::Data,
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    authority::issue_request::IssueRequest,
    oauth::{ErrorCode, GrantType, KeyId, Scopes},
    principal::Principal,
    server::{
        context::Context,
        credentials::secret_verifier::SecretError,
        document::schemas,
        enforce::{audit, authenticated::Authenticated, challenge::BASIC},
        http::{
            code::Code,
            endpoints,
            form::{self, FieldLimits, Form, FormFields},
            refusal::Refusal,
            request_info::RequestInfo,
        },
        routes::access_token::{TokenResponse, issue},
    },
};

/// A request for a token, as a form.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "grant_type": "client_credentials" }))]
pub(crate) struct TokenRequest {
    // Inline, because openapi-generator's Rust cannot name the type of a form's field; and without a description of its
    // own, from which utoipa would make an `allOf` that nothing satisfies.
    #[schema(inline, value_type = GrantType)]
    grant_type: String,
    #[serde(default)]
    #[schema(schema_with = schemas::requested_scope)]
    scope: String,
    #[serde(default)]
    #[schema(schema_with = schemas::requested_audience)]
    resource: String,
    /// The client's name, where it does not authenticate by Basic.
    #[serde(default)]
    #[schema(pattern = r"^[^\x00-\x1f\x7f]*$", max_length = 64, example = "", required = false)]
    client_id: String,
    /// The client's API key, where it does not authenticate by Basic.
    #[serde(default)]
    #[schema(max_length = 128, format = Password, value_type = String, example = "", required = false)]
    client_secret: SecretString,
    /// The user's name, for `password`.
    #[serde(default)]
    #[schema(pattern = r"^[^\x00-\x1f\x7f]*$", max_length = 64, example = "", required = false)]
    username: String,
    /// The user's password, for `password`.
    #[serde(default)]
    #[schema(max_length = 128, format = Password, value_type = String, example = "", required = false)]
    password: SecretString,
}

impl FormFields for TokenRequest {
    fn limits() -> &'static FieldLimits {
        static LIMITS: LazyLock<FieldLimits> = LazyLock::new(FieldLimits::new::<TokenRequest>);
        &LIMITS
    }
}

/// Get an access token
///
/// With `client_credentials` a client gets a token for itself: `client_id` is its name, `client_secret` one of its API
/// keys, by Basic or in the form. With `password` a user's name and password are sent in the form. `resource` names the
/// service that the token is for (RFC 8707), of those that the roster lists for the client or user. Parameters that
/// are not listed are ignored (RFC 6749 §3.2); empty ones count as left out.
#[utoipa::path(
    post,
    path = endpoints::TOKEN,
    tag = "oauth2",
    operation_id = "token",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded", description = "The request."),
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
pub(crate) async fn token(
    info: RequestInfo,
    context: Data<Context>,
    basic: Option<Authenticated>,
    form: Result<Form<TokenRequest>, Refusal>,
) -> Result<HttpResponse, Refusal> {
    let Form(form) = form?;
    let grant_type = grant_type(&form.grant_type)?;
    let client = client(&info, &context, basic, &form).await?;
    let principal = match (grant_type, client) {
        (GrantType::ClientCredentials, Some(client)) => client,
        (GrantType::ClientCredentials, None) => {
            return Err(invalid_client(
                "Send the client's name and API key, by Basic or in the form.",
            ));
        }
        (GrantType::Password, Some(client)) if !is_in_roster(&context, &client) => {
            let detail = "This client gets no tokens for users.";
            return Err(Refusal::oauth(ErrorCode::UnauthorizedClient, detail));
        }
        (GrantType::Password, client) => {
            user(&info, &context, &form, client.as_deref()).await?.into()
        }
    };
    let scopes = Some(form.scope.as_str()).filter(|scope| !scope.is_empty());
    let scopes = scopes
        .map(Scopes::parse)
        .transpose()
        .map_err(|error| Refusal::oauth(ErrorCode::InvalidScope, format!("The scope: {error}.")))?;
    let now = context.clock.now();
    let audience = Some(form.resource.clone()).filter(|resource| !resource.is_empty());
    let request = IssueRequest { scopes, lifetime: None, audience };
    let issued = issue(&context, &principal, request, now).await?;
    let fields = [
        ("sub", Some(principal.subject())),
        ("client_id", principal.client_id()),
        ("key_id", principal.key_id().map(KeyId::as_str)),
        ("jti", Some(issued.id.as_str())),
    ];
    audit::record("token", &info, &fields);
    context.counters.issued(Some(grant_type));
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(TokenResponse::new(issued, now)))
}

/// Whether the roster has a client, and not only the application: the token of a user names no API key by which that could
/// be asked whether the client is still there.
fn is_in_roster(context: &Context, client: &Principal) -> bool {
    let roster = context.authority.roster();
    client.ours().is_some_and(|(name, _)| roster.client(name).is_some())
}

fn grant_type(text: &str) -> Result<GrantType, Refusal> {
    serde_json::from_value(text.into()).map_err(|_| {
        let detail = "The grant_type must be client_credentials or password.";
        Refusal::oauth(ErrorCode::UnsupportedGrantType, detail)
    })
}

fn invalid_client(detail: &'static str) -> Refusal {
    Refusal::new(Code::MissingCredentials, detail)
        .with_oauth_error(ErrorCode::InvalidClient)
        .header(WWW_AUTHENTICATE, BASIC)
}

/// The client that authenticates itself, by Basic (in the middleware) or in the form, but not by both.
async fn client(
    info: &RequestInfo,
    context: &Context,
    basic: Option<Authenticated>,
    form: &TokenRequest,
) -> Result<Option<Arc<Principal>>, Refusal> {
    let (id, secret) = (form.client_id.as_str(), form.client_secret.expose_secret());
    let invalid = |detail: &'static str| Err(Refusal::new(Code::InvalidRequest, detail));
    match (basic, id.is_empty(), secret.is_empty()) {
        (Some(_), _, false) => {
            invalid("The client authenticates itself twice, by Basic and in the form: send one.")
        }
        (Some(basic), false, true) if id != basic.principal.subject() => {
            invalid("client_id names another client than Basic does.")
        }
        (Some(basic), _, true) => Ok(Some(basic.principal)),
        (None, false, false) => match context.secrets.verify_key(secret, Some(id), info.peer).await
        {
            Ok(principal) => Ok(Some(principal)),
            Err(SecretError::Invalid { reason, key_id }) => {
                let refusal = invalid_client("The client could not be authenticated.");
                Err(refusal.because(Some(reason), key_id))
            }
            Err(SecretError::Unavailable(refusal)) => Err(refusal),
        },
        (None, true, false) => invalid("client_secret comes without client_id."),
        (None, _, true) => Ok(None),
    }
}

async fn user(
    info: &RequestInfo,
    context: &Context,
    form: &TokenRequest,
    client: Option<&Principal>,
) -> Result<Principal, Refusal> {
    if form.username.is_empty() {
        return Err(form::unreadable("missing field `username`"));
    }
    if form.password.expose_secret().is_empty() {
        return Err(form::unreadable("missing field `password`"));
    }
    let (name, password) = (&form.username, form.password.clone());
    match context.secrets.verify_password(name, password, info.peer).await {
        Ok(user) => Ok(client.iter().fold(user, |user, client| user.through(client))),
        Err(SecretError::Invalid { reason, key_id }) => {
            let detail = "The name or the password is wrong.";
            Err(Refusal::oauth(ErrorCode::InvalidGrant, detail).because(Some(reason), key_id))
        }
        Err(SecretError::Unavailable(refusal)) => Err(refusal),
    }
}
