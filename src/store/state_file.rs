//! The state file: revocations and key uses in an embedded database that one process holds at a time.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use redb::{
    Builder, Database, DatabaseError, Durability, MultimapTableHandle, ReadableDatabase,
    ReadableTable, StorageBackend, TableDefinition, TableError, TableHandle,
    backends::{FileBackend, InMemoryBackend},
};
use tempfile::NamedTempFile;

use crate::store::{
    state_error::{StateError, StateErrorKind},
    state_log::{KeyUse, Revocation},
};

/// The names of all our tables begin with one of these and end with the version of their layout.
const TABLE_PREFIXES: [&str; 2] = ["revocations_v", "key_uses_v"];

/// Ordered by the second from which an entry is not needed, so that these are at the front.
/// A change of this layout needs a new name, and [`check_tables`] a way from the old one.
const TABLE: TableDefinition<'_, (i64, &str), ()> = TableDefinition::new("revocations_v1");

/// Key ids, and the second of their last use.
const KEY_USES: TableDefinition<'_, &str, i64> = TableDefinition::new("key_uses_v1");

/// Everything that is read is copied into memory, so a larger cache would gain nothing.
const CACHE: usize = 4 * 1024 * 1024;

/// The length of redb's header: settings, and two slots with the last two commits.
const HEADER: usize = 64 + 2 * 128;

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

/// A state file that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    /// Device and inode: the file is reached by this path, or it is not the one that the next start opens.
    identity: (u64, u64),
    /// None after a failed write: it must be opened again.
    open: Option<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    database: Database,
    /// A second handle of it.
    file: File,
    /// As our last write left it.
    seen: Content,
}

/// Tells what we wrote from what somebody else wrote: every commit changes the header, which has a checksum of
/// everything.
#[derive(Debug, PartialEq, Eq)]
struct Content {
    length: u64,
    header: [u8; HEADER],
}

impl Content {
    fn read(file: &File) -> Result<Self, io::Error> {
        let mut header = [0; HEADER];
        let length = file.metadata()?.len();
        if length >= HEADER as u64 {
            file.read_exact_at(&mut header, 0)?;
        }
        Ok(Self { length, header })
    }
}

impl StateFile {
    /// Opens the file, or creates it with mode 0600, and locks it.
    ///
    /// # Errors
    /// When it is in use, empty, foreign, damaged or out of reach. It is never replaced.
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        let open = || {
            if !path.try_exists()? {
                create(path)?;
            }
            let open = connect(path)?;
            let identity = identity(&open.file.metadata()?);
            Ok(Self { path: path.to_owned(), identity, open: Some(open) })
        };
        open().map_err(|kind| located(path, kind))
    }

    /// Returns every entry.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn load(&mut self) -> Result<Vec<Revocation>, StateError> {
        // Makes the table of a new file.
        self.write(&[], &[])?;
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

    /// Adds and removes entries. When this returns, that is on disk.
    ///
    /// # Errors
    /// It may not be on disk. After a failed write the next call opens the file again, so that a disk that was full for
    /// a while does not require a restart.
    pub(crate) fn write(
        &mut self,
        added: &[Revocation],
        removed: &[Revocation],
    ) -> Result<(), StateError> {
        self.with_database(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            {
                let mut table = transaction.open_table(TABLE)?;
                for Revocation { id, until } in added {
                    table.insert((*until, id.as_str()), ())?;
                }
                for Revocation { id, until } in removed {
                    table.remove((*until, id.as_str()))?;
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// Returns when each key was last used.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn load_key_uses(&mut self) -> Result<Vec<KeyUse>, StateError> {
        self.with_database(key_uses)
    }

    /// Records when keys were last used. When this returns, that is on disk.
    ///
    /// # Errors
    /// It may not be on disk; as for [`Self::write`].
    pub(crate) fn write_key_uses(&mut self, uses: &[KeyUse]) -> Result<(), StateError> {
        self.with_database(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            {
                let mut table = transaction.open_table(KEY_USES)?;
                for KeyUse { key_id, second } in uses {
                    table.insert(key_id.as_str(), second)?;
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// Whether the next start would find the file as it was left here.
    ///
    /// # Errors
    /// The file was removed, replaced, or changed by somebody else.
    pub(crate) fn check(&self) -> Result<(), StateError> {
        self.find_change().map_err(|kind| located(&self.path, kind))
    }

    fn find_change(&self) -> Result<(), StateErrorKind> {
        let change = match fs::metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => "removed",
            Err(error) => return Err(error.into()),
            Ok(found) if identity(&found) != self.identity => "replaced",
            Ok(_) => match &self.open {
                Some(open) if Content::read(&open.file)? != open.seen => {
                    "changed by another program"
                }
                _ => return Ok(()),
            },
        };
        Err(StateErrorKind::Changed(change))
    }

    /// Leaves it as a failed write does.
    #[cfg(test)]
    pub(crate) fn close(&mut self) {
        self.open = None;
    }

    fn with_database<T>(
        &mut self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StateError> {
        let attempt = self.find_change().and_then(|()| {
            // Taken out, and put back only on success.
            let mut open = match self.open.take() {
                Some(open) => open,
                None => connect(&self.path)?,
            };
            let done = work(&open.database)?;
            open.seen = Content::read(&open.file)?;
            self.open = Some(open);
            Ok(done)
        });
        attempt.map_err(|kind| located(&self.path, kind))
    }
}

fn located(path: &Path, kind: StateErrorKind) -> StateError {
    StateError { location: path.display().to_string(), kind }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// When keys were last used according to the file at `path`; none where there is no file. Takes no lock from a service
/// that runs.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read_key_uses(path: &Path) -> Result<Option<Vec<KeyUse>>, StateError> {
    let read = || {
        if !path.try_exists()? {
            return Ok(None);
        }
        let once = || {
            let mut bytes = Vec::new();
            open_existing(path)?.read_to_end(&mut bytes)?;
            Ok(key_uses(&open_copy(&bytes)?)?)
        };
        // What is copied while it is written may look damaged.
        once().or_else(|_: StateErrorKind| once()).or_else(|_| once()).map(Some)
    };
    read().map_err(|kind| located(path, kind))
}

fn key_uses(database: &Database) -> Result<Vec<KeyUse>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(KEY_USES) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        table => table?,
    };
    let mut uses = Vec::new();
    for entry in table.iter()? {
        let (key_id, second) = entry?;
        uses.push(KeyUse { key_id: key_id.value().to_owned(), second: second.value() });
    }
    Ok(uses)
}

/// Whether a start could open the file at `path` or create it. Changes nothing, and takes no lock from a service that
/// runs or starts.
///
/// # Errors
/// As [`StateFile::open`], but for a file that is in use.
pub(crate) fn check(path: &Path) -> Result<(), StateError> {
    let check = || {
        if !path.try_exists()? {
            require_directory(path)?;
            tempfile::tempfile_in(directory(path))?;
            return Ok(());
        }
        let mut bytes = Vec::new();
        open_existing(path)?.read_to_end(&mut bytes)?;
        match open_copy(&bytes) {
            Ok(_) => Ok(()),
            // What is copied while it is written may look damaged.
            Err(_) => match connect(path) {
                Ok(_) | Err(StateErrorKind::InUse) => Ok(()),
                Err(kind) => Err(kind),
            },
        }
    };
    check().map_err(|kind| located(path, kind))
}

fn open_copy(bytes: &[u8]) -> Result<Database, StateErrorKind> {
    let copy = InMemoryBackend::new();
    let filled = copy.set_len(bytes.len() as u64).and_then(|()| copy.write(0, bytes));
    filled.map_err(|error| StateErrorKind::Unusable(error.to_string()))?;
    let database = builder().create_with_backend(copy).map_err(redb::Error::from)?;
    check_tables(&database)?;
    Ok(database)
}

/// Opens a file that exists, reading all of it, so that damage is found now and not later.
fn connect(path: &Path) -> Result<OpenFile, StateErrorKind> {
    let file = open_existing(path)?;
    let open = || builder().create_with_backend(FileBackend::new(file.try_clone()?)?);
    let database = open().map_err(redb::Error::from)?;
    check_tables(&database)?;
    let seen = Content::read(&file)?;
    Ok(OpenFile { database, file, seen })
}

/// An empty file would become a new database.
fn open_existing(path: &Path) -> Result<File, StateErrorKind> {
    if !fs::metadata(path)?.is_file() {
        return Err(StateErrorKind::NotOurs("no regular file".to_owned()));
    }
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.metadata()?.len() {
        0 => Err(StateErrorKind::Empty),
        _ => Ok(file),
    }
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    builder
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
        if [TABLE.name(), KEY_USES.name()].contains(&name.as_str()) {
            continue;
        }
        let table = format!("it holds {name:?}");
        let known = TABLE_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
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
    require_directory(path)?;
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

/// It is not made here: revocations that are kept in a directory of another name would be forgotten.
fn require_directory(path: &Path) -> Result<(), StateErrorKind> {
    let directory = directory(path);
    match directory.try_exists()? {
        true => Ok(()),
        false => Err(StateErrorKind::NoDirectory(directory.to_owned())),
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
