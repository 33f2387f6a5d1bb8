//! The principal, and what proved it.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use crate::oauth::{
    AccountId, ExternalName, KeyId, Role, Roles, Scope, Scopes, Subject,
    account_id::AccountSubject, custom_claims::CustomClaims, external_name::QualifiedName,
};

/// What sort of name the subject is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    /// A machine that holds API keys.
    Client,
    /// A person with a password.
    User,
    /// A person whom the application knows.
    Account,
}

/// What proved the principal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Proof {
    /// An API key.
    ApiKey {
        /// Its public name.
        key_id: KeyId,
        /// When it ends, if ever.
        expires_at: Option<Timestamp>,
    },
    /// A user's password.
    Password,
    /// An access token of ours.
    Token {
        /// Its `jti`.
        id: String,
        /// The API key that it was issued for, if it was one.
        key_id: Option<KeyId>,
        /// Its `iat`.
        issued_at: Timestamp,
        /// Its `exp`.
        expires_at: Timestamp,
    },
    /// A token of another issuer.
    ExternalToken {
        /// Its `iat`, if it has one.
        issued_at: Option<Timestamp>,
        /// Its `exp`.
        expires_at: Timestamp,
    },
}

/// Whose names these are. Nothing turns a foreign name, or that of an account, into one of the roster's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Names {
    Ours { subject: Subject, client_id: Subject },
    Foreign { issuer: Subject, subject: ExternalName, client_id: Option<ExternalName> },
    Account(AccountSubject),
}

/// The client, user or account that an authenticated request is from; it can only be made from a proof.
///
/// ```compile_fail
/// # use hallpass::principal::Principal;
/// // Naming the fields is refused, even to copy them: they are private.
/// fn forge(proven: Principal) -> Principal {
///     Principal { ..proven }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    pub(super) names: Names,
    pub(super) roles: Roles,
    pub(super) scopes: Scopes,
    pub(super) custom: CustomClaims,
    pub(super) proof: Proof,
}

impl Principal {
    /// The name of the client or user: the roster's, or the other issuer's, or the id of an account, which may be the same
    /// text.
    ///
    /// For showing; [`Principal::is_same_as`] compares, [`Principal::ours`] finds in the roster, [`Principal::account`]
    /// among the accounts.
    pub fn subject(&self) -> &str {
        match &self.names {
            Names::Ours { subject, .. } => subject.as_str(),
            Names::Foreign { subject, .. } => subject.as_str(),
            Names::Account(account) => account.id().as_str(),
        }
    }

    /// The account of the application; none for everybody else.
    pub fn account(&self) -> Option<&AccountId> {
        match &self.names {
            Names::Ours { .. } | Names::Foreign { .. } => None,
            Names::Account(account) => Some(account.id()),
        }
    }

    /// The `sub` of tokens of ours for this subject, which is that of no other: `alice`, `corp:alice`, `account/alice`.
    pub(crate) fn sub(&self) -> Cow<'_, str> {
        match &self.names {
            Names::Ours { subject, .. } => subject.as_str().into(),
            Names::Foreign { issuer, subject, .. } => {
                QualifiedName::new(issuer, subject).as_str().to_owned().into()
            }
            Names::Account(account) => account.to_string().into(),
        }
    }

    /// The subject as those are told who also learn the issuer, and may overlook the kind: `alice`, or `account/alice`.
    pub(crate) fn told_subject(&self) -> Cow<'_, str> {
        match &self.names {
            Names::Ours { .. } | Names::Foreign { .. } => self.subject().into(),
            Names::Account(_) => self.sub(),
        }
    }

    /// The roster's name of the other issuer that gave the names; none where they are the roster's own, or an account's.
    pub fn issuer(&self) -> Option<&Subject> {
        match &self.names {
            Names::Ours { .. } | Names::Account(_) => None,
            Names::Foreign { issuer, .. } => Some(issuer),
        }
    }

    /// Subject and client, if the roster holds them.
    pub fn ours(&self) -> Option<(&Subject, &Subject)> {
        match &self.names {
            Names::Ours { subject, client_id } => Some((subject, client_id)),
            Names::Foreign { .. } | Names::Account(_) => None,
        }
    }

    /// Subject and client, if another issuer gave the names; the subject twice, if that did not name a client.
    pub(crate) fn qualified(&self) -> Option<(QualifiedName, QualifiedName)> {
        match &self.names {
            Names::Ours { .. } | Names::Account(_) => None,
            Names::Foreign { issuer, subject, client_id } => {
                let name = |name| QualifiedName::new(issuer, name);
                Some((name(subject), name(client_id.as_ref().unwrap_or(subject))))
            }
        }
    }

    /// Whether both speak for the same: the same issuer's same subject, or the same account.
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (&self.names, &other.names) {
            (Names::Ours { subject, .. }, Names::Ours { subject: other, .. }) => subject == other,
            (
                Names::Foreign { issuer, subject, .. },
                Names::Foreign { issuer: other_issuer, subject: other, .. },
            ) => issuer == other_issuer && subject == other,
            (Names::Account(account), Names::Account(other)) => account == other,
            (Names::Ours { .. } | Names::Foreign { .. } | Names::Account(_), _) => false,
        }
    }

    /// The client through which it speaks (`client_id`): itself, where it is a client. Another issuer may not
    /// say, and an account has none.
    pub fn client_id(&self) -> Option<&str> {
        match &self.names {
            Names::Ours { client_id, .. } => Some(client_id.as_str()),
            Names::Foreign { client_id, .. } => client_id.as_ref().map(ExternalName::as_str),
            Names::Account(_) => None,
        }
    }

    /// Whether it is a client, a user or an account: a client was proven, now or at login, by an API key, or speaks
    /// through itself at another issuer.
    pub fn kind(&self) -> PrincipalKind {
        let is_client = match &self.names {
            Names::Ours { .. } => self.key_id().is_some(),
            Names::Foreign { subject, client_id, .. } => client_id.as_ref() == Some(subject),
            Names::Account(_) => return PrincipalKind::Account,
        };
        if is_client { PrincipalKind::Client } else { PrincipalKind::User }
    }

    /// Its roles.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Its scopes.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Whether it has this role.
    pub fn has_role(&self, role: &Role) -> bool {
        self.roles.contains(role)
    }

    /// Whether it has this scope.
    pub fn has_scope(&self, scope: &Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// A claim of its token that only the service and its callers understand, read as a `T`; none if the token has none of
    /// this name, or something else under it.
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        self.custom.read(name)
    }

    /// All such claims.
    pub(crate) fn custom(&self) -> &CustomClaims {
        &self.custom
    }

    /// What proved it.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The public name of the API key that stands behind it, if one does.
    pub fn key_id(&self) -> Option<&KeyId> {
        match &self.proof {
            Proof::ApiKey { key_id, .. } => Some(key_id),
            Proof::Password => None,
            Proof::Token { key_id, .. } => key_id.as_ref(),
            Proof::ExternalToken { .. } => None,
        }
    }

    /// When its proof was issued; unknown of API keys, passwords and some tokens of other issuers.
    pub fn issued_at(&self) -> Option<Timestamp> {
        match &self.proof {
            Proof::ApiKey { .. } | Proof::Password => None,
            Proof::Token { issued_at, .. } => Some(*issued_at),
            Proof::ExternalToken { issued_at, .. } => *issued_at,
        }
    }

    /// When its proof ends, if ever.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match &self.proof {
            Proof::ApiKey { expires_at, .. } => *expires_at,
            Proof::Password => None,
            Proof::Token { expires_at, .. } | Proof::ExternalToken { expires_at, .. } => {
                Some(*expires_at)
            }
        }
    }

    /// The same user, speaking through a client that was proven as well (RFC 6749 §4.3). A client speaks for
    /// itself, and users do not speak through each other: those are left as they are, as is one whom another
    /// issuer names.
    #[must_use]
    pub fn through(mut self, client: &Principal) -> Self {
        if self.kind() == PrincipalKind::User
            && client.kind() == PrincipalKind::Client
            && let (Names::Ours { client_id, .. }, Some((through, _))) =
                (&mut self.names, client.ours())
        {
            *client_id = through.clone();
        }
        self
    }
}
