//! Scopes and sets of them (RFC 6749 §3.3).

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::oauth::checked_string::{SyntaxError, checked_string};

checked_string! {
    /// What an OAuth2 token allows (RFC 6749 §3.3, `scope-token`).
    Scope, is_scope_token, "a scope: 1 to 128 printable ASCII characters without space, \" and \\"
}

impl Scope {
    /// How many characters a scope may have.
    pub const MAX_LENGTH: usize = 128;
}

pub(super) fn is_scope_token(text: &str) -> bool {
    (1..=Scope::MAX_LENGTH).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// A set of scopes, written with one space between two (RFC 6749 §3.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// How many characters the `scope` parameter of a request may have.
    pub const MAX_LENGTH: usize = 4096;

    /// Reads a space-separated list; the empty text is the empty set.
    ///
    /// # Errors
    /// [`SyntaxError`] for the first part that is not a scope.
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

    /// Keeps only the scopes for which `keep` holds.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Scope) -> bool) {
        self.0.retain(keep);
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
    fn scopes_are_read_and_written_with_one_space_and_in_order() {
        let scopes = Scopes::parse("b  a").unwrap();
        assert_eq!(scopes.to_string(), "a b");
        assert!(Scopes::parse("a \"b").is_err());
        assert!(Scopes::parse("").unwrap().is_empty());
    }
}
