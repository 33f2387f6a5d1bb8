//! Targets of the fuzzer: the roster file and API keys.

#![expect(clippy::panic, reason = "a panic is a finding")]

use std::fs;

use secrecy::ExposeSecret;

use crate::roster::{
    api_key::ApiKey,
    edit,
    roster::{LoadedRoster, Roster},
};

/// What is accepted is read as it was written.
pub(crate) fn api_key(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(key) = ApiKey::parse(text) {
        assert_eq!(key.expose().expose_secret(), text);
    }
}

/// A roster is unambiguous, or every fault has its line; an edit changes what it names and nothing else.
pub(crate) fn roster(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let loaded = match Roster::parse(text, "roster.toml") {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            let lines = text.split('\n').count();
            assert!(diagnostics.iter().next().is_some());
            for diagnostic in diagnostics.iter() {
                let line = diagnostic.location.strip_prefix("roster.toml:");
                let line: usize = line.and_then(|line| line.parse().ok()).unwrap_or(1);
                assert!((1..=lines).contains(&line), "{diagnostic}");
            }
            return;
        }
    };
    let names = loaded.roster.clients().map(|client| &client.name);
    let names: Vec<_> = names.chain(loaded.roster.users().map(|user| &user.name)).collect();
    for name in &names {
        assert_eq!(names.iter().filter(|other| other == &name).count(), 1, "{name:?}");
    }
    remove_first_key(&loaded, text);
}

fn remove_first_key(before: &LoadedRoster, text: &str) {
    let mut keys = before.roster.clients().flat_map(|client| &client.keys);
    let Some(removed) = keys.next().map(|key| key.id.clone()) else { return };
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join("roster.toml");
    if fs::write(&path, text).is_err() {
        return;
    }
    let owner = edit::revoke(&path, &removed);
    let after = Roster::load(&path);
    let (Ok(owner), Ok(after)) = (owner, after) else { panic!("a key of the roster is removable") };
    assert!(after.roster.key(&removed).is_none());
    for client in before.roster.clients() {
        let mut wanted = client.clone();
        if client.name == owner {
            wanted.keys.retain(|key| key.id != removed);
        }
        let found = after.roster.client(&client.name);
        assert_eq!(found.map(|found| format!("{found:?}")), Some(format!("{wanted:?}")));
    }
    let users = |loaded: &LoadedRoster| format!("{:?}", loaded.roster.users().collect::<Vec<_>>());
    assert_eq!(users(before), users(&after));
    let issuers = |loaded: &LoadedRoster| loaded.roster.issuers().cloned().collect::<Vec<_>>();
    assert_eq!(issuers(before), issuers(&after));
}
