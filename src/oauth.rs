//! The field's words as types: scope, role, subject, key id.
//!
//! Must not know anything else of hallpass.

use std::{borrow::Borrow, collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A text that is not the word it should be, with the grammar that it fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}")]
pub struct SyntaxError {
    text: String,
    what: &'static str,
}

/// Declares a checked, cheaply cloned string type; the four words differ only in name and grammar.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $grammar:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads the word.
            ///
            /// # Errors
            /// [`SyntaxError`], which names the grammar, when `text` does not follow it.
            pub fn parse(text: &str) -> Result<Self, SyntaxError> {
                if $grammar(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(SyntaxError { text: text.chars().take(80).collect(), what: $what })
                }
            }

            /// The word as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = SyntaxError;
            fn try_from(text: String) -> Result<Self, SyntaxError> {
                Self::parse(&text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

word! {
    /// The name of a client or user, the `sub` of its tokens (RFC 7519 §4.1.2).
    Subject, is_name, "a name: 1 to 64 of A-Z a-z 0-9 . _ -"
}
word! {
    /// What an OAuth2 token allows (RFC 6749 §3.3, `scope-token`).
    Scope, is_scope_token, "a scope: 1 to 128 printable ASCII characters without space, \" and \\"
}
word! {
    /// What an operation demands under a scheme that has no scopes (OpenAPI 3.1, Security Requirement).
    Role, is_scope_token, "a role: 1 to 128 printable ASCII characters without space, \" and \\"
}
word! {
    /// The public name of an API key: the 12 characters behind `hp_`.
    KeyId, is_key_id, "a key id: 12 of 0-9 A-Z a-z"
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn is_scope_token(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

fn is_key_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Why an OAuth2 endpoint refuses (RFC 6749 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A parameter is missing, repeated or malformed, or there are two ways of authentication.
    InvalidRequest,
    /// The client could not be authenticated.
    InvalidClient,
    /// The user's name or password is wrong.
    InvalidGrant,
    /// The client may not do this.
    UnauthorizedClient,
    /// A grant that this server does not give.
    UnsupportedGrantType,
    /// A scope that is malformed or was not granted.
    InvalidScope,
    /// A fault of the server itself, or an overload (RFC 6749 §4.1.2.1).
    ServerError,
}

impl ErrorCode {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::InvalidScope,
        Self::ServerError,
    ];
}

/// How a token may be asked for (RFC 6749 §4.3, §4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A client, for itself.
    ClientCredentials,
    /// A user's name and password.
    Password,
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ClientCredentials, Self::Password];
}

mod provider;

pub use provider::{ExternalName, ProviderUrl};

/// The roles of a principal.
pub type Roles = BTreeSet<Role>;

/// A set of scopes, written as RFC 6749 §3.3 does: separated by one space.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// The most characters that a request may fill with scopes.
    pub const LONGEST: usize = 4096;

    /// Reads a space-separated list; the empty text is the empty set.
    ///
    /// # Errors
    /// [`SyntaxError`] for the first part that is no scope.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        text.split(' ').filter(|part| !part.is_empty()).map(Scope::parse).collect()
    }

    /// Whether `scope` is in the set.
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    /// Whether every scope of this set is in `other`.
    pub fn is_subset(&self, other: &Scopes) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether there is no scope in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Scopes {
    type Error = SyntaxError;
    fn try_from(text: String) -> Result<Self, SyntaxError> {
        Self::parse(&text)
    }
}

impl Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_1_to_64_of_the_allowed_characters() {
        assert!(Subject::parse("a.B_9-").is_ok());
        for bad in ["", "a b", "a/b", "ä", "a\n", &"x".repeat(65)] {
            assert!(Subject::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn scopes_are_read_and_written_with_one_space_and_in_order() {
        let scopes = Scopes::parse("b  a").unwrap();
        assert_eq!(scopes.to_string(), "a b");
        assert!(Scopes::parse("a \"b").is_err());
        assert!(Scopes::parse("").unwrap().is_empty());
    }
}
