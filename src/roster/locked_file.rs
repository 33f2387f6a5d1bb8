//! Replacing a file as a whole: readers and a kill at any moment find the old or the new one.
//!
//! Must not know what is in the file.

use std::{
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// A file that nobody else who asks for the lock changes, for as long as this lives.
pub(super) struct LockedFile {
    target: PathBuf,
    /// Closing it gives the lock back; the file stays, since removing it would let two hold "the" lock.
    _lock: File,
}

impl LockedFile {
    /// Waits for the lock of `path`, which need not exist. A link is followed, so that what it names is
    /// changed and not the link.
    pub(super) fn wait_for(path: &Path) -> io::Result<Self> {
        let target = resolve(path)?;
        if target.is_dir() {
            // Else a lock would stay beside it, and what is said later is of no use.
            let what = "it is a directory; give the path of a file in it";
            return Err(io::Error::new(io::ErrorKind::IsADirectory, what));
        }
        let mut name = OsString::from(target.as_os_str());
        name.push(".lock");
        let lock = match private().create_new(true).write(true).open(&name) {
            Ok(made) => {
                if let Ok(found) = fs::metadata(&target) {
                    // Best effort: whoever owns the file will want to lock it as well. Only what was made here is
                    // given away: a lock that was there may be somebody's link to a file of root's.
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

    /// Puts a new file with mode 0600 in the place of the old one; it is on the disk when this returns.
    pub(super) fn replace(&self, text: &str) -> io::Result<()> {
        let mut name = OsString::from(".");
        name.push(self.target.file_name().unwrap_or_default());
        name.push(".new");
        // Under the lock one name is enough, and what a kill left behind goes with the next edit.
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
        new.persist(&self.target)?;
        flush_directory(&self.target)
    }
}

/// Makes a file with mode 0600; fails if anything of that name exists.
pub(super) fn create(path: &Path, text: &str) -> io::Result<()> {
    written_beside(path, tempfile::Builder::new().prefix(".roster-"), text)?
        .persist_noclobber(path)?;
    flush_directory(path)
}

/// Where `path` leads; its last part need not exist yet.
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

/// The text in a new file of mode 0600 in the directory of `path`: a rename works only there.
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

/// Makes the rename itself outlive a power cut.
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
