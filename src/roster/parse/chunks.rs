//! Reads a long roster chunk by chunk: the tree of the whole text would take many times its size in memory.
//!
//! Must not know what is wrong with a text: at the least doubt it gives up, and the text is read as a whole.

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

/// How long a chunk is at least, in bytes: its tree stays in the cache, and what it takes is not given back to the
/// system each time.
pub(super) const MIN_SIZE: usize = 4 * 1024;

/// The roster that the text describes, where chunks of `size` bytes and more tell it beyond doubt; `None` for a
/// text with any fault, and for some without.
///
/// The text is cut before lines that begin with a bracket. If a chunk is TOML by itself, its end lies in no
/// string and no list, so that the line behind it is a table's header in the whole text as well; and if chunks have
/// no table in common, it does not matter to any of them what the others say.
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

/// So many bytes and what follows them up to a line that begins with one bracket: with two, it usually goes on
/// about the same client.
fn first_chunk(text: &str, size: usize) -> &str {
    let behind = text.as_bytes().get(size..).unwrap_or_default();
    let header = |bytes: &[u8]| matches!(bytes, [b'\n', b'[', next] if *next != b'[');
    let end = behind.windows(3).position(header).map(|at| size + at + 1);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Whether this is a table as `clients` is in `[clients.a]`, which another chunk may have as well. What is written
/// itself, as `[clients]` or `clients = `, stands elsewhere than the first mention of its name.
fn is_implied((name, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)) -> bool {
    value.span() == name.span()
}
