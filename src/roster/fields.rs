//! Reads TOML tables field by field: whatever does not fit becomes a fault with its line.
//!
//! Must not know what the fields mean.

use std::{cell::OnceCell, collections::HashSet, fmt};

use toml::{
    Spanned,
    de::{DeTable, DeValue, Error},
};

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    oauth::SyntaxError,
};

/// Where in the text something stands, in bytes.
pub(super) type Offset = usize;

/// All that is wrong with one text.
pub(super) struct Faults<'t> {
    text: &'t str,
    file: &'t str,
    faults: Vec<(Offset, String)>,
    warnings: Vec<(Offset, String)>,
    /// The lines that are no TOML; what is made of them is guesswork.
    unreadable: HashSet<usize>,
    /// Where the lines end; looked for only when something is wrong.
    line_ends: OnceCell<Vec<Offset>>,
}

impl<'t> Faults<'t> {
    pub(super) fn new(text: &'t str, file: &'t str) -> Self {
        let (faults, warnings) = (Vec::new(), Vec::new());
        Self {
            text,
            file,
            faults,
            warnings,
            unreadable: HashSet::new(),
            line_ends: OnceCell::new(),
        }
    }

    /// Notes what is no TOML, the first of each line; to be called before all else.
    pub(super) fn syntax(&mut self, mut errors: Vec<Error>) {
        errors.sort_by_key(|error| error.span().map(|span| span.start));
        for error in errors {
            let span = error.span().unwrap_or_default();
            if !self.unreadable.insert(self.line(span.start)) {
                continue;
            }
            // Elsewhere the text may be part of a secret; a key of a table is not, and helps.
            let name = self.text.get(span.clone()).filter(|_| error.message() == "duplicate key");
            let name = name.map(|name| format!(" `{name}`")).unwrap_or_default();
            self.faults.push((span.start, format!("not TOML: {}{name}", error.message())));
        }
    }

    pub(super) fn fault(&mut self, at: Offset, what: impl fmt::Display) {
        if self.unreadable.is_empty() || !self.unreadable.contains(&self.line(at)) {
            self.faults.push((at, what.to_string()));
        }
    }

    /// A fault that may only come from what could not be read, and is noted only if all could.
    fn missing(&mut self, at: Offset, what: impl fmt::Display) {
        if self.unreadable.is_empty() {
            self.fault(at, what);
        }
    }

    pub(super) fn warn(&mut self, at: Offset, what: impl fmt::Display) {
        self.warnings.push((at, what.to_string()));
    }

    /// The line of a place, counted from 1.
    pub(super) fn line(&self, at: Offset) -> usize {
        let ends = self.line_ends.get_or_init(|| {
            self.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at).collect()
        });
        1 + ends.partition_point(|end| *end < at)
    }

    /// What is only unwise, if nothing is wrong.
    pub(super) fn only_warnings(self) -> Option<Vec<(Offset, String)>> {
        self.faults.is_empty().then_some(self.warnings)
    }

    /// What is wrong, and what is only unwise, in the order of the lines.
    pub(super) fn into_problems(mut self) -> (Diagnostics, Diagnostics) {
        let faults = std::mem::take(&mut self.faults);
        let warnings = std::mem::take(&mut self.warnings);
        (self.placed(faults), self.placed(warnings))
    }

    /// What was found in the text, with the lines, in their order.
    pub(super) fn placed(&self, mut found: Vec<(Offset, String)>) -> Diagnostics {
        found.sort_by_key(|(at, _)| *at);
        let mut diagnostics = Diagnostics::default();
        for (at, what) in found {
            diagnostics.push(Diagnostic::new(format!("{}:{}", self.file, self.line(at)), what));
        }
        diagnostics
    }
}

/// A table that describes one thing.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a, 't> {
    table: &'a DeTable<'t>,
    /// What the thing is, as in "client".
    what: &'static str,
    /// Where the thing begins.
    pub(super) at: Offset,
}

impl<'a, 't> Fields<'a, 't> {
    /// Reads `value` as the table of a `what` that begins at `at`; another value is a fault, for which
    /// `must` says what it should be.
    pub(super) fn of(
        value: &'a Spanned<DeValue<'t>>,
        (what, at): (&'static str, Offset),
        must: impl fmt::Display,
        faults: &mut Faults<'_>,
    ) -> Option<Self> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Self { table, what, at });
        }
        wrong_type(faults, value, must);
        None
    }

    /// The table of the whole text.
    pub(super) fn root(table: &'a DeTable<'t>) -> Self {
        Self { table, what: "roster", at: 0 }
    }

    /// Makes every field a fault that is not among the known ones.
    pub(super) fn only(&self, known: &[&str], faults: &mut Faults<'_>) {
        for key in self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let (name, what, known) = (key.get_ref().escape_debug(), self.what, known.join("`, `"));
            let message = format!("unknown field `{name}`: a {what} has `{known}`");
            faults.fault(key.span().start, message);
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
    pub(super) fn text(&self, name: &str, faults: &mut Faults<'_>) -> Option<(&'a str, Offset)> {
        let value = self.value(name)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some((text, value.span().start));
        }
        wrong_type(faults, value, format_args!("`{name}` must be a string in quotes"));
        None
    }

    /// Notes a fault where the field is not there; `mend` is what to write.
    pub(super) fn needs(&self, name: &str, mend: &str, faults: &mut Faults<'_>) {
        if self.value(name).is_none() {
            faults.missing(self.at, format_args!("this {} has no `{name}`: {mend}", self.what));
        }
    }

    /// `true` only where it says so.
    pub(super) fn flag(&self, name: &str, faults: &mut Faults<'_>) -> bool {
        let Some(value) = self.value(name) else { return false };
        if let DeValue::Boolean(flag) = value.get_ref() {
            return *flag;
        }
        wrong_type(faults, value, format_args!("`{name}` must be `true` or `false`"));
        false
    }

    /// A list of words; none where the field is not there.
    pub(super) fn words<W, C: FromIterator<W>>(
        &self,
        name: &str,
        parse: fn(&str) -> Result<W, SyntaxError>,
        faults: &mut Faults<'_>,
    ) -> C {
        let expected =
            format_args!("`{name}` must be a list of strings, as in `{name} = [\"a\", \"b\"]`");
        let Some(value) = self.value(name) else { return C::from_iter(None) };
        let DeValue::Array(items) = value.get_ref() else {
            wrong_type(faults, value, expected);
            return C::from_iter(None);
        };
        let word = |item: &Spanned<DeValue<'t>>| match item.get_ref() {
            DeValue::String(text) => parse(text)
                .map_err(|error| {
                    faults.fault(item.span().start, format_args!("in `{name}`, {error}"))
                })
                .ok(),
            _ => {
                wrong_type(faults, item, expected);
                None
            }
        };
        items.iter().filter_map(word).collect()
    }
}

/// Notes that a value has another type than it must have; `must` says which.
pub(super) fn wrong_type(
    faults: &mut Faults<'_>,
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
    faults.fault(value.span().start, format_args!("{must}, this is {found}"));
}
