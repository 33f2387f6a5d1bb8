//! Errors and warnings about one text, each at its line.

use std::{cell::OnceCell, collections::HashSet, fmt};

use crate::diagnostics::{Diagnostic, Diagnostics};

/// A byte offset into the text.
pub(super) type Offset = usize;

/// Collects errors and warnings about one text.
pub(super) struct TextDiagnostics<'t> {
    text: &'t str,
    file: &'t str,
    errors: Vec<(Offset, String)>,
    warnings: Vec<(Offset, String)>,
    /// The lines that are not TOML; other errors there would be guesses.
    unreadable: HashSet<usize>,
    /// Where the lines end; computed for the first diagnostic.
    line_ends: OnceCell<Vec<Offset>>,
}

impl<'t> TextDiagnostics<'t> {
    pub(super) fn new(text: &'t str, file: &'t str) -> Self {
        let (errors, warnings) = (Vec::new(), Vec::new());
        Self {
            text,
            file,
            errors,
            warnings,
            unreadable: HashSet::new(),
            line_ends: OnceCell::new(),
        }
    }

    /// Adds the syntax errors, the first of each line. Must be called before anything else is added.
    pub(super) fn syntax(&mut self, mut errors: Vec<toml::de::Error>) {
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        for error in errors {
            let span = error.span().unwrap_or_default();
            if !self.unreadable.insert(self.line(span.start)) {
                continue;
            }
            // Any other text may be part of a secret.
            let name = self.text.get(span.clone()).filter(|_| error.message() == "duplicate key");
            let name = name.map(|name| format!(" `{name}`")).unwrap_or_default();
            self.errors.push((span.start, format!("not TOML: {}{name}", error.message())));
        }
    }

    pub(super) fn error(&mut self, at: Offset, message: impl fmt::Display) {
        if self.unreadable.is_empty() || !self.unreadable.contains(&self.line(at)) {
            self.errors.push((at, message.to_string()));
        }
    }

    /// Adds an error that may be a consequence of a syntax error, if there is none.
    pub(super) fn error_if_readable(&mut self, at: Offset, message: impl fmt::Display) {
        if self.unreadable.is_empty() {
            self.error(at, message);
        }
    }

    pub(super) fn warn(&mut self, at: Offset, message: impl fmt::Display) {
        self.warnings.push((at, message.to_string()));
    }

    /// The line of an offset, counted from 1.
    pub(super) fn line(&self, at: Offset) -> usize {
        let ends = self.line_ends.get_or_init(|| {
            self.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect()
        });
        1 + ends.partition_point(|end| *end < at)
    }

    /// The warnings, if there are no errors.
    pub(super) fn only_warnings(self) -> Option<Vec<(Offset, String)>> {
        self.errors.is_empty().then_some(self.warnings)
    }

    /// The errors and the warnings, each sorted by line.
    pub(super) fn into_errors_and_warnings(mut self) -> (Diagnostics, Diagnostics) {
        let errors = std::mem::take(&mut self.errors);
        let warnings = std::mem::take(&mut self.warnings);
        (self.located(errors), self.located(warnings))
    }

    /// Turns offsets into lines and sorts by them.
    pub(super) fn located(&self, mut found: Vec<(Offset, String)>) -> Diagnostics {
        found.sort_by_key(|(at, _)| *at);
        let mut diagnostics = Diagnostics::default();
        for (at, message) in found {
            diagnostics.push(Diagnostic::new(format!("{}:{}", self.file, self.line(at)), message));
        }
        diagnostics
    }
}
