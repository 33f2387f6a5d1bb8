//! Changes of the roster file.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use secrecy::SecretString;
use toml_edit::{DocumentMut, Table};

use crate::{
    oauth::{key_id::KeyId, role::Roles, scope::Scopes, subject::Subject},
    roster::{
        api_key::ApiKey,
        edit_error::EditError,
        locked_file::{self, LockedFile, StagedFile},
        roster::Roster,
        roster_entries::{Client, EntryOptions},
        secret_hash::SecretHash,
        toml_edits, verified_password,
    },
};

const HEADER: &str = "\
# The roster: clients with the hashes of their API keys, users, external issuers.
# `hallpass key` and `hallpass user` change this file and keep comments; `hallpass check` checks it.
";

/// What a new client or user may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entitlements {
    pub roles: Roles,
    pub scopes: Scopes,
    pub options: EntryOptions,
}

/// Creates an empty roster with mode 0600.
///
/// # Errors
/// [`EditError::Exists`] if there is anything at `path`, [`EditError::Io`] if it cannot be written.
pub(crate) fn create(path: &Path) -> Result<(), EditError> {
    locked_file::create(path, HEADER).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => EditError::Exists(path.to_owned()),
        _ => io_error(path)(error),
    })
}

/// A new key, and the roster that holds it, written beside the old one: nothing is changed before
/// [`commit`](Self::commit), so that a key that cannot be shown is never in force. Holds the lock of the roster.
#[must_use]
pub(crate) struct StagedKey {
    key: ApiKey,
    edit: StagedEdit,
}

impl StagedKey {
    /// The key, which is stored nowhere else.
    pub(crate) fn key(&self) -> &ApiKey {
        &self.key
    }

    /// Puts the key in force and returns it after the roster was synced to disk.
    ///
    /// # Errors
    /// [`EditError::Io`] if the file cannot be replaced.
    pub(crate) fn commit(self) -> Result<ApiKey, EditError> {
        self.edit.commit()?;
        Ok(self.key)
    }
}

/// Prepares a new key of a client. The change creates the client, and the file, if they do not exist.
///
/// # Errors
/// [`EditError`] if the roster is broken, the client exists and `new_client` is not empty, or the file
/// cannot be written. The file is then unchanged.
pub(crate) fn add_key(
    path: &Path,
    client: &Subject,
    new_client: &Entitlements,
    expires: Option<Duration>,
    label: Option<&str>,
    cost: u32,
    now: Timestamp,
) -> Result<StagedKey, EditError> {
    let (key, mut entry) = generate_key(expires, cost, now)?;
    toml_edits::add_label(&mut entry, label);
    let ((), edit) = stage(path, MissingFile::IsEmpty, |roster, text| {
        if roster.user(client).is_some() {
            return Err(EditError::NameTaken { name: client.clone(), taken_by: "user" });
        }
        match roster.client(client) {
            Some(_) if *new_client != Entitlements::default() => {
                return Err(EditError::ClientExists(client.clone()));
            }
            Some(_) => {}
            None => {
                let Entitlements { roles, scopes, options } = new_client;
                toml_edits::add_client(text, client, (roles, scopes, options));
            }
        }
        toml_edits::add_key(text, client, entry);
        Ok(())
    })?;
    Ok(StagedKey { key, edit })
}

/// Prepares a new key with the lifetime `expires` of a client. The change makes its older keys expire after
/// `overlap` if they do not expire earlier. Without a label the key gets that of the last one.
///
/// # Errors
/// [`EditError`] if the roster is missing or broken, the client is unknown or has no keys, or the file
/// cannot be written. The file is then unchanged.
pub(crate) fn rotate(
    path: &Path,
    client: &Subject,
    overlap: Duration,
    expires: Option<Duration>,
    label: Option<&str>,
    cost: u32,
    now: Timestamp,
) -> Result<StagedKey, EditError> {
    let (key, mut entry) = generate_key(expires, cost, now)?;
    let end = toml_edits::whole_seconds(later(now, overlap));
    let ((), edit) = stage(path, MissingFile::IsError, |roster, text| {
        if roster.user(client).is_some() {
            return Err(EditError::IsUser(client.clone()));
        }
        let found =
            roster.client(client).ok_or_else(|| EditError::UnknownClient(client.clone()))?;
        if found.keys.is_empty() {
            return Err(EditError::NoKeys(client.clone()));
        }
        toml_edits::expire_keys(text, client, end, |id| expires_before(found, id, end))?;
        let last = found.keys.last().and_then(|key| key.label.as_deref());
        toml_edits::add_label(&mut entry, label.or(last));
        toml_edits::add_key(text, client, entry);
        Ok(())
    })?;
    Ok(StagedKey { key, edit })
}

/// Removes a key and returns its client.
///
/// # Errors
/// [`EditError`] if the roster is missing or broken, the key is unknown, or the file cannot be written.
/// The file is then unchanged.
pub(crate) fn revoke(path: &Path, id: &KeyId) -> Result<Subject, EditError> {
    change(path, MissingFile::IsError, |roster, text| {
        let (client, _) = roster.key(id).ok_or_else(|| EditError::UnknownKey(id.clone()))?;
        toml_edits::remove_key(text, &client.name, id);
        Ok(client.name.clone())
    })
}

/// Adds a user. Creates the file if it does not exist, and returns after it was synced to disk.
///
/// # Errors
/// [`EditError`] if the password cannot be set, the name is taken, the roster is broken or the
/// file cannot be written. The file is then unchanged.
pub(crate) fn add_user(
    path: &Path,
    user: &Subject,
    grants: &Entitlements,
    secret: &SecretString,
    cost: u32,
    now: Timestamp,
) -> Result<(), EditError> {
    verified_password::check(secret)?;
    let hash = SecretHash::new(secret, cost)?;
    change(path, MissingFile::IsEmpty, |roster, text| {
        if roster.user(user).is_some() {
            return Err(EditError::UserExists(user.clone()));
        }
        if roster.client(user).is_some() {
            return Err(EditError::NameTaken { name: user.clone(), taken_by: "client" });
        }
        let Entitlements { roles, scopes, options } = grants;
        Ok(toml_edits::add_user(text, user, (roles, scopes, options), &hash, now)?)
    })
}

/// Removes a user.
///
/// # Errors
/// [`EditError`] if the roster is missing or broken, the user is unknown, or the file cannot be written.
/// The file is then unchanged.
pub(crate) fn remove_user(path: &Path, user: &Subject) -> Result<(), EditError> {
    change(path, MissingFile::IsError, |roster, text| {
        if roster.user(user).is_none() {
            return Err(EditError::UnknownUser(user.clone()));
        }
        toml_edits::remove_user(text, user);
        Ok(())
    })
}

/// How a change treats a file that does not exist.
enum MissingFile {
    IsEmpty,
    IsError,
}

/// A changed roster beside the old one, with the path that errors name.
struct StagedEdit {
    file: StagedFile,
    path: PathBuf,
}

impl StagedEdit {
    fn commit(self) -> Result<(), EditError> {
        self.file.commit().map_err(io_error(&self.path))
    }
}

/// Reads, changes and writes under the lock, so that concurrent changes are not lost.
fn change<T>(
    path: &Path,
    missing: MissingFile,
    apply: impl FnOnce(&Roster, &mut DocumentMut) -> Result<T, EditError>,
) -> Result<T, EditError> {
    let (done, edit) = stage(path, missing, apply)?;
    edit.commit()?;
    Ok(done)
}

/// Everything of a change but the replacement of the file.
fn stage<T>(
    path: &Path,
    missing: MissingFile,
    apply: impl FnOnce(&Roster, &mut DocumentMut) -> Result<T, EditError>,
) -> Result<(T, StagedEdit), EditError> {
    if matches!(missing, MissingFile::IsError) && !path.exists() {
        return Err(EditError::NoRoster(path.to_owned()));
    }
    let locked = LockedFile::wait_for(path).map_err(io_error(path))?;
    let text = locked.read().map_err(io_error(path))?.unwrap_or_else(|| HEADER.to_owned());
    let file = path.display().to_string();
    let before = Roster::parse(&text, &file).map_err(EditError::Broken)?;
    let mut document: DocumentMut = text.parse()?;
    let done = apply(&before.roster, &mut document)?;
    let text = document.to_string();
    Roster::parse(&text, &file).map_err(EditError::WouldBreak)?;
    let file = locked.stage(&text).map_err(io_error(path))?;
    Ok((done, StagedEdit { file, path: path.to_owned() }))
}

/// A new key with the lifetime `expires`, and its entry in the roster.
fn generate_key(
    expires: Option<Duration>,
    cost: u32,
    now: Timestamp,
) -> Result<(ApiKey, Table), EditError> {
    let key = ApiKey::generate();
    let hash = SecretHash::new(key.secret(), cost)?;
    let expires = expires.map(|lifetime| later(now, lifetime));
    let entry = toml_edits::key_entry(&key, &hash, now, expires)?;
    Ok((key, entry))
}

/// `now + after`, or the last timestamp that can be written.
fn later(now: Timestamp, after: Duration) -> Timestamp {
    now.saturating_add(after).unwrap_or(Timestamp::MAX)
}

fn expires_before(client: &Client, id: &str, end: Timestamp) -> bool {
    let key = client.keys.iter().find(|key| key.id.as_str() == id);
    key.and_then(|key| key.expires).is_some_and(|expires| expires <= end)
}

/// An empty path is the working directory.
fn folder_is_missing(folder: &Path) -> bool {
    folder.components().next().is_some() && !folder.exists()
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> EditError {
    |error| match path.parent() {
        Some(folder) if error.kind() == io::ErrorKind::NotFound && folder_is_missing(folder) => {
            EditError::NoFolder { path: path.to_owned(), folder: folder.to_owned() }
        }
        _ => EditError::Io { path: path.to_owned(), error },
    }
}
