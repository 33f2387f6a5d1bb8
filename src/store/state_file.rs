//! The state file: revocations in an embedded database that one process holds at a time.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use redb::{
    Database, DatabaseError, Durability, MultimapTableHandle, ReadableDatabase, ReadableTable,
    TableDefinition, TableHandle,
};
use tempfile::NamedTempFile;

use crate::store::{
    revocation_log::Revocation,
    state_error::{StateError, StateErrorKind},
};

/// The names of all our tables begin with this and end with the version of their layout.
const TABLE_PREFIX: &str = "revocations_v";

/// Ordered by the second from which an entry is not needed, so that these are at the front.
/// A change of this layout needs a new name, and [`check_tables`] a way from the old one.
const TABLE: TableDefinition<'_, (i64, &str), ()> = TableDefinition::new("revocations_v1");

/// Everything that is read is copied into memory, so a larger cache would gain nothing.
const CACHE: usize = 4 * 1024 * 1024;

impl From<redb::Error> for StateErrorKind {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            redb::Error::UpgradeRequired(version) => Self::Version(format!("format {version}")),
            redb::Error::Corrupted(reason) => Self::Damaged(reason),
            redb::Error::Io(error) => error.into(),
            error => Self::Unusable(error.to_string()),
        }
    }
}

impl From<io::Error> for StateErrorKind {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Self::NotOurs(error.to_string()),
            _ => Self::Unusable(error.to_string()),
        }
    }
}

/// An open state file.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    /// None after a failed write: it must be opened again.
    database: Option<Database>,
}

impl StateFile {
    /// Opens the file, or creates it with mode 0600, and locks it.
    ///
    /// # Errors
    /// When it is in use, foreign, damaged or out of reach. It is never replaced.
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        let open = || {
            if !path.try_exists()? {
                create(path)?;
            }
            connect(path)
        };
        let database =
            open().map_err(|kind| StateError { location: path.display().to_string(), kind })?;
        Ok(Self { path: path.to_owned(), database: Some(database) })
    }

    /// Removes every entry that is not needed at `now`, and returns the rest.
    ///
    /// # Errors
    /// When the file cannot be read and written.
    pub(crate) fn load(&mut self, now: i64) -> Result<Vec<Revocation>, StateError> {
        self.write(&[], Some(now))?;
        self.with_database(|database| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(TABLE)?;
            let mut entries = Vec::new();
            for entry in table.iter()? {
                let (key, ()) = entry.map(|(key, nothing)| (key, nothing.value()))?;
                let (until, id) = key.value();
                entries.push(Revocation { id: id.to_owned(), until });
            }
            Ok(entries)
        })
    }

    /// Adds entries, and removes those that are not needed at `remove_before`. When this returns, they are on disk.
    ///
    /// # Errors
    /// They may not be on disk. The next call opens the file again, so that a disk that was full for a while does not
    /// require a restart.
    pub(crate) fn write(
        &mut self,
        entries: &[Revocation],
        remove_before: Option<i64>,
    ) -> Result<(), StateError> {
        self.with_database(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            {
                let mut table = transaction.open_table(TABLE)?;
                for Revocation { id, until } in entries {
                    table.insert((*until, id.as_str()), ())?;
                }
                if let Some(now) = remove_before {
                    table.retain_in(..(now.saturating_add(1), ""), |_, ()| false)?;
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// Leaves it as a failed write does.
    #[cfg(test)]
    pub(crate) fn close(&mut self) {
        self.database = None;
    }

    fn with_database<T>(
        &mut self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StateError> {
        // Taken out, and put back only on success.
        let attempt = match self.database.take() {
            Some(database) => Ok(database),
            None => connect(&self.path),
        };
        let attempt = attempt.and_then(|database| match work(&database) {
            Ok(done) => {
                self.database = Some(database);
                Ok(done)
            }
            Err(error) => Err(error.into()),
        });
        attempt.map_err(|kind| StateError { location: self.path.display().to_string(), kind })
    }
}

/// Whether `path` could be opened or created, without doing either.
///
/// # Errors
/// Its directory is missing, it is no file, or it may not be written.
pub(crate) fn check(path: &Path) -> Result<(), StateError> {
    let check = || {
        if !path.try_exists()? {
            tempfile::tempfile_in(directory(path))?;
        } else if path.is_file() {
            OpenOptions::new().read(true).write(true).open(path)?;
        } else {
            return Err(not_regular());
        }
        Ok(())
    };
    check().map_err(|kind| StateError { location: path.display().to_string(), kind })
}

/// Opens a file that exists, reading all of it, so that damage is found now and not later.
fn connect(path: &Path) -> Result<Database, StateErrorKind> {
    if !fs::metadata(path)?.is_file() {
        return Err(not_regular());
    }
    let database = Database::builder()
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(true)
        .create(path)
        .map_err(redb::Error::from)?;
    check_tables(&database)?;
    Ok(database)
}

/// Refuses the databases of other programs, and of versions of hallpass with another layout.
fn check_tables(database: &Database) -> Result<(), StateErrorKind> {
    let names = || -> Result<Vec<String>, redb::Error> {
        let transaction = database.begin_read()?;
        let multimaps = transaction.list_multimap_tables()?.map(|table| table.name().to_owned());
        let names = transaction.list_tables()?.map(|table| table.name().to_owned());
        Ok(names.chain(multimaps).collect())
    };
    for name in names()? {
        if name == TABLE.name() {
            continue;
        }
        let table = format!("it holds {name:?}");
        let known = name.starts_with(TABLE_PREFIX);
        return Err(if known {
            StateErrorKind::Version(table)
        } else {
            StateErrorKind::NotOurs(table)
        });
    }
    Ok(())
}

/// Creates an empty database beside `path` and then renames it: a kill leaves a whole file or none.
fn create(path: &Path) -> Result<(), StateErrorKind> {
    let new = NamedTempFile::with_prefix_in(".hallpass-state-", directory(path))?;
    let failed = |error: DatabaseError| StateErrorKind::from(redb::Error::from(error));
    let database = Database::create(new.path()).map_err(failed)?;
    database.close().map_err(failed)?;
    match new.persist_noclobber(path) {
        // Another process was faster: it is theirs, and in use.
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error.into()),
        _ => Ok(File::open(directory(path))?.sync_all()?),
    }
}

fn not_regular() -> StateErrorKind {
    StateErrorKind::NotOurs("no regular file".to_owned())
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
