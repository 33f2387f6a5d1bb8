//! From the text of a roster to a checked roster; reports everything that is wrong with the text.

mod chunks;
mod entry_reader;
#[cfg(test)]
mod tests;

use toml::de::DeTable;

use crate::{
    diagnostics::Diagnostics,
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
}

/// Parses the text as one document, which finds everything that is wrong with it.
fn whole(text: &str, file: &str) -> Result<LoadedRoster, Diagnostics> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut diagnostics = TextDiagnostics::new(text, file);
    diagnostics.syntax(errors);
    let entries = EntryReader::read(document.get_ref(), &mut diagnostics);
    let (mut errors, warnings) = diagnostics.into_errors_and_warnings();
    errors.warn(warnings.clone());
    errors.or(())?;
    Ok(LoadedRoster { roster: Roster::new(entries), warnings })
}
