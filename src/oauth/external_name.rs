//! Names that other issuers give.

use serde::{Deserialize, Serialize};

use crate::oauth::{
    checked_string::{SyntaxError, checked_string},
    subject::Subject,
};

const MAX_LENGTH: usize = 255;

checked_string! {
    /// The `sub` or `client_id` that an external issuer gave (OpenID Connect Core 1.0 §2: ASCII, 255 at most).
    ///
    /// A type of its own: the `billing` of an external issuer must never pass for the roster's
    /// [`Subject`](crate::oauth::Subject).
    ExternalName, is_external_name, "a name: 1 to 255 printable ASCII characters, no space at the ends"
}

fn is_external_name(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
        && text.trim_ascii() == text
}

/// A name that an external issuer gave, behind the roster's name of that issuer: `corp:alice`. No [`Subject`] has a colon,
/// so it is unique among the subjects of our tokens (RFC 7519 §4.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct QualifiedName(String);

impl QualifiedName {
    pub(crate) fn new(issuer: &Subject, name: &ExternalName) -> Self {
        Self(format!("{issuer}:{name}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for QualifiedName {
    type Error = SyntaxError;

    fn try_from(text: String) -> Result<Self, SyntaxError> {
        let is_qualified = text.split_once(':').is_some_and(|(issuer, name)| {
            Subject::parse(issuer).is_ok() && ExternalName::parse(name).is_ok()
        });
        let expected = "the name of an issuer, a colon, and the name that it gave";
        if is_qualified { Ok(Self(text)) } else { Err(SyntaxError::new(&text, expected)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualified_name_is_no_subject() {
        let parse = |text: &str| QualifiedName::try_from(text.to_owned());
        let issuer = Subject::parse("corp").unwrap();
        for name in ["alice", "auth0|1:2", ":"] {
            let qualified = QualifiedName::new(&issuer, &ExternalName::parse(name).unwrap());
            assert_eq!(qualified.as_str(), format!("corp:{name}"));
            assert_eq!(parse(qualified.as_str()), Ok(qualified.clone()));
            assert!(Subject::parse(qualified.as_str()).is_err());
        }
        for bad in ["alice", ":alice", "corp:", "corp: a", "a b:c"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_external_name_is_printable_and_at_most_255_long() {
        for good in ["auth0|123", "a.b@example.com", "CN=A B,O=C", &"x".repeat(255)] {
            assert!(ExternalName::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", " a", "a ", "a\nb", "a\tb", "ä", "\u{7f}", &"x".repeat(256)] {
            assert!(ExternalName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
