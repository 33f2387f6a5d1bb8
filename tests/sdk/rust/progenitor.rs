//! The scenario with the SDK that progenitor writes at compile time.

use std::env::var;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

progenitor::generate_api!(spec = "openapi30.json", interface = Positional);

use types::{Code, LoginResponse, OAuthError, OAuthErrorCode, PrincipalKind, Problem, TokenRequest, TokenRequestGrantType, TokenType};

type Failed = Box<dyn std::error::Error>;

/// progenitor does not support `security`, so the credential is a default header of the client.
fn with(name: HeaderName, value: &str) -> Result<Client, Failed> {
    let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(value)?)]);
    let client = reqwest::Client::builder().default_headers(headers).build()?;
    Ok(Client::new_with_client(&var("HALLPASS")?, client))
}

async fn log_in(key: &str) -> Result<LoginResponse, Failed> {
    let client = with(HeaderName::from_static("x-api-key"), &var(key)?)?;
    Ok(client.login(&types::LoginRequest::default()).await?.into_inner())
}

fn refused<T: std::fmt::Debug, E: std::fmt::Debug>(answer: Result<ResponseValue<T>, Error<E>>) -> (u16, E) {
    match answer {
        Err(Error::ErrorResponse(refusal)) => (refusal.status().as_u16(), refusal.into_inner()),
        other => panic!("not a typed refusal: {other:?}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let login = log_in("READER_KEY").await?;
    assert_eq!(login.token_type, TokenType::Bearer);
    assert_eq!(login.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>(), ["reader"]);
    let reader = with(AUTHORIZATION, &format!("Bearer {}", *login.access_token))?;

    let who = reader.whoami().await?.into_inner();
    assert_eq!((who.sub.as_str(), who.kind), ("reader", PrincipalKind::Client));
    assert!(who.expires_at > who.issued_at, "times are compared as times");

    let (status, diagnostic): (u16, Problem) = refused(reader.list_clients().await);
    assert_eq!((status, diagnostic.code), (403, Code::InsufficientScope));

    let operator = log_in("ADMIN_KEY").await?;
    let operator = with(AUTHORIZATION, &format!("Bearer {}", *operator.access_token))?;
    let roster = operator.list_clients().await?.into_inner();
    let names: Vec<_> = roster.clients.iter().map(|client| client.name.as_str()).collect();
    assert_eq!(names, ["operator", "reader"]);

    let form = TokenRequest {
        grant_type: TokenRequestGrantType::ClientCredentials,
        client_id: None,
        client_secret: None,
        password: None,
        resource: None,
        scope: None,
        username: None,
    };
    let anonymous = Client::new(&var("HALLPASS")?);
    let (status, error): (u16, OAuthError) = refused(anonymous.token(&form).await);
    assert_eq!((status, error.error), (401, OAuthErrorCode::InvalidClient));

    assert!(!reader.logout().await?.into_inner().message.is_empty());
    let (status, diagnostic): (u16, Problem) = refused(reader.whoami().await);
    assert_eq!((status, diagnostic.code), (401, Code::InvalidToken));
    Ok(())
}
