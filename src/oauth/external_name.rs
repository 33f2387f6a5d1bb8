//! Names that other issuers give.

use crate::oauth::checked_string::checked_string;

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

#[cfg(test)]
mod tests {
    use super::*;

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
