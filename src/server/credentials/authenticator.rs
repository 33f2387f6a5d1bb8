//! Authenticates the credentials of one request, as the evaluation of its requirement asks for them.

use std::{net::IpAddr, sync::Arc};

use crate::{
    authority::authority::Authority,
    policy::{
        decision::Authentication,
        scheme::{CredentialKind, Scheme},
    },
    roster::api_key::ApiKey,
    server::{
        clock::Clock,
        credentials::{
            lookups::Lookups,
            request_credentials::{Credential, RequestCredentials, SchemeCredential},
            scheme_issuers::{SchemeIssuer, SchemeIssuers},
            secret_verifier::{SecretError, SecretVerifier},
            token_verifier::{TokenFailure, verify_token},
        },
        http::refusal::Refusal,
    },
    tokens::{external::external_token_error::ExternalTokenError, token_error::TokenError},
};

/// Authenticates an API key and a token at most once per request, whichever of several schemes asks for it.
pub(crate) struct Authenticator<'r> {
    authority: &'r Arc<Authority>,
    clock: &'r Clock,
    secrets: &'r SecretVerifier,
    lookups: &'r Lookups,
    issuers: &'r SchemeIssuers,
    credentials: &'r RequestCredentials<'r>,
    peer: Option<IpAddr>,
    /// Whether Basic may carry a user's password.
    takes_passwords: bool,
    api_key: Option<Authentication>,
    token: Option<Authentication>,
    errors: Vec<AuthenticationError>,
    /// Why a credential could not be checked: it counts as an invalid one, but this is what is answered.
    unavailable: Option<Refusal>,
}

/// Why a credential is invalid: what the caller is told, and what only the log is told.
#[derive(Debug)]
pub(crate) struct AuthenticationError {
    scheme: Arc<str>,
    pub(crate) detail: &'static str,
    pub(crate) reason: String,
    pub(crate) key_id: Option<String>,
    /// The token claims to be of just the issuer whose keys refused it.
    is_of_its_issuer: bool,
}

const INVALID_KEY: &str = "The API key is not valid.";
const INVALID_BASIC: &str = "The name, or the API key or password, is not valid.";
const KEY_AS_TOKEN: &str = "This is an API key, not a token: POST /login issues a token for it.";
const INVALID_TOKEN: &str = "The token is not valid.";

/// What the caller is told of an invalid token.
fn detail(error: TokenError) -> &'static str {
    match error {
        TokenError::Expired => "The token has expired.",
        TokenError::Revoked | TokenError::Withdrawn => "The token was revoked.",
        _ => INVALID_TOKEN,
    }
}

/// Refuses what needs to know whether a token is revoked, until that is known.
///
/// # Errors
/// 503.
pub(crate) fn demand_revocations(authority: &Authority) -> Result<(), Refusal> {
    match authority.knows_revocations() {
        true => Ok(()),
        false => Err(Refusal::revocations_unknown()),
    }
}

impl<'r> Authenticator<'r> {
    pub(crate) fn new(
        clock: &'r Clock,
        secrets: &'r SecretVerifier,
        lookups: &'r Lookups,
        issuers: &'r SchemeIssuers,
        credentials: &'r RequestCredentials<'r>,
        peer: Option<IpAddr>,
        takes_passwords: bool,
    ) -> Self {
        Self {
            authority: secrets.authority(),
            clock,
            secrets,
            lookups,
            issuers,
            credentials,
            peer,
            takes_passwords,
            api_key: None,
            token: None,
            errors: Vec::new(),
            unavailable: None,
        }
    }

    /// Authenticates the credential of `scheme`.
    pub(crate) async fn authenticate(&mut self, scheme: &Scheme) -> Authentication {
        let credential = match self.credentials.find(scheme) {
            SchemeCredential::Missing => return Authentication::Missing,
            SchemeCredential::CrossSite => return Authentication::CrossSite,
            SchemeCredential::Present(credential) => credential,
        };
        match (credential, self.issuers.find(scheme)) {
            (Credential::Token(token), _) if ApiKey::has_prefix(token) => {
                self.key_as_token(scheme, token)
            }
            (Credential::Token(_), _) if !self.authority.knows_revocations() => {
                self.unavailable = demand_revocations(self.authority).err();
                Authentication::Invalid
            }
            (Credential::Token(token), Some(issuer)) => {
                self.external_token(scheme, issuer, token).await
            }
            (Credential::Token(token), None) => match self.token.clone() {
                Some(known) => known,
                None => {
                    let authentication = self.own_token(scheme, token).await;
                    self.token.insert(authentication).clone()
                }
            },
            (Credential::ApiKey(key), _) => match self.api_key.clone() {
                Some(known) => known,
                None => {
                    let authentication = self.key(scheme, key, None).await;
                    self.api_key.insert(authentication).clone()
                }
            },
            (Credential::Basic { name, password, secret }, _)
                if self.takes_passwords && !ApiKey::has_shape(secret) =>
            {
                self.password(scheme, name, password).await
            }
            (Credential::Basic { name, secret, .. }, _) => {
                self.key(scheme, secret, Some(name)).await
            }
        }
    }

    /// A frequent mistake, so the caller is told.
    fn key_as_token(&mut self, scheme: &Scheme, token: &str) -> Authentication {
        let invalid = self.invalid(scheme, KEY_AS_TOKEN, "the token is an API key".to_owned());
        if let Some(last) = self.errors.last_mut() {
            last.key_id = ApiKey::parse(token).ok().map(|key| key.id().to_string());
        }
        invalid
    }

    async fn own_token(&mut self, scheme: &Scheme, token: &str) -> Authentication {
        match verify_token(self.authority, self.lookups, token, self.clock.now()).await {
            Ok(principal) => Authentication::Valid(principal),
            Err(TokenFailure::Invalid(error)) => {
                self.invalid(scheme, detail(error), format!("the token {error}"))
            }
            Err(TokenFailure::Unavailable(refusal)) => {
                self.unavailable = Some(refusal);
                Authentication::Invalid
            }
        }
    }

    /// Our own tokens are tried here too where several alternatives take tokens: their `iss` is enough to refuse them.
    async fn external_token(
        &mut self,
        scheme: &Scheme,
        issuer: &SchemeIssuer,
        token: &str,
    ) -> Authentication {
        let error = match issuer.authenticate(self.authority, self.clock, token).await {
            Ok(principal) => return Authentication::Valid(Arc::new(principal)),
            Err(error) => error,
        };
        let detail = match error {
            ExternalTokenError::Token(error) => detail(error),
            ExternalTokenError::Untrusted | ExternalTokenError::KeysNeeded => INVALID_TOKEN,
        };
        let invalid = self.invalid(scheme, detail, format!("the token {error}"));
        if let Some(last) = self.errors.last_mut() {
            last.is_of_its_issuer = error != ExternalTokenError::Token(TokenError::UnknownIssuer);
        }
        invalid
    }

    async fn key(&mut self, scheme: &Scheme, text: &str, name: Option<&str>) -> Authentication {
        match self.secrets.verify_key(text, name, self.peer).await {
            Ok(principal) => Authentication::Valid(principal),
            Err(error) => self.invalid_secret(scheme, error),
        }
    }

    async fn password(&mut self, scheme: &Scheme, name: &str, password: &str) -> Authentication {
        match self.secrets.verify_password(name, password.into(), self.peer).await {
            Ok(principal) => Authentication::Valid(Arc::new(principal)),
            Err(error) => self.invalid_secret(scheme, error),
        }
    }

    fn invalid_secret(&mut self, scheme: &Scheme, error: SecretError) -> Authentication {
        match error {
            SecretError::Invalid { reason, key_id } => {
                let is_basic = scheme.credential == CredentialKind::Basic;
                let detail =
                    if is_basic && self.takes_passwords { INVALID_BASIC } else { INVALID_KEY };
                let invalid = self.invalid(scheme, detail, reason);
                if let Some(last) = self.errors.last_mut() {
                    last.key_id = key_id;
                }
                invalid
            }
            SecretError::Unavailable(refusal) => {
                self.unavailable = Some(refusal);
                Authentication::Invalid
            }
        }
    }

    fn invalid(&mut self, scheme: &Scheme, detail: &'static str, reason: String) -> Authentication {
        let scheme = Arc::clone(&scheme.name);
        let (key_id, is_of_its_issuer) = (None, false);
        self.errors.push(AuthenticationError { scheme, detail, reason, key_id, is_of_its_issuer });
        Authentication::Invalid
    }

    /// Why a credential could not be checked at all, if that happened.
    pub(crate) fn unavailable(&self) -> Option<&Refusal> {
        self.unavailable.as_ref()
    }

    /// The error that says most about the credential of `scheme`: of a token, what the keys of its own issuer found.
    pub(crate) fn error(&self, scheme: &Scheme) -> Option<&AuthenticationError> {
        let of_its_issuer = self.errors.iter().find(|error| error.is_of_its_issuer);
        of_its_issuer
            .filter(|_| scheme.credential == CredentialKind::Token)
            .or_else(|| self.errors.iter().find(|error| error.scheme == scheme.name))
            // The same invalid key at two locations is one error, kept under the first of them.
            .or(self.errors.first())
    }
}
