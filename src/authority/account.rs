//! What an application says of its accounts: for whom it wants a token, and what becomes of those that were issued.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    oauth::{
        AccountId, Role, Roles, Scope, Scopes, SyntaxError,
        account_id::AccountSubject,
        custom_claims::{CustomClaimError, CustomClaims},
    },
    tokens::signing_error::SigningError,
};

/// For whom a token is wanted: somebody whom the application knows, and whose password it has checked just now, or
/// whatever else it takes for a proof.
///
/// Without further words the token carries all roles and scopes that the account has, and lives as long as
/// `HALLPASS_TOKEN_LIFETIME` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    pub(super) subject: AccountSubject,
    pub(super) roles: Option<Roles>,
    pub(super) scopes: Option<Scopes>,
    pub(super) claims: CustomClaims,
    pub(super) lifetime: Option<Duration>,
}

impl Account {
    /// The account of this id, which never changes and which no other account gets later.
    ///
    /// # Errors
    /// The id is not 1 to 255 printable ASCII characters without space.
    pub fn new(id: &str) -> Result<Self, AccountError> {
        let subject = AccountSubject::new(AccountId::parse(id)?);
        Ok(Self {
            subject,
            roles: None,
            scopes: None,
            claims: CustomClaims::default(),
            lifetime: None,
        })
    }

    /// The token carries these roles of the account only.
    ///
    /// # Errors
    /// One of them is no role.
    pub fn roles<R: AsRef<str>>(
        self,
        roles: impl IntoIterator<Item = R>,
    ) -> Result<Self, AccountError> {
        Ok(Self { roles: Some(parse_roles(roles)?), ..self })
    }

    /// The token carries these scopes of the account only.
    ///
    /// # Errors
    /// One of them is no scope.
    pub fn scopes<S: AsRef<str>>(
        self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, AccountError> {
        Ok(Self { scopes: Some(parse_scopes(scopes)?), ..self })
    }

    /// The token carries this claim as well: a string, number or boolean, or a list of these.
    /// [`Principal::claim`](crate::Principal::claim) reads it.
    ///
    /// # Errors
    /// The name has a meaning of its own, as `sub` has, or characters that it must not have, or the value is nested.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Result<Self, AccountError> {
        self.claims.insert(name, value.into())?;
        Ok(self)
    }

    /// A shorter lifetime, in whole seconds.
    #[must_use]
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    /// The account.
    pub fn id(&self) -> &AccountId {
        self.subject.id()
    }

    /// The `sub` of its tokens.
    pub(crate) fn subject(&self) -> &AccountSubject {
        &self.subject
    }
}

/// Why there is no token for an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The id of an account, a role or a scope has characters that it must not have.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A claim that cannot be put into a token.
    #[error(transparent)]
    Claim(#[from] CustomClaimError),
    /// [`Accounts`](crate::Accounts) knows no such account.
    #[error("there is no account {0}")]
    Unknown(AccountId),
    /// The account is disabled, or its tokens are valid from a later time on only.
    #[error("the account {0} is disabled")]
    Disabled(AccountId),
    /// Roles or scopes were asked for that the account does not have.
    #[error("the account was not granted: {0}")]
    NotGranted(String),
    /// A longer lifetime than `HALLPASS_TOKEN_LIFETIME` was asked for.
    #[error("a token lives {} seconds at most", .0.as_secs())]
    Lifetime(Duration),
    /// [`Accounts`](crate::Accounts) failed, or did not answer in time.
    #[error("the accounts cannot be asked: {0}")]
    Unavailable(String),
    /// The gate has no [`Accounts`](crate::Accounts).
    #[error("the gate has no accounts: `Gate::with_accounts` gives it some")]
    NoAccounts,
    /// The token would hold more than fits into a header, or the cryptographic library failed.
    #[error("{0}")]
    Signing(String),
}

impl From<SigningError> for AccountError {
    fn from(error: SigningError) -> Self {
        Self::Signing(error.to_string())
    }
}

/// What an account may do now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountStatus {
    pub(super) roles: Roles,
    pub(super) scopes: Scopes,
    pub(super) is_disabled: bool,
    pub(super) valid_since: Option<Timestamp>,
}

impl AccountStatus {
    /// An account without roles and scopes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with these roles.
    ///
    /// # Errors
    /// One of them is no role.
    pub fn roles<R: AsRef<str>>(
        self,
        roles: impl IntoIterator<Item = R>,
    ) -> Result<Self, SyntaxError> {
        Ok(Self { roles: parse_roles(roles)?, ..self })
    }

    /// The same with these scopes.
    ///
    /// # Errors
    /// One of them is no scope.
    pub fn scopes<S: AsRef<str>>(
        self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, SyntaxError> {
        Ok(Self { scopes: parse_scopes(scopes)?, ..self })
    }

    /// Whether all its tokens are refused.
    #[must_use]
    pub fn disabled(self, is_disabled: bool) -> Self {
        Self { is_disabled, ..self }
    }

    /// Tokens that were issued before this time are refused: that of the last change of the password, or of "log out
    /// everywhere".
    #[must_use]
    pub fn valid_since(self, time: SystemTime) -> Self {
        // A time that no calendar holds is one that no token was issued after.
        let time = Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
        Self { valid_since: Some(time), ..self }
    }
}

fn parse_roles<R: AsRef<str>>(roles: impl IntoIterator<Item = R>) -> Result<Roles, SyntaxError> {
    roles.into_iter().map(|role| Role::parse(role.as_ref())).collect()
}

fn parse_scopes<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Result<Scopes, SyntaxError> {
    scopes.into_iter().map(|scope| Scope::parse(scope.as_ref())).collect()
}
