//! Where the text of a roster says something of a client or user, for what is found out about it later.

use std::{fmt, time::Duration};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    diagnostics::Diagnostics,
    oauth::subject::Subject,
    roster::{roster::Roster, text_diagnostics::TextDiagnostics},
};

/// A field of a client or user, or one item of a list in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryField<'r> {
    pub(crate) kind: EntryKind,
    pub(crate) name: &'r Subject,
    pub(crate) field: &'static str,
    pub(crate) item: Option<&'r str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Client,
    User,
}

impl EntryKind {
    fn section(self) -> &'static str {
        match self {
            Self::Client => "clients",
            Self::User => "users",
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::User => "user",
        })
    }
}

impl Roster {
    /// The roles and scopes of all clients and users, each as an item of `roles` or `scopes`.
    pub(crate) fn roles_and_scopes(&self) -> impl Iterator<Item = EntryField<'_>> {
        let clients =
            self.clients().map(|one| (EntryKind::Client, &one.name, &one.roles, &one.scopes));
        let users = self.users().map(|one| (EntryKind::User, &one.name, &one.roles, &one.scopes));
        clients.chain(users).flat_map(|(kind, name, roles, scopes)| {
            let roles = roles.iter().map(|role| ("roles", role.as_str()));
            let scopes = scopes.iter().map(|scope| ("scopes", scope.as_str()));
            roles.chain(scopes).map(move |(field, item)| EntryField {
                kind,
                name,
                field,
                item: Some(item),
            })
        })
    }

    /// The `token_lifetime` of all clients and users that have one.
    pub(super) fn token_lifetimes(&self) -> impl Iterator<Item = (EntryField<'_>, Duration)> {
        let clients = self.clients().map(|one| (EntryKind::Client, &one.name, &one.options));
        let users = self.users().map(|one| (EntryKind::User, &one.name, &one.options));
        clients.chain(users).filter_map(|(kind, name, options)| {
            let field = EntryField { kind, name, field: "token_lifetime", item: None };
            Some((field, options.token_lifetime?))
        })
    }
}

/// What was found out about fields, each at its line in the text of `file`.
pub(super) fn located<'r>(
    text: &str,
    file: &str,
    found: impl IntoIterator<Item = (EntryField<'r>, String)>,
) -> Diagnostics {
    let (document, _) = DeTable::parse_recoverable(text);
    let at = |field: EntryField<'_>| offset(document.get_ref(), field).unwrap_or_default();
    let found = found.into_iter().map(|(field, what)| (at(field), what)).collect();
    TextDiagnostics::new(text, file).located(found)
}

fn offset(document: &DeTable<'_>, field: EntryField<'_>) -> Option<usize> {
    let entries = document.get(field.kind.section())?.get_ref().as_table()?;
    let value = entries.get(field.name.as_str())?.get_ref().as_table()?.get(field.field)?;
    let item = field.item.and_then(|item| {
        let is_it = |one: &&Spanned<DeValue<'_>>| one.get_ref().as_str() == Some(item);
        value.get_ref().as_array()?.iter().find(is_it)
    });
    Some(item.unwrap_or(value).span().start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_is_found_at_its_line() {
        let text = "[clients.a]\nroles = [\n'x',\n'y',\n]\nscopes = ['s']\n\
                    [clients]\nb = { roles = ['x'] }\n[users.c]\npassword = ''\nroles = ['z']\n";
        let name = |text: &str| Subject::parse(text).unwrap();
        let line = |kind, named: &str, field: &'static str, item: Option<&str>| {
            let name = name(named);
            let field = EntryField { kind, name: &name, field, item };
            let found = located(text, "r", [(field, String::new())]);
            found.iter().next().unwrap().location.clone()
        };
        for (kind, name, field, item, expected) in [
            (EntryKind::Client, "a", "roles", Some("x"), "r:3"),
            (EntryKind::Client, "a", "roles", Some("y"), "r:4"),
            (EntryKind::Client, "a", "roles", None, "r:2"),
            (EntryKind::Client, "a", "scopes", Some("s"), "r:6"),
            (EntryKind::Client, "b", "roles", Some("x"), "r:8"),
            (EntryKind::User, "c", "roles", Some("z"), "r:11"),
            (EntryKind::User, "d", "roles", Some("z"), "r:1"),
        ] {
            assert_eq!(line(kind, name, field, item), expected, "{name} {field} {item:?}");
        }
    }
}
