//! The scenario with the SDK that openapi-generator writes in Rust.

use std::{env::var, fmt::Debug};

use hallpass_sdk::{
    apis::{
        Error, ResponseContent,
        administration_api::{ListClientsError, list_clients},
        configuration::{ApiKey, Configuration},
        oauth2_api::{TokenError, token},
        tokens_api::{WhoamiError, login, logout, whoami},
    },
    models::{Code, LoginResponse, OAuthErrorCode, PrincipalKind, TokenType},
};

type Failed = Box<dyn std::error::Error>;

fn configuration() -> Result<Configuration, Failed> {
    Ok(Configuration { base_path: var("HALLPASS")?, ..Configuration::new() })
}

async fn log_in(key: &str) -> Result<LoginResponse, Failed> {
    let api_key = Some(ApiKey { prefix: None, key: var(key)? });
    Ok(login(&Configuration { api_key, ..configuration()? }, None).await?)
}

fn with(login: LoginResponse) -> Result<Configuration, Failed> {
    Ok(Configuration { bearer_access_token: Some(login.access_token), ..configuration()? })
}

fn refused<T: Debug, E>(answer: Result<T, Error<E>>) -> (u16, E) {
    match answer {
        Err(Error::ResponseError(ResponseContent { status, entity: Some(entity), .. })) => {
            (status.as_u16(), entity)
        }
        Err(_) => panic!("the refusal has no typed body"),
        Ok(answer) => panic!("the request was not refused: {answer:?}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let reader = log_in("READER_KEY").await?;
    assert_eq!((reader.token_type, reader.roles.as_slice()), (TokenType::Bearer, &["reader".to_owned()][..]));
    let reader = with(reader)?;

    let who = whoami(&reader).await?;
    assert_eq!((who.sub.as_str(), who.kind), ("reader", PrincipalKind::Client));
    assert!(who.expires_at > who.issued_at, "times are compared as times");

    // The errors are untagged, so that their variant is the first that fits; status and body are exact.
    let (status, error) = refused(list_clients(&reader).await);
    let (ListClientsError::Status400(diagnostic)
    | ListClientsError::Status401(diagnostic)
    | ListClientsError::Status403(diagnostic)) = error
    else {
        panic!("not a problem")
    };
    assert_eq!((status, diagnostic.status, diagnostic.code), (403, 403, Code::InsufficientScope));

    let operator = with(log_in("ADMIN_KEY").await?)?;
    let roster = list_clients(&operator).await?;
    let names: Vec<_> = roster.clients.iter().map(|client| client.name.as_str()).collect();
    assert_eq!(names, ["operator", "reader"]);

    let (status, error) =
        refused(token(&configuration()?, "client_credentials", None, None, None, None, None, None).await);
    let (TokenError::Status400(error) | TokenError::Status401(error)) = error else {
        panic!("not an OAuth error")
    };
    assert_eq!((status, error.error), (401, OAuthErrorCode::InvalidClient));

    assert!(!logout(&reader).await?.message.is_empty());
    let (status, error) = refused(whoami(&reader).await);
    let (WhoamiError::Status400(diagnostic) | WhoamiError::Status401(diagnostic)) = error else {
        panic!("not a problem")
    };
    assert_eq!((status, diagnostic.code), (401, Code::InvalidToken));
    Ok(())
}
