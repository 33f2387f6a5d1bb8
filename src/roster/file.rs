//! The roster file and the commands that change it: the only place that writes.
//!
//! Must not know who asks for the change or what is done with the key.

mod users;

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use toml_edit::{DatetimeParseError, DocumentMut, TomlError};

pub(crate) use self::users::{add_user, remove_user};
use crate::roster::{
    api_key::ApiKey,
    document,
    durable::{self, Locked},
    password::PasswordFault,
    records::Client,
    roster::Roster,
    secret_hash::{HashError, SecretHash},
};
use crate::{
    diagnostics::Diagnostics,
    oauth::{KeyId, Roles, Scopes, Subject},
};

const HEADER: &str = "\
# Who may come in: clients with the hashes of their API keys, users, trusted issuers.
# `hallpass key` and `hallpass user` change this file and keep comments; `hallpass check` checks it.
";

/// What a new client or user may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entitlements {
    /// The roles that the tokens carry.
    pub roles: Roles,
    /// The scopes that may be asked for.
    pub scopes: Scopes,
}

/// Why a roster file was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    /// The file, or its lock, cannot be read or written.
    #[error("cannot change {}: {error}", path.display())]
    Io {
        /// The roster file.
        path: PathBuf,
        /// What went wrong. It is no `source`, since the message holds it already.
        error: io::Error,
    },
    /// A roster should be made where something is already.
    #[error("{} exists already and was left as it is", .0.display())]
    Exists(PathBuf),
    /// There is no roster to change.
    #[error("there is no roster {}: `hallpass key add CLIENT` makes one", .0.display())]
    NoRoster(PathBuf),
    /// The roster has faults, which an edit could only make worse.
    #[error("the roster was left as it is, mend it first:\n{0}")]
    Broken(Diagnostics),
    /// The edit would have made a roster with faults, and was not done.
    #[error("the roster was left as it is, since the change would break it:\n{0}")]
    WouldBreak(Diagnostics),
    /// Roles or scopes were given for a client that has its own.
    #[error(
        "the client {0} exists already and keeps its roles and scopes: leave out --role and --scope, \
         or change them in the roster"
    )]
    ClientExists(Subject),
    /// No client of this name.
    #[error(
        "there is no client {0}: `hallpass key list` shows all, `hallpass key add {0}` makes it"
    )]
    UnknownClient(Subject),
    /// There is a user of this name, who has a password.
    #[error(
        "the user {0} exists already: for another password, `hallpass user remove {0}` and add the user \
         again; roles and scopes can be changed in the roster"
    )]
    UserExists(Subject),
    /// The other kind has the name, and a `sub` must name one of them.
    #[error("there is a {taken_by} {name} already, and a name must mean one: take another")]
    NameTaken {
        /// The name.
        name: Subject,
        /// `client` or `user`.
        taken_by: &'static str,
    },
    /// No user of this name.
    #[error("there is no user {0} in the roster")]
    UnknownUser(Subject),
    /// The password is none that can be kept.
    #[error(transparent)]
    Password(#[from] PasswordFault),
    /// The client has no key that could be replaced.
    #[error("the client {0} has no key to rotate: `hallpass key add {0}` makes one")]
    NoKeys(Subject),
    /// No key of this id.
    #[error("there is no key {0}: `hallpass key list` shows all")]
    UnknownKey(KeyId),
    /// The new key could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The text cannot be edited although it could be read.
    #[error("cannot edit the roster")]
    Document(#[from] TomlError),
    /// A moment cannot be written.
    #[error("cannot write the time")]
    Moment(#[from] DatetimeParseError),
}

/// Makes a roster that lets nobody in, with mode 0600.
///
/// # Errors
/// [`EditError::Exists`] if there is anything at `path`, [`EditError::Io`] if it cannot be written.
pub(crate) fn create(path: &Path) -> Result<(), EditError> {
    durable::create(path, HEADER).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => EditError::Exists(path.to_owned()),
        _ => failed(path)(error),
    })
}

/// Adds a key to a client, and makes the client where it is new, and the file where there is none.
/// Returns the key when the file is safely on the disk; it is kept nowhere else.
///
/// # Errors
/// [`EditError`] if the roster is broken, the client exists and `new_client` is not empty, or the file
/// cannot be written. The file is then as before.
pub(crate) fn add_key(
    path: &Path,
    client: &Subject,
    new_client: &Entitlements,
    expires: Option<Duration>,
    cost: u32,
    now: Timestamp,
) -> Result<ApiKey, EditError> {
    let (key, hash) = fresh(cost)?;
    let expires = expires.map(|lifetime| later(now, lifetime));
    let entry = document::key_entry(&key, &hash, now, expires)?;
    edit(path, Missing::IsEmpty, |roster, text| {
        if roster.user(client).is_some() {
            return Err(EditError::NameTaken { name: client.clone(), taken_by: "user" });
        }
        match roster.client(client) {
            Some(_) if *new_client != Entitlements::default() => {
                return Err(EditError::ClientExists(client.clone()));
            }
            Some(_) => {}
            None => document::add_client(text, client, &new_client.roles, &new_client.scopes),
        }
        document::add_key(text, client, entry);
        Ok(())
    })?;
    Ok(key)
}

/// Adds a key to a client, good for as long as `expires` says, and makes its older keys expire after `overlap`,
/// unless they do so earlier.
/// Returns the new key when the file is safely on the disk; it is kept nowhere else.
///
/// # Errors
/// [`EditError`] if the roster is missing or broken, the client is unknown or has no keys, or the file
/// cannot be written. The file is then as before.
pub(crate) fn rotate(
    path: &Path,
    client: &Subject,
    overlap: Duration,
    expires: Option<Duration>,
    cost: u32,
    now: Timestamp,
) -> Result<ApiKey, EditError> {
    let (key, hash) = fresh(cost)?;
    let expires = expires.map(|lifetime| later(now, lifetime));
    let entry = document::key_entry(&key, &hash, now, expires)?;
    let end = document::whole_seconds(later(now, overlap));
    edit(path, Missing::IsError, |roster, text| {
        let found =
            roster.client(client).ok_or_else(|| EditError::UnknownClient(client.clone()))?;
        if found.keys.is_empty() {
            return Err(EditError::NoKeys(client.clone()));
        }
        document::expire_keys(text, client, end, |id| expires_before(found, id, end))?;
        document::add_key(text, client, entry);
        Ok(())
    })?;
    Ok(key)
}

/// Removes a key for good. Returns the client that it belonged to.
///
/// # Errors
/// [`EditError`] if the roster is missing or broken, the key is unknown, or the file cannot be written.
/// The file is then as before.
pub(crate) fn revoke(path: &Path, id: &KeyId) -> Result<Subject, EditError> {
    edit(path, Missing::IsError, |roster, text| {
        let (client, _) = roster.key(id).ok_or_else(|| EditError::UnknownKey(id.clone()))?;
        document::remove_key(text, &client.name, id);
        Ok(client.name.clone())
    })
}

/// What no file at all means to an edit.
enum Missing {
    IsEmpty,
    IsError,
}

/// Reads, changes and writes under the lock, so that of two edits at once none is lost.
fn edit<T>(
    path: &Path,
    missing: Missing,
    change: impl FnOnce(&Roster, &mut DocumentMut) -> Result<T, EditError>,
) -> Result<T, EditError> {
    if matches!(missing, Missing::IsError) && !path.exists() {
        return Err(EditError::NoRoster(path.to_owned()));
    }
    let locked = Locked::wait_for(path).map_err(failed(path))?;
    let text = locked.read().map_err(failed(path))?.unwrap_or_else(|| HEADER.to_owned());
    let file = path.display().to_string();
    let before = Roster::parse(&text, &file).map_err(EditError::Broken)?;
    let mut document: DocumentMut = text.parse()?;
    let done = change(&before.roster, &mut document)?;
    let text = document.to_string();
    Roster::parse(&text, &file).map_err(EditError::WouldBreak)?;
    locked.replace(&text).map_err(failed(path))?;
    Ok(done)
}

fn fresh(cost: u32) -> Result<(ApiKey, SecretHash), HashError> {
    let key = ApiKey::generate();
    let hash = SecretHash::of(key.secret(), cost)?;
    Ok((key, hash))
}

/// The moment after a while, or the last that can be written.
fn later(now: Timestamp, after: Duration) -> Timestamp {
    now.saturating_add(after).unwrap_or(Timestamp::MAX)
}

fn expires_before(client: &Client, id: &str, end: Timestamp) -> bool {
    let key = client.keys.iter().find(|key| key.id.as_str() == id);
    key.and_then(|key| key.expires).is_some_and(|expires| expires <= end)
}

fn failed(path: &Path) -> impl Fn(io::Error) -> EditError {
    |error| EditError::Io { path: path.to_owned(), error }
}
