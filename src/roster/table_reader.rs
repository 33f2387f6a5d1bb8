//! Reads TOML tables field by field: whatever does not fit becomes a fault with its line.
//!
//! Must not know what the fields mean.

use std::fmt;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    oauth::checked_string::SyntaxError,
    roster::text_diagnostics::{Offset, TextDiagnostics},
};

/// A table that describes one thing.
#[derive(Clone, Copy)]
pub(super) struct TableReader<'a, 't> {
    table: &'a DeTable<'t>,
    /// What the thing is, as in "client".
    what: &'static str,
    /// Where the thing begins.
    pub(super) at: Offset,
}

impl<'a, 't> TableReader<'a, 't> {
    /// Reads `value` as the table of a `what` that begins at `at`; another value is a fault, for which
    /// `must` says what it should be.
    pub(super) fn new(
        value: &'a Spanned<DeValue<'t>>,
        (what, at): (&'static str, Offset),
        must: impl fmt::Display,
        diagnostics: &mut TextDiagnostics<'_>,
    ) -> Option<Self> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Self { table, what, at });
        }
        wrong_type(diagnostics, value, must);
        None
    }

    /// The table of the whole text.
    pub(super) fn root(table: &'a DeTable<'t>) -> Self {
        Self { table, what: "roster", at: 0 }
    }

    /// Makes every field a fault that is not among the known ones.
    pub(super) fn only(&self, known: &[&str], diagnostics: &mut TextDiagnostics<'_>) {
        for key in self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let (name, what, known) = (key.get_ref().escape_debug(), self.what, known.join("`, `"));
            let message = format!("unknown field `{name}`: a {what} has `{known}`");
            diagnostics.error(key.span().start, message);
        }
    }

    /// The entries with names that the file chooses: name, place of the name, value.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'a str, Offset, &'a Spanned<DeValue<'t>>)> {
        self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value))
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.table.get(name)
    }

    /// A text and its place.
    pub(super) fn text(
        &self,
        name: &str,
        diagnostics: &mut TextDiagnostics<'_>,
    ) -> Option<(&'a str, Offset)> {
        let value = self.value(name)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some((text, value.span().start));
        }
        wrong_type(diagnostics, value, format_args!("`{name}` must be a string in quotes"));
        None
    }

    /// Notes a fault where the field is not there; `fix` is what to write.
    pub(super) fn require(&self, name: &str, fix: &str, diagnostics: &mut TextDiagnostics<'_>) {
        if self.value(name).is_none() {
            diagnostics.error_if_readable(
                self.at,
                format_args!("this {} has no `{name}`: {fix}", self.what),
            );
        }
    }

    /// `true` only where it says so.
    pub(super) fn flag(&self, name: &str, diagnostics: &mut TextDiagnostics<'_>) -> bool {
        let Some(value) = self.value(name) else { return false };
        if let DeValue::Boolean(flag) = value.get_ref() {
            return *flag;
        }
        wrong_type(diagnostics, value, format_args!("`{name}` must be `true` or `false`"));
        false
    }

    /// A list of words; none where the field is not there.
    pub(super) fn words<W, C: FromIterator<W>>(
        &self,
        name: &str,
        parse: fn(&str) -> Result<W, SyntaxError>,
        diagnostics: &mut TextDiagnostics<'_>,
    ) -> C {
        let expected =
            format_args!("`{name}` must be a list of strings, as in `{name} = [\"a\", \"b\"]`");
        let Some(value) = self.value(name) else { return C::from_iter(None) };
        let DeValue::Array(items) = value.get_ref() else {
            wrong_type(diagnostics, value, expected);
            return C::from_iter(None);
        };
        let word = |item: &Spanned<DeValue<'t>>| match item.get_ref() {
            DeValue::String(text) => parse(text)
                .map_err(|error| {
                    diagnostics.error(item.span().start, format_args!("in `{name}`, {error}"))
                })
                .ok(),
            _ => {
                wrong_type(diagnostics, item, expected);
                None
            }
        };
        items.iter().filter_map(word).collect()
    }
}

/// Notes that a value has another type than it must have; `must` says which.
pub(super) fn wrong_type(
    diagnostics: &mut TextDiagnostics<'_>,
    value: &Spanned<DeValue<'_>>,
    must: impl fmt::Display,
) {
    let found = match value.get_ref().type_str() {
        "integer" => "an integer",
        "array" => "a list",
        "string" => "a string",
        "boolean" => "a boolean",
        "datetime" => "a time",
        "float" => "a float",
        _ => "a table",
    };
    diagnostics.error(value.span().start, format_args!("{must}, this is {found}"));
}
