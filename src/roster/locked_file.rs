//! Atomic replacement of a file: readers, and a crash at any time, see the old or the new content.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::files::{
    file_content::FileContent,
    lock_file::LockFile,
    mounted_file::mounted_alone,
    new_file::{directory, flush_directory, written_beside},
    ownership::keep_ownership,
};

/// A file, locked against other changes until this is dropped.
pub(super) struct LockedFile {
    target: PathBuf,
    _lock: LockFile,
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
        let lock = LockFile::wait_for(&target)?;
        Ok(Self { target, _lock: lock })
    }

    /// The text of the file, if there is a file.
    pub(super) fn read(&self) -> io::Result<Option<String>> {
        let content = match FileContent::read(&self.target) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if content.is_mounted_alone() {
            // Before anything else, so that no key is shown that is never in force.
            return Err(mounted_alone());
        }
        let text = String::from_utf8(content.bytes().to_vec());
        text.map(Some).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
    }

    /// Writes a new file beside this one, with its owner, group and mode, and syncs it to disk; a first one has mode
    /// 0600. Readers see it from [`StagedFile::commit`] on.
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
            keep_ownership(new.as_file(), &found)?;
            // After the owner: until then nobody else may read it.
            new.as_file().set_permissions(found.permissions())?;
            new.as_file().sync_all()?;
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
        new.persist(&locked.target).map_err(|error| explained(error.error))?;
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

/// A file that cannot be replaced may be mounted by itself.
fn explained(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::ResourceBusy => mounted_alone(),
        _ => error,
    }
}
