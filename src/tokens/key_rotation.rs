//! Replaces the signing key of a directory in steps, so that nobody meets a token whose key they do not know: the next
//! key is published, then it signs, then the former one is withdrawn.
//!
//! When a step was taken is the modification time of `next.pem` or `former.pem`. Copies that do not keep it only make
//! the next step wait longer.

use std::{
    fs::{self, File, FileTimes},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tempfile::Builder;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    files::{
        file_content::FileContent,
        listed_files::listed_files,
        lock_file::LockFile,
        new_file::{flush_directory, written_beside},
        ownership::keep_ownership,
    },
    tokens::{
        jwk::JWK_SET_MAX_AGE,
        key_directory::{CURRENT, EXTENSION, KeyDirectory},
        new_signing_key::KeyKind,
        signing_key::SigningKey,
    },
};

/// The key that will sign.
const NEXT: &str = "next.pem";
/// The key that signed before.
const FORMER: &str = "former.pem";
/// New files while they are written.
const UNFINISHED: &str = ".key.new";

/// Until every process that reads the directory has seen a change of it: network file systems keep what they know of a
/// directory for up to a minute.
const SPREAD: Duration = Duration::from_secs(60);

/// What a call has done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The directory was empty: this key signs.
    First { kid: String },
    /// This key verifies; it may sign from then on.
    Published { kid: String, signs_from: Timestamp },
    /// This key signs; the former one may be withdrawn from then on.
    Signs { kid: String, withdrawn_from: Timestamp },
    /// The former key does not verify any more.
    Withdrawn { kid: String },
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RotationError {
    /// The keys or their files have faults.
    #[error(transparent)]
    Keys(#[from] Diagnostics),
    /// It is too early for the next step.
    #[error("{why}: the next step may be taken from {from} on")]
    TooEarly {
        /// What has to be waited for.
        why: &'static str,
        /// When the wait is over.
        from: Timestamp,
    },
    /// A file cannot be changed.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Takes the next step in a directory, under its lock. `kind` is that of a new key; without it, that of the current one.
/// `longest` is how long a token is accepted after it was issued: lifetime and leeway.
///
/// A kill at any time leaves a directory whose keys verify every token that was issued, and the next call goes on from
/// there.
///
/// # Errors
/// Why no step was taken.
pub(crate) fn rotate(
    directory: &Path,
    kind: Option<KeyKind>,
    longest: Duration,
    now: Timestamp,
) -> Result<Step, RotationError> {
    Rotation { directory, now }.step(kind, longest)
}

struct Rotation<'d> {
    directory: &'d Path,
    now: Timestamp,
}

impl Rotation<'_> {
    fn step(&self, kind: Option<KeyKind>, longest: Duration) -> Result<Step, RotationError> {
        require_directory(self.directory)?;
        let current = self.path(CURRENT);
        let _lock = LockFile::wait_for(&current).map_err(|error| at(&current, error))?;
        self.remove_unfinished()?;
        let paths =
            listed_files(self.directory, EXTENSION).map_err(|error| at(self.directory, error))?;
        if paths.is_empty() {
            let kid = self.make(CURRENT, kind.unwrap_or(KeyKind::Ed25519))?;
            return Ok(Step::First { kid });
        }
        self.refuse_links()?;
        let read = paths.into_iter().map(|path| {
            let read = FileContent::read(&path);
            (path, read)
        });
        let keys = KeyDirectory::new(self.directory, &read.collect::<Vec<_>>())?;
        let (next, former) = (keys.other(NEXT), keys.other(FORMER));
        match (next, former) {
            (Some(next), None) => self.sign(next, longest),
            // A step that was killed before its end.
            (Some(next), Some(former)) if former.kid == keys.current.kid => {
                self.sign(next, longest)
            }
            (_, Some(former)) => self.withdraw(former, longest),
            (None, None) => {
                let kid = self.make(NEXT, kind.unwrap_or(KeyKind::of(&keys.current)))?;
                Ok(Step::Published { kid, signs_from: after(self.now, published_for()) })
            }
        }
    }

    fn sign(&self, next: &SigningKey, longest: Duration) -> Result<Step, RotationError> {
        let why =
            "the next key was published a short time ago, and others may not have fetched it yet";
        self.wait(NEXT, published_for(), why)?;
        // The former key is published under its new name before the file that signs is replaced.
        match self.path(FORMER).exists() {
            true => self.stamp(FORMER)?,
            false => self.copy(CURRENT, FORMER)?,
        }
        let (from, to) = (self.path(NEXT), self.path(CURRENT));
        fs::rename(&from, &to)
            .and_then(|()| flush_directory(&to))
            .map_err(|error| at(&to, error))?;
        let withdrawn_from = after(self.now, signed_for(longest));
        Ok(Step::Signs { kid: next.kid.clone(), withdrawn_from })
    }

    fn withdraw(&self, former: &SigningKey, longest: Duration) -> Result<Step, RotationError> {
        let why = "tokens that the former key has signed are still accepted";
        self.wait(FORMER, signed_for(longest), why)?;
        let path = self.path(FORMER);
        fs::remove_file(&path)
            .and_then(|()| flush_directory(&path))
            .map_err(|error| at(&path, error))?;
        Ok(Step::Withdrawn { kid: former.kid.clone() })
    }

    /// Requires that this file has been there for so long.
    fn wait(&self, name: &str, time: Duration, why: &'static str) -> Result<(), RotationError> {
        let path = self.path(name);
        let modified = fs::metadata(&path).and_then(|found| found.modified());
        let since = modified.map_err(|error| at(&path, error))?;
        let mut since = Timestamp::try_from(since).unwrap_or(Timestamp::MAX);
        if since > self.now {
            // By a clock that was wrong: counted from now on, or it might never be over.
            self.stamp(name)?;
            since = self.now;
        }
        let from = after(since, time);
        if self.now < from { Err(RotationError::TooEarly { why, from }) } else { Ok(()) }
    }

    /// Makes a key and its file, and returns its name.
    fn make(&self, name: &str, kind: KeyKind) -> Result<String, RotationError> {
        let path = self.path(name);
        let fault = |error: crate::tokens::signing_key_error::SigningKeyError| {
            Diagnostics::from(Diagnostic::new(path.display().to_string(), error.to_string()))
        };
        let pem = kind.make().map_err(fault)?;
        let kid = SigningKey::from_pem(&pem).map_err(fault)?.kid;
        self.write(name, &pem)?;
        Ok(kid)
    }

    fn copy(&self, from: &str, to: &str) -> Result<(), RotationError> {
        let path = self.path(from);
        let text = FileContent::read(&path).and_then(|content| {
            let text = std::str::from_utf8(content.bytes());
            text.map(SecretString::from).map_err(io::Error::other)
        });
        self.write(to, &text.map_err(|error| at(&path, error))?)
    }

    /// Writes a file that appears as a whole. Owner and group are those of the current key, or else of the directory;
    /// whether the group may read it is as with the current key.
    fn write(&self, name: &str, pem: &SecretString) -> Result<(), RotationError> {
        let path = self.path(name);
        self.write_to(&path, pem).map_err(|error| at(&path, error))
    }

    fn write_to(&self, path: &Path, pem: &SecretString) -> io::Result<()> {
        let unfinished = Builder::new().prefix(UNFINISHED).rand_bytes(0).to_owned();
        let new = written_beside(path, &unfinished, pem.expose_secret())?;
        match fs::metadata(self.path(CURRENT)) {
            Ok(current) => {
                keep_ownership(new.as_file(), &current)?;
                keep_group_access(new.as_file(), &current)?;
            }
            Err(_) => keep_ownership(new.as_file(), &fs::metadata(self.directory)?)?,
        }
        set_modified(new.as_file(), self.now)?;
        new.as_file().sync_all()?;
        new.persist_noclobber(path)?;
        flush_directory(path)
    }

    /// Notes that a step is taken now.
    fn stamp(&self, name: &str) -> Result<(), RotationError> {
        let path = self.path(name);
        let stamped = File::open(&path).and_then(|file| set_modified(&file, self.now));
        stamped.map_err(|error| at(&path, error))
    }

    /// Removes what a kill left behind.
    fn remove_unfinished(&self) -> Result<(), RotationError> {
        let path = self.path(UNFINISHED);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&path, error)),
            _ => Ok(()),
        }
    }

    /// Files that are links are made elsewhere, as in a volume of Kubernetes.
    fn refuse_links(&self) -> Result<(), RotationError> {
        let is_link = |path: &PathBuf| path.is_symlink();
        match [CURRENT, NEXT, FORMER].map(|name| self.path(name)).into_iter().find(is_link) {
            Some(path) => {
                let what = "it is a symbolic link: rotate the keys in the directory that this one is filled from";
                Err(at(&path, io::Error::other(what)))
            }
            None => Ok(()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// How long the next key is published before it signs: others may have fetched the JWK Set just before.
fn published_for() -> Duration {
    JWK_SET_MAX_AGE + SPREAD
}

/// How long the former key goes on verifying: some process may have signed a token just before it saw the change.
fn signed_for(longest: Duration) -> Duration {
    longest.saturating_add(SPREAD)
}

fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

fn at(path: &Path, error: io::Error) -> RotationError {
    RotationError::File { path: path.to_owned(), error }
}

fn require_directory(path: &Path) -> Result<(), RotationError> {
    let error = match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => io::Error::new(
            io::ErrorKind::NotADirectory,
            "it is a file: make a directory, and move the file there as current.pem",
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let what = format!("there is no such directory: `mkdir -m 700 {}`", path.display());
            io::Error::new(io::ErrorKind::NotFound, what)
        }
        Err(error) => error,
    };
    Err(at(path, error))
}

fn set_modified(file: &File, now: Timestamp) -> io::Result<()> {
    let now = SystemTime::try_from(now).map_err(io::Error::other)?;
    file.set_times(FileTimes::new().set_modified(now))
}

/// Lets the group read the new file if it may read that one; nobody else may.
fn keep_group_access(file: &File, of: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    file.set_permissions(fs::Permissions::from_mode(0o600 | of.mode() & 0o040))
}
