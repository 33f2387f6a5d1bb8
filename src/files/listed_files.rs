//! The files of a directory whose names have the same extension.

use std::{
    ffi::OsStr,
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{StatVfsMountFlags, statvfs};

/// The most files that are listed: a directory of certificates was not meant.
const MAX_FILES: usize = 64;

/// The files of a directory with this extension, in the order of their names. Hidden files are none of them: whoever
/// writes them is not done.
///
/// # Errors
/// The directory cannot be read, everybody may put files into it, or it holds too many of them.
pub(crate) fn listed_files(directory: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    refuse_exposed(directory, &fs::metadata(directory)?)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_hidden =
            path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && path.extension() == Some(OsStr::new(extension)) {
            files.push(path);
        }
    }
    if files.len() > MAX_FILES {
        let found = files.len();
        let what =
            format!("it holds {found} files *.{extension}, where at most {MAX_FILES} are read");
        return Err(io::Error::other(what));
    }
    files.sort();
    Ok(files)
}

/// What is in such a directory decides who may come in. Kubernetes mounts directories of mode 1777, but read-only.
fn refuse_exposed(directory: &Path, found: &Metadata) -> io::Result<()> {
    const OTHERS_WRITE: u32 = 0o002;
    let is_read_only =
        || statvfs(directory).is_ok_and(|system| system.f_flag.contains(StatVfsMountFlags::RDONLY));
    if found.mode() & OTHERS_WRITE == 0 || is_read_only() {
        return Ok(());
    }
    let (mode, shown) = (found.mode() & 0o7777, directory.display());
    Err(io::Error::other(format!(
        "every user of this machine may put files into it (mode {mode:04o}): `chmod o-w {shown}`"
    )))
}
