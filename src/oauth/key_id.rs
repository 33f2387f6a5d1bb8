//! Public names of API keys.

use crate::oauth::checked_string::checked_string;

checked_string! {
    /// The public name of an API key: the 12 characters after `hp_`.
    KeyId, is_key_id, "a key id: 12 of 0-9 A-Z a-z"
}

impl KeyId {
    /// How many characters a key id has.
    pub const LENGTH: usize = 12;
}

fn is_key_id(text: &str) -> bool {
    text.len() == KeyId::LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric())
}
