//! Parses a long roster chunk by chunk: the syntax tree of the whole text takes many times its size in memory.

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::roster::{
    parse::entry_reader::EntryReader,
    roster::{LoadedRoster, Roster},
    roster_entries::RosterEntries,
    text_diagnostics::TextDiagnostics,
};

/// The minimum length of a chunk in bytes: small enough that its tree fits the CPU's cache and the allocator reuses the
/// memory.
pub(super) const MIN_SIZE: usize = 4 * 1024;

/// Parses the text in chunks of `size` bytes or more. `None` if anything is wrong with the text, or if chunks could
/// give another result than the whole text: the caller then parses the whole text.
///
/// The text is cut before lines that begin with a bracket. If a chunk is TOML by itself, it ends outside of any string
/// or list, so the next line is a table header in the whole text as well. If chunks have no table in common, none
/// depends on another.
pub(super) fn parse(text: &str, file: &str, size: usize) -> Option<LoadedRoster> {
    if text.len() <= size {
        return None;
    }
    let mut all = RosterEntries::default();
    let mut warnings = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let chunk = first_chunk(rest, size);
        let document = DeTable::parse(chunk).ok()?;
        if !document.get_ref().iter().all(is_implied) {
            return None;
        }
        let mut diagnostics = TextDiagnostics::new(chunk, file);
        all.append(EntryReader::read(document.get_ref(), &mut diagnostics));
        let found = diagnostics.only_warnings()?;
        warnings.extend(found.into_iter().map(|(inside, what)| (at + inside, what)));
        at += chunk.len();
    }
    let roster = Roster::new(all);
    let warnings = TextDiagnostics::new(text, file).located(warnings);
    roster.names_are_unique().then_some(LoadedRoster { roster, warnings })
}

/// At least `size` bytes, up to a line that begins with a single bracket: a double one usually continues the same
/// client.
fn first_chunk(text: &str, size: usize) -> &str {
    let behind = text.as_bytes().get(size..).unwrap_or_default();
    let header = |bytes: &[u8]| matches!(bytes, [b'\n', b'[', next] if *next != b'[');
    let end = behind.windows(3).position(header).map(|at| size + at + 1);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Whether this is an implicit table, such as `clients` in `[clients.a]`, which other chunks may have as well. The span
/// of an explicit one, `[clients]` or `clients = `, differs from that of its name.
fn is_implied((name, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)) -> bool {
    value.span() == name.span()
}
