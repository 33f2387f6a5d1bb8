//! The claims of an access token (RFC 9068 §2.2), strict about what it reads.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::oauth::{
    KeyId, Roles, Scopes, Subject, account_id::AccountSubject, custom_claims::CustomClaims,
};

/// Between the `jti` of a token and what is added to it for one that was issued for this token; not among the characters
/// of what is added.
pub(super) const ID_SEPARATOR: char = '-';

/// What a token says. Duplicate claims are refused. Unknown ones are ignored (RFC 7519 §4): a newer hallpass with the
/// same key may write more.
///
/// `N` is the type of the subject, and `C` that of the client. Those of the roster and of accounts are accepted here;
/// others are only for backends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims<N = Subject, C = N> {
    pub(super) iss: String,
    pub(super) sub: N,
    pub(super) aud: AudienceClaim,
    pub(super) exp: i64,
    pub(super) nbf: i64,
    pub(super) iat: i64,
    pub(super) jti: String,
    pub(super) client_id: C,
    pub(super) scope: Scopes,
    pub(super) roles: Roles,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key_id: Option<KeyId>,
    #[serde(flatten)]
    pub(super) custom: CustomClaims,
}

/// `aud` may be one string or an array of them (RFC 7519 §4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum AudienceClaim {
    One(String),
    Many(Vec<String>),
}

impl AudienceClaim {
    fn iter(&self) -> std::slice::Iter<'_, String> {
        match self {
            Self::One(one) => std::slice::from_ref(one).iter(),
            Self::Many(many) => many.iter(),
        }
    }
}

/// The proof that a token was issued by us and is alive. Whom it is for is asked by [`Self::audiences`].
///
/// Made by [`super::Tokens::verify_with`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken<N = Subject, C = N> {
    claims: Claims<N, C>,
    issued_at: Timestamp,
    expires_at: Timestamp,
}

/// The same of a token for an account of the application. Its client is the service itself.
pub(crate) type VerifiedAccountToken = VerifiedToken<AccountSubject, String>;

/// A token that was issued here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OwnToken {
    /// For a client or user.
    Subject(Arc<VerifiedToken>),
    /// For an account of the application.
    Account(Arc<VerifiedAccountToken>),
}

impl<N, C> VerifiedToken<N, C> {
    /// `None` for times that no calendar holds.
    pub(super) fn new(claims: Claims<N, C>) -> Option<Self> {
        let issued_at = Timestamp::from_second(claims.iat).ok()?;
        let expires_at = Timestamp::from_second(claims.exp).ok()?;
        Some(Self { claims, issued_at, expires_at })
    }

    /// The same token, which allows no more than these roles and scopes.
    #[must_use]
    pub(crate) fn limited_to(mut self, roles: &Roles, scopes: &Scopes) -> Self {
        self.claims.roles.retain(|role| roles.contains(role));
        self.claims.scope.retain(|scope| scopes.contains(scope));
        self
    }

    /// The same token with only those claims of its own that are also these.
    #[must_use]
    pub(crate) fn keeping(mut self, claims: &CustomClaims) -> Self {
        self.claims.custom = self.claims.custom.shared_with(claims);
        self
    }

    /// The same token, which lives no longer than that.
    #[must_use]
    pub(crate) fn living(mut self, lifetime: Duration) -> Self {
        let end = self.issued_at.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        self.expires_at = self.expires_at.min(end);
        self
    }

    pub(super) fn claims(&self) -> &Claims<N, C> {
        &self.claims
    }

    /// `sub`: the client, user or account that the token speaks for.
    pub fn subject(&self) -> &N {
        &self.claims.sub
    }

    /// `client_id`: the client that the token was issued to.
    pub fn client_id(&self) -> &C {
        &self.claims.client_id
    }

    /// `roles`.
    pub fn roles(&self) -> &Roles {
        &self.claims.roles
    }

    /// `scope`.
    pub fn scopes(&self) -> &Scopes {
        &self.claims.scope
    }

    /// `jti`: the name of this one token.
    pub fn id(&self) -> &str {
        &self.claims.jti
    }

    /// `key_id`: the API key that the token was issued for, if it was one.
    pub fn key_id(&self) -> Option<&KeyId> {
        self.claims.key_id.as_ref()
    }

    /// The claims that only the service and its callers understand.
    pub(crate) fn custom(&self) -> &CustomClaims {
        &self.claims.custom
    }

    /// `iat`.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// `exp`.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl OwnToken {
    /// `jti`: the name of this one token.
    fn id(&self) -> &str {
        match self {
            Self::Subject(token) => token.id(),
            Self::Account(token) => token.id(),
        }
    }

    /// The `jti` of this token and of all that it was issued for: when one of them is revoked, this token is.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        let id = self.id();
        let ends = id.match_indices(ID_SEPARATOR).map(|(end, _)| end);
        ends.filter_map(|end| id.get(..end)).chain([id])
    }

    /// `aud`.
    pub(crate) fn audiences(&self) -> impl Iterator<Item = &String> {
        match self {
            Self::Subject(token) => token.claims.aud.iter(),
            Self::Account(token) => token.claims.aud.iter(),
        }
    }

    /// `roles`.
    pub(crate) fn roles(&self) -> &Roles {
        match self {
            Self::Subject(token) => token.roles(),
            Self::Account(token) => token.roles(),
        }
    }

    /// `scope`.
    pub(crate) fn scopes(&self) -> &Scopes {
        match self {
            Self::Subject(token) => token.scopes(),
            Self::Account(token) => token.scopes(),
        }
    }
}
