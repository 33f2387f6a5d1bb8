//! Security schemes: what a credential is and where a request carries it.

use std::{borrow::Cow, sync::Arc};

/// A way of sending a credential (OpenAPI 3.1 §4.8.27, Security Scheme Object).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scheme {
    /// Its name in `components.securitySchemes`.
    pub name: Arc<str>,
    /// How the document describes it.
    pub kind: SchemeKind,
    /// What it carries.
    pub credential: CredentialKind,
    /// Its index in `Policy::schemes`.
    pub index: usize,
}

/// The type of a scheme and where its credential is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SchemeKind {
    /// A header, query parameter or cookie of its own.
    ApiKey {
        location: Location,
        /// The name of the header, query parameter or cookie.
        name: String,
    },
    /// `Authorization: Bearer` (RFC 6750 §2.1).
    Bearer,
    /// `Authorization: Basic` (RFC 7617).
    Basic,
    /// A bearer token with scopes (RFC 6749).
    OAuth2,
    /// A bearer token with scopes, of one OpenID provider.
    OpenIdConnect {
        /// The discovery URL, as the document writes it.
        url: String,
    },
}

/// What a scheme carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    ApiKey,
    /// A bearer token, also in the session cookie.
    Token,
    /// A name and a secret.
    Basic,
}

/// The part of a request that holds an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Location {
    Header,
    Query,
    Cookie,
}

/// A part of a request that holds a credential. Each is filled for itself, unless it excludes another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place<'s> {
    Bearer,
    Basic,
    ApiKey(Location, Cow<'s, str>),
}

impl Location {
    /// As the document writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Query => "query",
            Self::Cookie => "cookie",
        }
    }
}

impl Scheme {
    /// Whether a credential of this scheme is one of `other` too: it is the same, or both are
    /// `Authorization: Bearer` with the same tokens.
    pub(super) fn is_sent_as(&self, other: &Self) -> bool {
        let is_bearer =
            |scheme: &Self| matches!(scheme.kind, SchemeKind::Bearer | SchemeKind::OAuth2);
        self.index == other.index || is_bearer(self) && is_bearer(other)
    }

    /// Where a request holds its credential. The names of headers are case-insensitive (RFC 9110 §5.1).
    pub(super) fn place(&self) -> Place<'_> {
        match &self.kind {
            SchemeKind::ApiKey { location: Location::Header, name } => {
                Place::ApiKey(Location::Header, name.to_ascii_lowercase().into())
            }
            SchemeKind::ApiKey { location, name } => Place::ApiKey(*location, name.into()),
            SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
                Place::Bearer
            }
            SchemeKind::Basic => Place::Basic,
        }
    }

    /// Whether a browser sends the credential by itself.
    pub(crate) fn is_cookie(&self) -> bool {
        matches!(self.kind, SchemeKind::ApiKey { location: Location::Cookie, .. })
    }
}

impl Place<'_> {
    /// Whether a request can fill only one of the two: both are `Authorization`, each in a form of its own.
    pub(super) fn excludes(&self, other: &Self) -> bool {
        let is_authorization = |place: &Self| match place {
            Self::Bearer | Self::Basic => true,
            Self::ApiKey(location, name) => {
                *location == Location::Header && name == "authorization"
            }
        };
        self != other && is_authorization(self) && is_authorization(other)
    }
}

impl SchemeKind {
    /// Whether the lists of requirements name scopes. Under all other schemes they name roles.
    pub(crate) fn has_scopes(&self) -> bool {
        matches!(self, Self::OAuth2 | Self::OpenIdConnect { .. })
    }

    /// What a scheme of this kind carries; `session_cookie` is the cookie that holds a token.
    pub(super) fn credential(&self, session_cookie: Option<&str>) -> CredentialKind {
        match self {
            Self::ApiKey { location: Location::Cookie, name }
                if Some(name.as_str()) == session_cookie =>
            {
                CredentialKind::Token
            }
            Self::ApiKey { .. } => CredentialKind::ApiKey,
            Self::Bearer | Self::OAuth2 | Self::OpenIdConnect { .. } => CredentialKind::Token,
            Self::Basic => CredentialKind::Basic,
        }
    }
}
