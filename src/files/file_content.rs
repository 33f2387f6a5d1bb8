//! What was read from a file: of bounded size, and without waiting for anybody.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    },
    path::Path,
};

use rustix::fs::OFlags;
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox};

use crate::{
    diagnostics::Diagnostic,
    files::mounted_file::{ADVICE, is_mounted_alone},
};

/// The largest file that is read: a roster of 300,000 keys.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// The bits of a mode that let everybody read and write.
const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;

/// What was read from a file, and how the file was then. Wiped when dropped, since it may be a private key.
#[derive(Debug)]
pub(crate) struct FileContent {
    bytes: SecretBox<Vec<u8>>,
    permissions: u32,
    is_mounted_alone: bool,
}

impl FileContent {
    /// Reads a regular file, which can be followed.
    ///
    /// # Errors
    /// It cannot be read, is no regular file, is too large, or has no name any more.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        // Before it is opened: opening a device may do something.
        require_regular(&fs::metadata(path)?)?;
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        // It may have become a pipe since, which would otherwise be waited for.
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let found = file.metadata()?;
        require_regular(&found)?;
        let is_mounted_alone = is_mounted_alone(&file);
        if found.nlink() == 0 {
            return Err(io::Error::other(match is_mounted_alone {
                true => format!("it was replaced or removed where it is mounted from: {ADVICE}"),
                false => "it was removed, and only open handles lead to it".to_owned(),
            }));
        }
        Self::read_open(&file, &found, is_mounted_alone)
    }

    /// Reads a file that is read only once. It may be a pipe, as in `HALLPASS_SIGNING_KEY=<(...)`; its writer is waited
    /// for.
    ///
    /// # Errors
    /// It cannot be read, or is too large.
    pub(crate) fn read_once(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Self::read_open(&file, &file.metadata()?, false)
    }

    /// Reads stdin to its end.
    ///
    /// # Errors
    /// It cannot be read, or is too large.
    pub(crate) fn read_stdin() -> io::Result<Self> {
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        Self::read_open(&stdin, &stdin.metadata()?, false)
    }

    fn read_open(file: &File, found: &Metadata, is_mounted_alone: bool) -> io::Result<Self> {
        require_size(found.len())?;
        // At its full size from the start: a vector that grows leaves copies behind.
        let capacity = usize::try_from(found.len()).unwrap_or_default().saturating_add(1);
        let mut bytes = SecretBox::new(Box::new(Vec::with_capacity(capacity)));
        let length = file.take(MAX_BYTES + 1).read_to_end(bytes.expose_secret_mut())?;
        require_size(u64::try_from(length).unwrap_or(u64::MAX))?;
        // The mode of a device, such as /dev/null, protects nothing.
        let kind = found.file_type();
        let permissions = if kind.is_file() || kind.is_fifo() { found.mode() } else { 0 };
        Ok(Self { bytes, permissions, is_mounted_alone })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.expose_secret()
    }

    /// Whether the file is the root of a mount.
    pub(crate) fn is_mounted_alone(&self) -> bool {
        self.is_mounted_alone
    }

    /// Whether two reads found the same, including who may read and write the file.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.bytes(), self.permissions).hash(&mut hasher);
        hasher.finish()
    }

    /// Checks who may read and write a file that holds secrets or decides who may come in. Returns a warning where
    /// everybody may read it. The group is the operator's.
    ///
    /// # Errors
    /// Everybody may write it.
    pub(crate) fn check_permissions(&self, path: &Path) -> Result<Option<Diagnostic>, Diagnostic> {
        let who_may = |what: &str, letter: char| {
            let (mode, path) = (self.permissions & 0o7777, path.display());
            let text = format!(
                "every user of this machine may {what} it (mode {mode:04o}): `chmod o-{letter} {path}`"
            );
            Diagnostic::new(path.to_string(), text)
        };
        if self.permissions & OTHERS_WRITE != 0 {
            return Err(who_may("write", 'w'));
        }
        Ok((self.permissions & OTHERS_READ != 0).then(|| who_may("read", 'r')))
    }

    /// A warning about a file that is mounted by itself: it is followed only as far as it is written in place.
    pub(crate) fn mount_warning(&self, path: &Path) -> Option<Diagnostic> {
        let text = format!(
            "it is mounted by itself, so a file that takes its place is not seen here: {ADVICE}"
        );
        self.is_mounted_alone.then(|| Diagnostic::new(path.display().to_string(), text))
    }
}

fn require_size(bytes: u64) -> io::Result<()> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let what = format!("it is larger than {} MiB", MAX_BYTES / 1024 / 1024);
    Err(io::Error::new(io::ErrorKind::FileTooLarge, what))
}

/// A file that is no regular one cannot be followed: reading it may block, or take what it held.
fn require_regular(found: &Metadata) -> io::Result<()> {
    let kind = found.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a directory: give the path of a file in it",
        () if kind.is_fifo() => {
            "a pipe, which can be read once and not followed: write it to a file"
        }
        () => "no regular file, and cannot be followed: write it to a file",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what}")))
}
