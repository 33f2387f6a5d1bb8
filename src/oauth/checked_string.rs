//! Strings with a grammar, checked when they are made.

/// A text that does not follow the grammar of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct SyntaxError {
    text: String,
    expected: &'static str,
}

impl SyntaxError {
    /// Keeps the beginning of `text` only: the error is logged and sent back.
    pub(super) fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), expected }
    }
}

/// Declares a checked, cheaply cloned string type; the types differ only in name and grammar.
macro_rules! checked_string {
    ($(#[$doc:meta])* $name:ident, $grammar:ident, $expected:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Checks and copies the text.
            ///
            /// # Errors
            /// [`SyntaxError`](crate::oauth::SyntaxError), which names the grammar, when `text` does not follow it.
            pub fn parse(text: &str) -> Result<Self, $crate::oauth::checked_string::SyntaxError> {
                if $grammar(text) {
                    Ok(Self(text.into()))
                } else {
                    Err($crate::oauth::checked_string::SyntaxError::new(text, $expected))
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::oauth::checked_string::SyntaxError;
            fn try_from(text: String) -> Result<Self, $crate::oauth::checked_string::SyntaxError> {
                Self::parse(&text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

pub(super) use checked_string;
