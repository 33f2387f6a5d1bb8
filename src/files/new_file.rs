//! Files that appear as a whole: written under another name, synced to disk, and then renamed.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use tempfile::{Builder, NamedTempFile};

/// The directory of a file.
pub(crate) fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Writes a temporary file of mode 0600 in the directory of `path`, from where a rename is atomic.
///
/// # Errors
/// It cannot be made there, or the disk is full.
pub(crate) fn written_beside(
    path: &Path,
    new: &Builder<'_, '_>,
    text: &str,
) -> io::Result<NamedTempFile> {
    let mut new = new.tempfile_in(directory(path))?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    Ok(new)
}

/// Makes the rename of a file survive a power failure.
///
/// # Errors
/// The directory cannot be synced to disk.
pub(crate) fn flush_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}
