//! The label of an API key: what it is for, or whose it is.

use crate::diagnostics::is_harmless;

/// How many characters a label may have.
const LONGEST: usize = 200;

/// Whether this can be the label of a key.
///
/// # Errors
/// Why not.
pub(crate) fn check_label(text: &str) -> Result<(), String> {
    match text.chars().count() {
        0 => Err("is empty: leave it out".to_owned()),
        long if long > LONGEST => {
            Err(format!("has {long} characters, a label has {LONGEST} at most"))
        }
        _ if !text.chars().all(is_harmless) => {
            Err("holds a control character: write one line of text".to_owned())
        }
        _ => Ok(()),
    }
}
