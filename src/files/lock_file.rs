//! A lock file beside the file that it protects; it is removed when no process holds or awaits the lock.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use crate::files::ownership::keep_ownership;

/// The lock of a file, held until this is dropped.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    /// Closing it releases the lock.
    file: File,
}

impl LockFile {
    /// Waits for the lock of `target`, which need not exist, and says so in the log.
    ///
    /// # Errors
    /// The lock file cannot be made beside `target`, or is a link.
    pub(crate) fn wait_for(target: &Path) -> io::Result<Self> {
        let mut path = OsString::from(target.as_os_str());
        path.push(".lock");
        let path = PathBuf::from(path);
        loop {
            let file = open(&path, target)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    let (lock, target) = (path.display(), target.display());
                    log::warn!(
                        "{target} is being changed by another command, which holds {lock}: waiting for it to end"
                    );
                    file.lock()?;
                }
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) => {}
            }
            // Whoever held it has removed it in the meantime, so others may hold another one.
            if is_at(&file, &path) {
                return Ok(Self { path, file });
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Under the lock. What a kill leaves behind is removed by the next one.
        if is_at(&self.file, &self.path) {
            let _left_behind = fs::remove_file(&self.path);
        }
    }
}

fn open(path: &Path, target: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600).custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    loop {
        match options.clone().create_new(true).open(path) {
            Ok(made) => {
                if let Ok(found) = fs::metadata(target) {
                    // Best effort, so that the owner can lock the file as well. Only for a lock file made here: an
                    // existing one may be a link to a file of root.
                    let _denied = keep_ownership(&made, &found);
                }
                return Ok(made);
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {}
        }
        match options.open(path) {
            // It was removed since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened,
        }
    }
}

/// Whether the path leads to this open file.
fn is_at(file: &File, path: &Path) -> bool {
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    let (here, there) = (file.metadata().map(place), path.symlink_metadata().map(place));
    here.is_ok_and(|here| there.is_ok_and(|there| here == there))
}
