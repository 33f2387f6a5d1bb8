//! A roster file that changes: looked at again and again, read when it may say something else.
//!
//! Must not know who looks, or what becomes of what was read.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{LoadedRoster, Roster};
use crate::diagnostics::Diagnostics;

/// Between two looks at a file that lies still.
const PAUSE: Duration = Duration::from_millis(500);
/// Between two looks at a file that is being written.
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// A file that changes at every look is read all the same after so many.
const MOVING_AT_MOST: u8 = 5;
/// Two changes within one tick of the file system's clock look like one. Ticks are two seconds at worst, and
/// for so many looks the text itself is compared.
const DISTRUSTFUL_LOOKS: u8 = 5;

/// A roster file, and what was last seen of it.
#[derive(Debug)]
pub struct RosterFile {
    path: PathBuf,
    fingerprint: Option<Fingerprint>,
    content: Content,
    /// How many looks in a row found the file changed.
    moving: u8,
    /// How many looks more the fingerprint is not trusted.
    distrustful: u8,
}

/// What a file was read as: the hash of its text, or why it could not be read.
type Content = Result<u64, io::ErrorKind>;

impl RosterFile {
    /// Reads the file for the first time.
    pub fn open(path: &Path) -> (Self, Result<LoadedRoster, Diagnostics>) {
        let path = path.to_owned();
        let content = Err(io::ErrorKind::Other);
        let mut source = Self { path, fingerprint: None, content, moving: 0, distrustful: 0 };
        let read = source.read();
        (source, read)
    }

    /// How long to wait before the next look.
    pub fn pause(&self) -> Duration {
        if self.moving > 0 { SHORT_PAUSE } else { PAUSE }
    }

    /// Looks at the file: `None` as long as it says what it said, or is just being written.
    ///
    /// # Errors
    /// In the answer: as [`Roster::load`], once for each change.
    pub fn look(&mut self) -> Option<Result<LoadedRoster, Diagnostics>> {
        let found = Fingerprint::of(&self.path);
        if found != self.fingerprint {
            self.fingerprint = found;
            self.moving += 1;
            // Whoever writes in place empties the file first: half a roster would shut everybody out.
            if self.moving < MOVING_AT_MOST {
                return None;
            }
        } else if self.moving == 0 {
            self.distrustful = self.distrustful.checked_sub(1)?;
            return self.read_if_other();
        }
        self.moving = 0;
        self.distrustful = DISTRUSTFUL_LOOKS;
        self.read_if_other()
    }

    /// Reads the file, whether it changed or not.
    ///
    /// # Errors
    /// As [`Roster::load`].
    pub fn read(&mut self) -> Result<LoadedRoster, Diagnostics> {
        // Taken before the text is: a change in between shows at the next look.
        self.fingerprint = Fingerprint::of(&self.path);
        self.moving = 0;
        self.distrustful = DISTRUSTFUL_LOOKS;
        let bytes = fs::read(&self.path);
        self.content = content(&bytes);
        Roster::of_file(bytes, &self.path)
    }

    /// Takes the file for the one that was read, as if it were changed within one tick of the clock.
    #[cfg(test)]
    pub(super) fn pretend_to_know(&mut self) {
        self.fingerprint = Fingerprint::of(&self.path);
    }

    fn read_if_other(&mut self) -> Option<Result<LoadedRoster, Diagnostics>> {
        let bytes = fs::read(&self.path);
        let content = content(&bytes);
        if content == self.content {
            return None;
        }
        self.content = content;
        Some(Roster::of_file(bytes, &self.path))
    }
}

fn content(bytes: &io::Result<Vec<u8>>) -> Content {
    let hash = |bytes: &Vec<u8>| {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        hasher.finish()
    };
    bytes.as_ref().map(hash).map_err(io::Error::kind)
}

/// What tells one state of a file from another without reading it; links are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fingerprint {
    size: u64,
    #[cfg(unix)]
    place: (u64, u64),
    /// When text and entry were changed, in seconds and nanoseconds: tools that copy a file with its times set
    /// the first back, and nobody can set the second.
    #[cfg(unix)]
    times: [(i64, i64); 2],
    #[cfg(not(unix))]
    time: Option<std::time::SystemTime>,
}

impl Fingerprint {
    #[cfg(unix)]
    fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = fs::metadata(path).ok()?;
        Some(Self {
            size: found.size(),
            place: (found.dev(), found.ino()),
            times: [(found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec())],
        })
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self { size: found.len(), time: found.modified().ok() })
    }
}
