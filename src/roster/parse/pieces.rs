//! Reads a long roster piece by piece: the tree of the whole text would take many times its size in memory.
//!
//! Must not know what is wrong with a text: at the least doubt it gives up, and the text is read as a whole.

use std::collections::HashSet;

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::roster::{
    fields::Faults,
    parse::Named,
    roster::{LoadedRoster, Roster},
};

/// How long a piece is at least, in bytes: its tree stays in the cache, and what it takes is not given back to the
/// system each time.
pub(super) const SIZE: usize = 4 * 1024;

/// The roster that the text describes, where pieces of `size` bytes and more tell it beyond doubt; `None` for a
/// text with any fault, and for some without.
///
/// The text is cut before lines that begin with a bracket. If a piece is TOML by itself, its end lies in no
/// string and no list, so that the line behind it is a table's header in the whole text as well; and if pieces have
/// no table in common, it does not matter to any of them what the others say.
pub(super) fn parse(text: &str, file: &str, size: usize) -> Option<LoadedRoster> {
    if text.len() <= size {
        return None;
    }
    let mut all = Named::default();
    let mut warnings = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let piece = first_piece(rest, size);
        let document = DeTable::parse(piece).ok()?;
        if !document.get_ref().iter().all(is_implied) {
            return None;
        }
        let mut faults = Faults::new(piece, file);
        all.append(Named::read(document.get_ref(), &mut faults));
        let found = faults.only_warnings()?;
        warnings.extend(found.into_iter().map(|(inside, what)| (at + inside, what)));
        at += piece.len();
    }
    let roster = Roster::from(all);
    let warnings = Faults::new(text, file).placed(warnings);
    names_each_once(&roster).then_some(LoadedRoster { roster, warnings })
}

/// So many bytes and what follows them up to a line that begins with one bracket: with two, it usually goes on
/// about the same client.
fn first_piece(text: &str, size: usize) -> &str {
    let behind = text.as_bytes().get(size..).unwrap_or_default();
    let header = |bytes: &[u8]| matches!(bytes, [b'\n', b'[', next] if *next != b'[');
    let end = behind.windows(3).position(header).map(|at| size + at + 1);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Whether this is a table as `clients` is in `[clients.a]`, which another piece may have as well. What is written
/// itself, as `[clients]` or `clients = `, stands elsewhere than the first mention of its name.
fn is_implied((name, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)) -> bool {
    value.span() == name.span()
}

/// Whether everything has a name of its own: a piece does not know the names in the others.
fn names_each_once(roster: &Roster) -> bool {
    let Roster { clients, users, issuers, keys, .. } = roster;
    // They are in the order of their names.
    clients.is_sorted_by(|a, b| a.name < b.name)
        && users.is_sorted_by(|a, b| a.name < b.name)
        && issuers.is_sorted_by(|a, b| a.name < b.name)
        && users.iter().all(|user| roster.client(&user.name).is_none())
        && keys.len() == clients.iter().map(|client| client.keys.len()).sum::<usize>()
        && issuers.len() == issuers.iter().map(|issuer| &issuer.url).collect::<HashSet<_>>().len()
}
