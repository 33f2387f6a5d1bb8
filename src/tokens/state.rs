//! The state file: what must outlive a restart, in an embedded store that one process holds at a time.
//!
//! Must not know what a revocation means: it keeps ids, each until a second.

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

/// Every table of ours begins like this and ends with the version of its layout.
const FAMILY: &str = "revocations_v";

/// Ordered by the second from which an entry is worth nothing, so that forgetting is taking off the front.
/// A change of this layout needs a new name, and [`check_tables`] a way from the old one.
const TABLE: TableDefinition<'_, (i64, &str), ()> = TableDefinition::new("revocations_v1");

/// All that is read is copied into memory: caching more of the file than this would be for nothing.
const CACHE: usize = 4 * 1024 * 1024;

/// Why the state file cannot be used; its text says what is wrong and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {fault}", path.display())]
pub(crate) struct StateError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: StateFault,
}

/// What is wrong with a state file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StateFault {
    /// Another process holds it.
    #[error("is in use by another process: stop that one, or name another file")]
    InUse,
    /// It holds something else, and is left as it is.
    #[error("is no state file of hallpass ({0}): name another file, or move this one away")]
    Foreign(String),
    /// Another version wrote it.
    #[error("was written by another version of hallpass ({0}): use that one, or name another file")]
    Version(String),
    /// It was one, and cannot be trusted any more.
    #[error(
        "is damaged ({0}): put a copy back, or move it away, and the tokens that it ended are good again until \
         they expire"
    )]
    Damaged(String),
    /// The system refuses.
    #[error("cannot be read and written: {0}")]
    Unusable(String),
}

impl From<redb::Error> for StateFault {
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

impl From<io::Error> for StateFault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => Self::Foreign(error.to_string()),
            _ => Self::Unusable(error.to_string()),
        }
    }
}

/// An open state file.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// `None` after a failed write: the store takes no more until it is opened again.
    database: Option<Database>,
}

impl StateFile {
    /// Opens the file, or makes it with mode 0600; nobody else can from now on.
    ///
    /// # Errors
    /// When it is in use, foreign, damaged or out of reach. It is never replaced.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        let open = || {
            if !path.try_exists()? {
                make(path)?;
            }
            connect(path)
        };
        let database = open().map_err(|fault| StateError { path: path.to_owned(), fault })?;
        Ok(Self { path: path.to_owned(), database: Some(database) })
    }

    /// Forgets every entry that is over at `now`, and returns the rest.
    ///
    /// # Errors
    /// When the file cannot be read and written.
    pub(super) fn load(&mut self, now: i64) -> Result<Vec<(i64, String)>, StateError> {
        self.write(&[], Some(now))?;
        self.with_database(|database| {
            let transaction = database.begin_read()?;
            let table = transaction.open_table(TABLE)?;
            let mut entries = Vec::new();
            for entry in table.iter()? {
                let (key, ()) = entry.map(|(key, nothing)| (key, nothing.value()))?;
                let (until, id) = key.value();
                entries.push((until, id.to_owned()));
            }
            Ok(entries)
        })
    }

    /// Adds entries, and forgets those that are over at `forget`. When this returns, they are on the disk.
    ///
    /// # Errors
    /// When they may not be there. The next call opens the file anew, so that a disk that was full for a while
    /// is no reason to restart.
    pub(super) fn write(
        &mut self,
        entries: &[(i64, String)],
        forget: Option<i64>,
    ) -> Result<(), StateError> {
        self.with_database(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            {
                let mut table = transaction.open_table(TABLE)?;
                for (until, id) in entries {
                    table.insert((*until, id.as_str()), ())?;
                }
                if let Some(now) = forget {
                    table.retain_in(..(now.saturating_add(1), ""), |_, ()| false)?;
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// As a failed write leaves it.
    #[cfg(test)]
    pub(super) fn close(&mut self) {
        self.database = None;
    }

    fn with_database<T>(
        &mut self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StateError> {
        // Taken out, and put back only if all went well.
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
        attempt.map_err(|fault| StateError { path: self.path.clone(), fault })
    }
}

/// Whether `path` could be opened or made, without doing either.
///
/// # Errors
/// When it could not: its folder is missing, it is no file, it may not be written.
pub(super) fn check(path: &Path) -> Result<(), StateError> {
    let check = || {
        if !path.try_exists()? {
            tempfile::tempfile_in(folder(path))?;
        } else if path.is_file() {
            OpenOptions::new().read(true).write(true).open(path)?;
        } else {
            return Err(not_regular());
        }
        Ok(())
    };
    check().map_err(|fault| StateError { path: path.to_owned(), fault })
}

/// Opens a file that exists, reading all of it: a damaged one is found now and not in use.
fn connect(path: &Path) -> Result<Database, StateFault> {
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

/// Refuses the stores of other programs, and of versions of hallpass that keep things differently.
fn check_tables(database: &Database) -> Result<(), StateFault> {
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
        let known = name.starts_with(FAMILY);
        return Err(if known { StateFault::Version(table) } else { StateFault::Foreign(table) });
    }
    Ok(())
}

/// Makes an empty store beside `path` and then gives it that name: a kill leaves a whole file or none.
fn make(path: &Path) -> Result<(), StateFault> {
    let new = NamedTempFile::with_prefix_in(".hallpass-state-", folder(path))?;
    let failed = |error: DatabaseError| StateFault::from(redb::Error::from(error));
    let database = Database::create(new.path()).map_err(failed)?;
    database.close().map_err(failed)?;
    match new.persist_noclobber(path) {
        // Somebody else was faster: it is theirs, and in use.
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error.into()),
        _ if cfg!(unix) => Ok(File::open(folder(path))?.sync_all()?),
        _ => Ok(()),
    }
}

fn not_regular() -> StateFault {
    StateFault::Foreign("no regular file".to_owned())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
