//! What is wrong in a setting, a file or a document: where, what, and how to fix it.
//!
//! Must not know any other part of hallpass.

use std::fmt;

/// One thing that is wrong in a setting, a file or a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where: `roster.toml:12`, `.env:3`, `HALLPASS_BIND`, `GET /clients`.
    pub location: String,
    /// What is wrong and how to fix it.
    pub message: String,
}

impl Diagnostic {
    /// Creates a diagnostic; `message` says what is wrong and how to fix it.
    pub fn new(location: impl Into<String>, message: impl Into<String>) -> Self {
        Self { location: location.into(), message: message.into() }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.location, self.message)
    }
}

/// Everything that one run found. `Display` writes one line for each.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
    /// Shown beside what was found; they alone are no failure.
    warnings: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds a diagnostic.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Adds all of `others`.
    pub fn extend(&mut self, others: Diagnostics) {
        self.found.extend(others.found);
        self.warnings.extend(others.warnings);
    }

    /// Adds what `warnings` found as warnings.
    pub(crate) fn warn(&mut self, warnings: Diagnostics) {
        self.warnings.extend(warnings.found);
    }

    /// The warnings among them.
    pub(crate) fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// Whether nothing but warnings was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The diagnostics but for warnings, in the order in which they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.found.iter()
    }

    /// Takes the value out of `result`, or adds its diagnostics and returns `None`.
    pub fn keep<T>(&mut self, result: Result<T, impl Into<Diagnostics>>) -> Option<T> {
        result.map_err(|diagnostics| self.extend(diagnostics.into())).ok()
    }

    /// Returns `value` if nothing was found.
    ///
    /// # Errors
    /// The diagnostics, if there are any.
    pub fn or<T>(self, value: T) -> Result<T, Diagnostics> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { found: vec![diagnostic], warnings: Vec::new() }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.iter().map(|diagnostic| (diagnostic, ""));
        let warnings = self.warnings.iter().map(|warning| (warning, " (a warning)"));
        for (index, (diagnostic, mark)) in found.chain(warnings).enumerate() {
            let end = if index > 0 { "\n" } else { "" };
            write!(f, "{end}{diagnostic}{mark}")?;
        }
        Ok(())
    }
}

/// The same as `Display`, because `main` prints a returned error with `Debug`.
impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Diagnostics {}

/// Whether a character moves no cursor, ends no line, and neither hides text nor changes its direction.
pub(crate) fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

/// A text from elsewhere, with every character that could end a line or control a terminal as an escape.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match is_harmless(c) {
            true => printable.push(c),
            false => {
                let units = c
                    .encode_utf16(&mut [0; 2])
                    .iter()
                    .map(|unit| format!("\\u{unit:04x}"))
                    .collect::<String>();
                printable.push_str(&units);
            }
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_control_a_terminal_are_escaped() {
        for harmful in "\n\r\t\0\u{1b}\u{7f}\u{85}\u{9b}\u{200f}\u{2028}\u{202e}\u{2066}".chars() {
            assert!(!is_harmless(harmful), "{harmful:?}");
        }
        assert!("ä中é€".chars().all(is_harmless));
        assert_eq!(printable("a\u{7f}\n\u{202e}é"), "a\\u007f\\u000a\\u202eé");
    }
}
