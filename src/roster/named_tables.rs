//! Adds and removes named tables of a TOML document, with the comments around them.

use toml_edit::{DocumentMut, Item, Table};

use crate::oauth::subject::Subject;

/// Adds `[section.name]` in the style of the section, inline or not.
pub(super) fn add(document: &mut DocumentMut, section: &str, name: &Subject, mut entry: Table) {
    if document.is_empty() {
        // In a document of comments alone they would end up after the first entry.
        let comments = document.trailing().as_str().unwrap_or_default().to_owned();
        let gap = if comments.is_empty() { "" } else { "\n" };
        entry.decor_mut().set_prefix(comments + gap);
        document.set_trailing("");
    }
    let entries = document.entry(section).or_insert_with(|| {
        let mut entries = Table::new();
        entries.set_implicit(true);
        Item::Table(entries)
    });
    let inline = entries.is_inline_table();
    if let Some(entries) = entries.as_table_like_mut() {
        let entry =
            if inline { Item::Value(entry.into_inline_table().into()) } else { Item::Table(entry) };
        entries.insert(name.as_str(), entry);
    }
}

/// Removes `[section.name]` and the comment directly above it. A comment that an empty line separates from it moves to
/// the next table.
pub(super) fn remove(document: &mut DocumentMut, section: &str, name: &Subject) {
    let entries = document.get_mut(section).and_then(Item::as_table_like_mut);
    let Some(removed) = entries.and_then(|entries| entries.remove(name.as_str())) else { return };
    let Some(removed) = removed.as_table().filter(|removed| !removed.is_dotted()) else { return };
    let above = removed.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
    let kept = above.rfind("\n\n").and_then(|end| above.get(..end + 2)).unwrap_or_default();
    if kept.trim().is_empty() {
        return;
    }
    let next = removed.position().and_then(|at| next_position(document, at));
    match next.and_then(|next| table_at(document, next)) {
        Some(next) => {
            let prefix = next.decor().prefix().and_then(|prefix| prefix.as_str());
            let joined = kept.to_owned() + prefix.unwrap_or_default().trim_start_matches('\n');
            next.decor_mut().set_prefix(joined);
        }
        None => {
            let trailing = document.trailing().as_str().unwrap_or_default();
            let joined = format!("{}\n{trailing}", kept.trim_end());
            document.set_trailing(joined);
        }
    }
}

/// The position of the first header after `behind`.
fn next_position(table: &Table, behind: isize) -> Option<isize> {
    let own = (!table.is_implicit() && !table.is_dotted()).then(|| table.position()).flatten();
    let own = own.filter(|position| *position > behind);
    let inner = table.iter().flat_map(|(_, item)| match item {
        Item::Table(table) => vec![table],
        Item::ArrayOfTables(tables) => tables.iter().collect(),
        _ => Vec::new(),
    });
    inner.filter_map(|table| next_position(table, behind)).chain(own).min()
}

fn table_at(table: &mut Table, position: isize) -> Option<&mut Table> {
    if table.position() == Some(position) && !table.is_implicit() && !table.is_dotted() {
        return Some(table);
    }
    table.iter_mut().find_map(|(_, item)| match item {
        Item::Table(table) => table_at(table, position),
        Item::ArrayOfTables(tables) => {
            tables.iter_mut().find_map(|table| table_at(table, position))
        }
        _ => None,
    })
}
