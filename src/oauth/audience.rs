//! Audiences of tokens (RFC 7519 §4.1.3), which RFC 8707 calls resources.

use crate::oauth::checked_string::checked_string;

checked_string! {
    /// A service that tokens are for (RFC 7519 §4.1.3, RFC 8707 §2).
    Audience, is_audience, "an audience: 1 to 255 characters without spaces and control characters"
}

impl Audience {
    /// How many characters an audience may have.
    pub const MAX_LENGTH: usize = 255;
}

fn is_audience(text: &str) -> bool {
    (1..=Audience::MAX_LENGTH).contains(&text.chars().count())
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}
