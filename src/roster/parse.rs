//! From the text or the file of a roster to a checked roster; reports everything that is wrong with the text.

mod chunks;
mod entry_reader;
#[cfg(test)]
mod tests;

use std::{fs, io, path::Path};

use toml::de::DeTable;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    roster::{
        parse::entry_reader::EntryReader,
        roster::{LoadedRoster, Roster},
        text_diagnostics::TextDiagnostics,
    },
};

impl Roster {
    /// Parses the text of a roster. `file` is its name in diagnostics, as in `roster.toml:12`.
    ///
    /// # Errors
    /// Everything that is wrong with the text, sorted by line.
    pub(crate) fn parse(text: &str, file: &str) -> Result<LoadedRoster, Diagnostics> {
        chunks::parse(text, file, chunks::MIN_SIZE).map_or_else(|| whole(text, file), Ok)
    }

    /// Reads a roster file.
    ///
    /// # Errors
    /// Why the file cannot be read, or everything that is wrong with it.
    pub(crate) fn load(path: &Path) -> Result<LoadedRoster, Diagnostics> {
        Self::from_file(fs::read(path).as_deref(), path)
    }

    /// Parses what was read from `path`.
    pub(crate) fn from_file(
        read: Result<&[u8], &io::Error>,
        path: &Path,
    ) -> Result<LoadedRoster, Diagnostics> {
        let file = path.display().to_string();
        let bytes = read.map_err(|error| Diagnostic::new(&file, unreadable(error)))?;
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let good = bytes.iter().take(error.valid_up_to());
            let line = 1 + good.filter(|byte| **byte == b'\n').count();
            Diagnostic::new(format!("{file}:{line}"), "not UTF-8: save the file as UTF-8")
        })?;
        Self::parse(text, &file)
    }
}

/// Parses the text as one document, which finds everything that is wrong with it.
fn whole(text: &str, file: &str) -> Result<LoadedRoster, Diagnostics> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut diagnostics = TextDiagnostics::new(text, file);
    diagnostics.syntax(errors);
    let entries = EntryReader::read(document.get_ref(), &mut diagnostics);
    let (errors, warnings) = diagnostics.into_errors_and_warnings();
    errors.or(())?;
    Ok(LoadedRoster { roster: Roster::new(entries), warnings })
}

fn unreadable(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "there is no roster: `hallpass init` makes an empty one, `hallpass key add CLIENT` one with a key"
            .to_owned()
    } else {
        format!("cannot be read: {error}")
    }
}
