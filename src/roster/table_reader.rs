//! Reads TOML tables field by field and reports what does not fit.

use std::fmt;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::roster::text_diagnostics::{Offset, TextDiagnostics};

/// The table of one entry.
#[derive(Clone, Copy)]
pub(super) struct TableReader<'a, 't> {
    table: &'a DeTable<'t>,
    /// The kind of entry, as in "client".
    kind: &'static str,
    /// Where the entry begins.
    pub(super) at: Offset,
}

impl<'a, 't> TableReader<'a, 't> {
    /// Takes `value` as the table of a `kind` that begins at `at`. Reports any other value; `must` says what it
    /// should be.
    pub(super) fn new(
        value: &'a Spanned<DeValue<'t>>,
        (kind, at): (&'static str, Offset),
        must: impl fmt::Display,
        diagnostics: &mut TextDiagnostics<'_>,
    ) -> Option<Self> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Self { table, kind, at });
        }
        wrong_type(diagnostics, value, must);
        None
    }

    /// The table of the whole text.
    pub(super) fn root(table: &'a DeTable<'t>) -> Self {
        Self { table, kind: "roster", at: 0 }
    }

    /// Reports every field that is not in `known`.
    pub(super) fn only(&self, known: &[&str], diagnostics: &mut TextDiagnostics<'_>) {
        for key in self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let (name, kind, known) = (key.get_ref().escape_debug(), self.kind, known.join("`, `"));
            let message = format!("unknown field `{name}`: a {kind} has `{known}`");
            diagnostics.error(key.span().start, message);
        }
    }

    /// All fields: name, offset of the name, value.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'a str, Offset, &'a Spanned<DeValue<'t>>)> {
        self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value))
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.table.get(name)
    }

    /// A string and its offset.
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

    /// Reports a missing field; `fix` says what to write.
    pub(super) fn require(&self, name: &str, fix: &str, diagnostics: &mut TextDiagnostics<'_>) {
        if self.value(name).is_none() {
            diagnostics.error_if_readable(
                self.at,
                format_args!("this {} has no `{name}`: {fix}", self.kind),
            );
        }
    }

    /// A boolean; `false` if the field is missing.
    pub(super) fn boolean(&self, name: &str, diagnostics: &mut TextDiagnostics<'_>) -> bool {
        let Some(value) = self.value(name) else { return false };
        if let DeValue::Boolean(flag) = value.get_ref() {
            return *flag;
        }
        wrong_type(diagnostics, value, format_args!("`{name}` must be `true` or `false`"));
        false
    }

    /// A list of parsed strings; empty if the field is missing.
    pub(super) fn list<W, C: FromIterator<W>, E: fmt::Display>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<W, E>,
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
            DeValue::String(text) => {
                let at = item.span().start;
                if text.contains(',') {
                    let parts = text.split(',').map(str::trim).collect::<Vec<_>>().join("\", \"");
                    let text = format_args!(
                        "in `{name}`, {text:?} is one word: write [\"{parts}\"] for several"
                    );
                    diagnostics.warn(at, text);
                }
                parse(text)
                    .map_err(|error| diagnostics.error(at, format_args!("in `{name}`, {error}")))
                    .ok()
            }
            _ => {
                wrong_type(diagnostics, item, expected);
                None
            }
        };
        items.iter().filter_map(word).collect()
    }
}

/// Reports a value of the wrong type; `must` says what it should be.
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
