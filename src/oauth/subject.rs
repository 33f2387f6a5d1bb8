//! Names of clients and users (RFC 7519 §4.1.2).

use crate::oauth::checked_string::checked_string;

checked_string! {
    /// The name of a client or user, the `sub` of its tokens (RFC 7519 §4.1.2).
    Subject, is_name, "a name: 1 to 64 of A-Z a-z 0-9 . _ @ -"
}

impl Subject {
    /// How many characters a name may have.
    pub const MAX_LENGTH: usize = 64;
}

fn is_name(text: &str) -> bool {
    (1..=Subject::MAX_LENGTH).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_1_to_64_of_the_allowed_characters() {
        assert!(Subject::parse("a.B_9-").is_ok());
        assert!(Subject::parse("alice.b@mail.example.com").is_ok());
        for bad in ["", "a b", "a/b", "a+b@c", "a:b", "ä", "a\n", &"x".repeat(65)] {
            assert!(Subject::parse(bad).is_err(), "{bad:?}");
        }
    }
}
