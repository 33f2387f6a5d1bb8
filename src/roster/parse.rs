//! From the text of a roster to a checked roster; every fault of the text in one run.
//!
//! Must not know where the text comes from.

mod pieces;
mod reader;
#[cfg(test)]
mod tests;

use toml::de::DeTable;

use crate::{
    diagnostics::Diagnostics,
    roster::{
        fields::{Faults, Fields},
        parse::reader::Reader,
        records::{Client, Issuer, User},
        roster::{LoadedRoster, Roster},
    },
};

pub(super) fn parse(text: &str, file: &str) -> Result<LoadedRoster, Diagnostics> {
    pieces::parse(text, file, pieces::SIZE).map_or_else(|| whole(text, file), Ok)
}

/// Reads the text as the one document that it is: only this way knows all that is wrong with it.
fn whole(text: &str, file: &str) -> Result<LoadedRoster, Diagnostics> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut faults = Faults::new(text, file);
    faults.syntax(errors);
    let named = Named::read(document.get_ref(), &mut faults);
    let (faults, warnings) = faults.into_problems();
    faults.or(())?;
    Ok(LoadedRoster { roster: named.into(), warnings })
}

/// All that a document names, in the order of the names.
#[derive(Default)]
struct Named {
    clients: Vec<Client>,
    users: Vec<User>,
    issuers: Vec<Issuer>,
}

impl Named {
    fn read(document: &DeTable<'_>, faults: &mut Faults<'_>) -> Self {
        let root = Fields::root(document);
        root.only(&["clients", "users", "issuers"], faults);
        let mut reader = Reader::new(faults);
        Self {
            clients: reader.things(root, "clients", "client", Reader::client),
            users: reader.things(root, "users", "user", Reader::user),
            issuers: reader.things(root, "issuers", "issuer", Reader::issuer),
        }
    }

    fn append(&mut self, mut others: Self) {
        self.clients.append(&mut others.clients);
        self.users.append(&mut others.users);
        self.issuers.append(&mut others.issuers);
    }
}

impl From<Named> for Roster {
    fn from(Named { clients, users, issuers }: Named) -> Self {
        Self::new(clients, users, issuers)
    }
}
