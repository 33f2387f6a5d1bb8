//! Names of accounts, which the application gives.

use serde::{Deserialize, Serialize, Serializer};

use crate::oauth::checked_string::{SyntaxError, checked_string};

/// Before the name of an account in the `sub` of a token. Neither a [`Subject`](crate::oauth::Subject) nor the name of an
/// issuer has a `/`, so no account has the `sub` of anybody else.
const PREFIX: &str = "account/";

checked_string! {
    /// What an application calls one of its accounts, for instance the primary key of its table. It never changes, and no
    /// other account gets it later.
    ///
    /// A type of its own: the account `billing` must never pass for the roster's client or user
    /// [`Subject`](crate::oauth::Subject) of that name.
    AccountId, is_account_id, "the id of an account: 1 to 255 printable ASCII characters without space"
}

impl AccountId {
    /// How many characters an id may have.
    pub const MAX_LENGTH: usize = 255;
}

fn is_account_id(text: &str) -> bool {
    (1..=AccountId::MAX_LENGTH).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// An account as tokens and logs name it: `account/alice`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct AccountSubject(AccountId);

impl AccountSubject {
    /// How many characters it may have.
    pub(crate) const MAX_LENGTH: usize = PREFIX.len() + AccountId::MAX_LENGTH;

    pub(crate) fn new(id: AccountId) -> Self {
        Self(id)
    }

    /// The account.
    pub(crate) fn id(&self) -> &AccountId {
        &self.0
    }
}

impl std::fmt::Display for AccountSubject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

impl TryFrom<String> for AccountSubject {
    type Error = SyntaxError;

    fn try_from(text: String) -> Result<Self, SyntaxError> {
        let id = text.strip_prefix(PREFIX).and_then(|id| AccountId::parse(id).ok());
        id.map(Self).ok_or_else(|| SyntaxError::new(&text, "`account/` and the id of an account"))
    }
}

impl Serialize for AccountSubject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::{external_name::QualifiedName, subject::Subject};

    #[test]
    fn an_id_is_printable_and_at_most_255_long() {
        for good in ["7", "alice@example.com", "a/b", "0b9e-42", "account/x", &"x".repeat(255)] {
            assert!(AccountId::parse(good).is_ok(), "{good:?}");
        }
        for bad in ["", "a b", " a", "a\n", "ä", "\u{7f}", &"x".repeat(256)] {
            assert!(AccountId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_subject_of_an_account_is_that_of_nobody_else() {
        for id in ["alice", "corp:alice", "a/b", "account/x", ":"] {
            let subject = AccountSubject::new(AccountId::parse(id).unwrap());
            let text = subject.to_string();
            assert_eq!(AccountSubject::try_from(text.clone()), Ok(subject));
            assert!(Subject::parse(&text).is_err(), "{text}");
            assert!(QualifiedName::try_from(text.clone()).is_err(), "{text}");
        }
        for other in [
            "alice",
            "corp:alice",
            "account:alice",
            "account",
            "account/",
            "Account/a",
            "/account/a",
            "account/a b",
        ] {
            assert!(AccountSubject::try_from(other.to_owned()).is_err(), "{other}");
        }
    }
}
