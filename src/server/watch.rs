//! Files that are followed: a thread looks at them, and applies what they hold after a change.

#[cfg(test)]
mod tests;

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretBox};

/// Time between two looks at files that do not change.
const INTERVAL: Duration = Duration::from_millis(500);
/// Time between two looks at files that are being written.
const SHORT_INTERVAL: Duration = Duration::from_millis(100);
/// Files that differ at every look are read after so many looks.
const UNSETTLED_LOOKS_AT_MOST: u8 = 5;
/// Two changes within one tick of the file system's clock have the same times. A tick is two seconds at most, so
/// the content itself is compared for this many looks after a change.
const LOOKS_AT_CONTENT: u8 = 5;

/// What was read from one file; wiped when dropped, since it may be a private key.
pub(crate) type FileContent = io::Result<SecretBox<Vec<u8>>>;

/// Files that belong together, and what was last seen of them.
#[derive(Debug)]
pub(crate) struct FollowedFiles {
    paths: Vec<PathBuf>,
    metadata: Vec<Option<FileMetadata>>,
    content: Vec<ContentHash>,
    /// How many looks in a row found other metadata.
    unsettled: u8,
    /// How many more looks compare the content although the metadata is the same.
    distrusted: u8,
}

/// The hash of a file's content, or why it could not be read.
type ContentHash = Result<u64, io::ErrorKind>;

impl FollowedFiles {
    /// Reads the files for the first time.
    pub(crate) fn open(paths: Vec<PathBuf>) -> (Self, Vec<FileContent>) {
        let mut files =
            Self { paths, metadata: Vec::new(), content: Vec::new(), unsettled: 0, distrusted: 0 };
        let read = files.read();
        (files, read)
    }

    /// How long to wait before the next look.
    fn interval(&self) -> Duration {
        if self.unsettled > 0 { SHORT_INTERVAL } else { INTERVAL }
    }

    /// The contents, if they changed since they were last read and are not being written right now.
    fn look(&mut self) -> Option<Vec<FileContent>> {
        let metadata = self.current_metadata();
        if metadata != self.metadata {
            self.metadata = metadata;
            self.unsettled += 1;
            // A file that is written in place is empty first, and two files are never replaced at the same time.
            if self.unsettled < UNSETTLED_LOOKS_AT_MOST {
                return None;
            }
        } else if self.unsettled == 0 {
            self.distrusted = self.distrusted.checked_sub(1)?;
            return self.read_if_changed();
        }
        self.unsettled = 0;
        self.distrusted = LOOKS_AT_CONTENT;
        self.read_if_changed()
    }

    /// Reads the files whether they changed or not.
    fn read(&mut self) -> Vec<FileContent> {
        // Before the content: a change in between is seen at the next look.
        self.metadata = self.current_metadata();
        self.unsettled = 0;
        self.distrusted = LOOKS_AT_CONTENT;
        let read = self.read_all();
        self.content = read.iter().map(hash).collect();
        read
    }

    fn read_if_changed(&mut self) -> Option<Vec<FileContent>> {
        let read = self.read_all();
        let content: Vec<_> = read.iter().map(hash).collect();
        if content == self.content {
            return None;
        }
        self.content = content;
        Some(read)
    }

    fn read_all(&self) -> Vec<FileContent> {
        let read = |path| Ok(SecretBox::new(Box::new(fs::read(path)?)));
        self.paths.iter().map(read).collect()
    }

    fn current_metadata(&self) -> Vec<Option<FileMetadata>> {
        self.paths.iter().map(|path| FileMetadata::read(path)).collect()
    }
}

fn hash(read: &FileContent) -> ContentHash {
    let hash = |content: &SecretBox<Vec<u8>>| {
        let mut hasher = DefaultHasher::new();
        content.expose_secret().hash(&mut hasher);
        hasher.finish()
    };
    read.as_ref().map(hash).map_err(io::Error::kind)
}

/// Tells one state of a file from another without reading it; symbolic links are followed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileMetadata {
    size: u64,
    device_and_inode: (u64, u64),
    /// Modification and change time: copying with preserved times sets the first back, nothing sets the second.
    times: [(i64, i64); 2],
}

impl FileMetadata {
    fn read(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self {
            size: found.size(),
            device_and_inode: (found.dev(), found.ino()),
            times: [(found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec())],
        })
    }
}

/// A thread that follows files for as long as their user lives.
#[derive(Debug)]
pub(crate) struct Watcher {
    thread: Thread,
    requested: Arc<AtomicBool>,
}

impl Watcher {
    /// Starts a thread of this name that calls `apply` with the contents after each change, until `user` is dropped.
    ///
    /// Polling costs microseconds, follows every kind of link, and works on network file systems.
    ///
    /// # Errors
    /// The system provides no thread.
    pub(crate) fn start<T: Send + Sync + 'static>(
        name: &str,
        mut files: FollowedFiles,
        user: Weak<T>,
        apply: impl Fn(&T, Vec<FileContent>) + Send + 'static,
    ) -> io::Result<Self> {
        let requested = Arc::new(AtomicBool::new(false));
        let request = Arc::clone(&requested);
        let handle = thread::Builder::new().name(name.to_owned()).spawn(move || {
            loop {
                let read = match request.swap(false, Ordering::Acquire) {
                    true => Some(files.read()),
                    false => files.look(),
                };
                let Some(user) = user.upgrade() else { break };
                if let Some(read) = read {
                    apply(&user, read);
                }
                drop(user);
                // A request between the swap and here is not lost: `unpark` leaves a token.
                thread::park_timeout(files.interval());
            }
        })?;
        Ok(Self { thread: handle.thread().clone(), requested })
    }

    /// Has the files read and applied at once, whether they changed or not; returns before that is done.
    pub(crate) fn read_now(&self) {
        self.requested.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
