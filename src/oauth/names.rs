//! Names: of clients and users, roles, scopes, API keys.

use std::{borrow::Borrow, collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A text that does not follow the grammar of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}")]
pub struct SyntaxError {
    pub(super) text: String,
    pub(super) what: &'static str,
}

/// Declares a checked, cheaply cloned string type: they differ only in name and grammar.
macro_rules! checked_string {
    ($(#[$doc:meta])* $name:ident, $grammar:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the text.
            ///
            /// # Errors
            /// `text` does not follow the grammar, which the error names.
            pub fn parse(text: &str) -> Result<Self, SyntaxError> {
                if $grammar(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(SyntaxError { text: text.chars().take(80).collect(), what: $what })
                }
            }

            /// The text.
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

checked_string! {
    /// The name of a client or user, the `sub` of its tokens (RFC 7519 §4.1.2).
    Subject, is_name, "a name: 1 to 64 of A-Z a-z 0-9 . _ -"
}
checked_string! {
    /// What an OAuth2 token allows (RFC 6749 §3.3, `scope-token`).
    Scope, is_scope_token, "a scope: 1 to 128 printable ASCII characters without space, \" and \\"
}
checked_string! {
    /// What an operation demands under a scheme that has no scopes (OpenAPI 3.1, Security Requirement).
    Role, is_scope_token, "a role: 1 to 128 printable ASCII characters without space, \" and \\"
}
checked_string! {
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

pub(super) use checked_string;

/// The roles of a principal.
pub type Roles = BTreeSet<Role>;

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
}
