//! Atomic replacement of a file: readers, and a crash at any time, see the old or the new content.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// A file, locked against other changes until this is dropped.
pub(super) struct LockedFile {
    target: PathBuf,
    /// Closing it releases the lock. The lock file stays: after a removal two processes could hold different ones.
    _lock: File,
}

impl LockedFile {
    /// Waits for the lock of `path`, which need not exist. Follows links, so that the target is changed and not the
    /// link.
    pub(super) fn wait_for(path: &Path) -> io::Result<Self> {
        let target = resolve(path)?;
        if target.is_dir() {
            // Later errors would not name the cause, and a lock file would stay behind.
            let what = "it is a directory; give the path of a file in it";
            return Err(io::Error::new(io::ErrorKind::IsADirectory, what));
        }
        let mut name = OsString::from(target.as_os_str());
        name.push(".lock");
        let lock = match private().create_new(true).write(true).open(&name) {
            Ok(made) => {
                if let Ok(found) = fs::metadata(&target) {
                    // Best effort, so that the owner can lock the file as well. Only for a lock file created here: an
                    // existing one may be a link to a file of root.
                    let _denied = give_to_owner(&made, &found);
                }
                made
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                OpenOptions::new().write(true).open(&name)?
            }
            Err(error) => return Err(error),
        };
        lock.lock()?;
        Ok(Self { target, _lock: lock })
    }

    /// The text of the file, if there is a file.
    pub(super) fn read(&self) -> io::Result<Option<String>> {
        match fs::read_to_string(&self.target) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a new file with mode 0600 beside this one and syncs it to disk. Readers see it from
    /// [`StagedFile::commit`] on.
    pub(super) fn stage(self, text: &str) -> io::Result<StagedFile> {
        let mut name = OsString::from(".");
        name.push(self.target.file_name().unwrap_or_default());
        name.push(".new");
        // Under the lock one name is enough; a leftover of a crash is removed here.
        match fs::remove_file(directory(&self.target).join(&name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let new = written_beside(
            &self.target,
            tempfile::Builder::new().prefix(&name).rand_bytes(0),
            text,
        )?;
        if let Ok(found) = fs::metadata(&self.target) {
            give_to_owner(new.as_file(), &found)?;
        }
        Ok(StagedFile { new, locked: self })
    }
}

/// The next content of a locked file, written beside it; dropping this changes nothing.
#[must_use]
pub(super) struct StagedFile {
    // Dropped first, so that the file is removed under the lock.
    new: NamedTempFile,
    locked: LockedFile,
}

impl StagedFile {
    /// Replaces the file and syncs the directory to disk.
    pub(super) fn commit(self) -> io::Result<()> {
        let Self { new, locked } = self;
        new.persist(&locked.target)?;
        flush_directory(&locked.target)
    }
}

/// Creates a file with mode 0600; fails if `path` exists.
pub(super) fn create(path: &Path, text: &str) -> io::Result<()> {
    written_beside(path, tempfile::Builder::new().prefix(".roster-"), text)?
        .persist_noclobber(path)?;
    flush_directory(path)
}

/// Resolves links; the last component need not exist.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            let name = path.file_name().ok_or(error)?;
            Ok(directory(path).canonicalize()?.join(name))
        }
        found => found,
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Writes a temporary file of mode 0600 in the directory of `path`, from where a rename is atomic.
fn written_beside(
    path: &Path,
    new: &tempfile::Builder<'_, '_>,
    text: &str,
) -> io::Result<NamedTempFile> {
    let mut new = new.tempfile_in(directory(path))?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    Ok(new)
}

/// Makes the rename survive a power failure.
fn flush_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory(path))?.sync_all() } else { Ok(()) }
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

/// Root may edit what a service account owns; the account must be able to read the result.
#[cfg(unix)]
fn give_to_owner(file: &File, owned: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    if file.metadata()?.uid() == owned.uid() {
        return Ok(());
    }
    fchown(file, Some(owned.uid()), Some(owned.gid()))
}

#[cfg(not(unix))]
fn give_to_owner(_file: &File, _owned: &Metadata) -> io::Result<()> {
    Ok(())
}
