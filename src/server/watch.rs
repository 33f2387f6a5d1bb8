//! Files that are followed: a thread looks at them, and applies what they hold after a change.

#[cfg(test)]
mod tests;

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use log::Level;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    files::{file_content::FileContent, listed_files::listed_files},
};

/// Time between two looks at files that do not change.
const INTERVAL: Duration = Duration::from_millis(500);
/// Time between two looks at files that have changed.
const SHORT_INTERVAL: Duration = Duration::from_millis(200);
/// A change counts once the files have been the same for so long: a file that is written in place is empty and then
/// half there, and two files are never replaced at the same time.
const SETTLED: Duration = Duration::from_secs(1);
/// Files that do not settle for so long are reported.
const UNSETTLED: Duration = Duration::from_secs(10);
/// Two changes within one tick of the file system's clock have the same times. A tick is two seconds at most, so
/// the content itself is compared for so long after a change.
const CONTENT_COMPARED: Duration = Duration::from_secs(3);
/// A thread that has not looked for so long is stuck, for instance in a network file system that is gone.
const STUCK: Duration = Duration::from_secs(30);

/// How often files are read again that change while they are read at once.
const READS: usize = 3;

/// How many warnings, faults or changes are logged one by one.
pub(crate) const LOGGED_AT_ONCE: usize = 20;

/// What a read of a file gave.
pub(crate) type FileRead = io::Result<FileContent>;

/// The files, and what a read of each gave; for a directory that cannot be listed, itself.
pub(crate) type FilesRead = Vec<(PathBuf, FileRead)>;

/// Files that belong together, and what was last seen of them.
#[derive(Debug)]
pub(crate) struct FollowedFiles {
    which: Which,
    metadata: Vec<(PathBuf, Option<FileMetadata>)>,
    seen: Vec<(PathBuf, Fingerprint)>,
    /// When something else was last seen than before.
    changed: Instant,
    /// What was last handed over.
    applied: Vec<(PathBuf, Fingerprint)>,
    unsettled: Option<Unsettled>,
}

/// Which files are followed.
#[derive(Debug)]
enum Which {
    These(Vec<PathBuf>),
    /// Those in a directory that have this extension.
    In(PathBuf, &'static str),
}

impl Which {
    fn paths(&self) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
        match self {
            Self::These(paths) => Ok(paths.clone()),
            Self::In(directory, extension) => {
                listed_files(directory, extension).map_err(|error| (directory.clone(), error))
            }
        }
    }
}

/// Files that differ from what was handed over.
#[derive(Debug, Clone, Copy)]
struct Unsettled {
    since: Instant,
    is_reported: bool,
}

/// That of the file's content, or why it could not be read.
type Fingerprint = Result<u64, String>;

impl FollowedFiles {
    /// Reads the files for the first time.
    pub(crate) fn open(paths: Vec<PathBuf>) -> (Self, FilesRead) {
        Self::open_those(Which::These(paths))
    }

    /// The same for all files in a directory that have this extension, whichever these are at a time.
    pub(crate) fn open_directory(directory: PathBuf, extension: &'static str) -> (Self, FilesRead) {
        Self::open_those(Which::In(directory, extension))
    }

    fn open_those(which: Which) -> (Self, FilesRead) {
        let mut files = Self {
            which,
            metadata: Vec::new(),
            seen: Vec::new(),
            changed: Instant::now(),
            applied: Vec::new(),
            unsettled: None,
        };
        let read = files.read(files.changed);
        (files, read)
    }

    /// How long to wait before the next look.
    fn interval(&self) -> Duration {
        if self.unsettled.is_some() { SHORT_INTERVAL } else { INTERVAL }
    }

    /// What the files hold, if that has changed since it was last handed over and is settled.
    fn look(&mut self, now: Instant) -> Option<FilesRead> {
        let metadata = self.current_metadata();
        let is_same = metadata == self.metadata;
        let same_for = now.saturating_duration_since(self.changed);
        if is_same && self.unsettled.is_none() && same_for > CONTENT_COMPARED {
            return None;
        }
        let read = self.read_all();
        let seen = fingerprints(&read);
        if !is_same || seen != self.seen {
            (self.metadata, self.seen, self.changed) = (metadata, seen, now);
        }
        if self.seen == self.applied {
            self.unsettled = None;
            return None;
        }
        let since = Unsettled { since: now, is_reported: false };
        let unsettled = self.unsettled.get_or_insert(since);
        if now.saturating_duration_since(self.changed) >= SETTLED {
            self.unsettled = None;
            self.applied.clone_from(&self.seen);
            return Some(read);
        }
        let is_late = now.saturating_duration_since(unsettled.since) >= UNSETTLED;
        if !is_late || std::mem::replace(&mut unsettled.is_reported, true) {
            return None;
        }
        self.applied.clear();
        Some(read.into_iter().map(|(path, _)| (path, Err(restless()))).collect())
    }

    /// Reads the files whether they changed or not.
    fn read(&mut self, now: Instant) -> FilesRead {
        // Before the content: a change in between is seen at the next look.
        self.metadata = self.current_metadata();
        let mut read = self.read_all();
        for _ in 1..READS {
            let metadata = self.current_metadata();
            if metadata == self.metadata {
                break;
            }
            // Files that were replaced in between may not belong together.
            self.metadata = metadata;
            read = self.read_all();
        }
        self.seen = fingerprints(&read);
        self.applied.clone_from(&self.seen);
        self.changed = now;
        self.unsettled = None;
        read
    }

    fn read_all(&self) -> FilesRead {
        let read = |path: PathBuf| {
            let read = FileContent::read(&path);
            (path, read)
        };
        match self.which.paths() {
            Ok(paths) => paths.into_iter().map(read).collect(),
            Err((directory, error)) => vec![(directory, Err(error))],
        }
    }

    fn current_metadata(&self) -> Vec<(PathBuf, Option<FileMetadata>)> {
        let metadata = |path: PathBuf| {
            let metadata = FileMetadata::read(&path);
            (path, metadata)
        };
        match self.which.paths() {
            Ok(paths) => paths.into_iter().map(metadata).collect(),
            Err((directory, _)) => vec![(directory, None)],
        }
    }
}

fn fingerprints(read: &FilesRead) -> Vec<(PathBuf, Fingerprint)> {
    let fingerprint =
        |read: &FileRead| read.as_ref().map(FileContent::fingerprint).map_err(io::Error::to_string);
    read.iter().map(|(path, read)| (path.clone(), fingerprint(read))).collect()
}

fn restless() -> io::Error {
    let seconds = UNSETTLED.as_secs();
    io::Error::other(format!(
        "it has been changing for {seconds} seconds, and is read once it stays the same for one"
    ))
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

/// Whether what files hold is in use, and when that was read.
#[derive(Debug, Default)]
pub(crate) struct LoadStatus {
    is_broken: AtomicBool,
    /// In seconds since 1970; 0 before the first load.
    loaded: AtomicI64,
}

impl LoadStatus {
    /// Keeps whether what was read at `now` was taken over.
    pub(crate) fn record(&self, is_good: bool, now: Timestamp) {
        self.is_broken.store(!is_good, Ordering::Relaxed);
        if is_good {
            self.loaded.store(now.as_second(), Ordering::Relaxed);
        }
    }

    /// Whether something older is in use than what the files hold.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// When what is in use was read, in seconds since 1970; none where nothing was.
    pub(crate) fn loaded(&self) -> Option<i64> {
        Some(self.loaded.load(Ordering::Relaxed)).filter(|loaded| *loaded > 0)
    }
}

/// Logs the first warnings, and how many more there are: a long roster may have the same one for every key.
pub(crate) fn log_warnings(warnings: &Diagnostics) {
    log_first(Level::Warn, "warnings", warnings);
}

/// Logs why files were not taken over that were read again; `what` names what they hold.
pub(crate) fn log_not_reloaded(what: &str, found: &Diagnostics) {
    log_first(Level::Error, "errors", found);
    log::error!(
        "the {what} was not reloaded: the last good one stays in use until this is corrected"
    );
}

fn log_first(level: Level, kind: &str, found: &Diagnostics) {
    let found: &[Diagnostic] = found.iter().as_slice();
    for diagnostic in found.iter().take(LOGGED_AT_ONCE) {
        log::log!(level, "{diagnostic}");
    }
    if let Some(more @ 1..) = found.len().checked_sub(LOGGED_AT_ONCE) {
        log::log!(level, "and {more} more {kind}: `hallpass check` shows all");
    }
}

/// A thread that follows files for as long as their user lives.
#[derive(Debug)]
pub(crate) struct Watcher {
    /// None if the system provides no thread.
    thread: Option<JoinHandle<()>>,
    signals: Arc<Signals>,
}

/// What a watcher and its thread tell each other.
#[derive(Debug)]
struct Signals {
    /// How often the files were asked to be read at once, and how many of these the last read has answered.
    asked: AtomicU64,
    answered: AtomicU64,
    started: Instant,
    /// When the thread began its last look, in milliseconds since it was started.
    last_look: AtomicU64,
}

impl Signals {
    fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Watcher {
    /// Starts a thread that calls `apply` with what the files hold after each change, until `user` is dropped. `what`
    /// names them in the log.
    ///
    /// Polling costs microseconds, follows every kind of link, and works on network file systems.
    pub(crate) fn start<T: Send + Sync + 'static>(
        what: &'static str,
        mut files: FollowedFiles,
        user: Weak<T>,
        mut apply: impl FnMut(&T, FilesRead) + Send + 'static,
    ) -> Self {
        let signals = Arc::new(Signals {
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            started: Instant::now(),
            last_look: AtomicU64::new(0),
        });
        let shared = Arc::clone(&signals);
        let follow = move || {
            let _reports_a_panic = ReportsPanic(what);
            loop {
                shared.last_look.store(shared.milliseconds(), Ordering::Relaxed);
                let asked = shared.asked.load(Ordering::Acquire);
                let read = match asked == shared.answered.load(Ordering::Relaxed) {
                    true => files.look(Instant::now()),
                    false => Some(files.read(Instant::now())),
                };
                let Some(user) = user.upgrade() else { break };
                if let Some(read) = read {
                    apply(&user, read);
                }
                drop(user);
                shared.answered.store(asked, Ordering::Release);
                // A request between the load and here is not lost: `unpark` leaves a token.
                thread::park_timeout(files.interval());
            }
        };
        let thread = thread::Builder::new().name(format!("watch {what}")).spawn(follow);
        let thread = thread.inspect_err(|error| {
            log::error!("the {what} cannot be followed, changes need a restart: {error}");
        });
        Self { thread: thread.ok(), signals }
    }

    /// Has the files read and applied at once, whether they changed or not; returns before that is done.
    pub(crate) fn read_now(&self) {
        self.signals.asked.fetch_add(1, Ordering::Release);
        self.thread.iter().for_each(|thread| thread.thread().unpark());
    }

    /// Whether what [`Self::read_now`] asked for is still to be done, by a thread that is able to.
    pub(crate) fn is_reading(&self) -> bool {
        let asked = self.signals.asked.load(Ordering::Acquire);
        asked != self.signals.answered.load(Ordering::Acquire) && self.is_following()
    }

    /// Whether changes are noticed: the thread runs and is not stuck.
    pub(crate) fn is_following(&self) -> bool {
        let last_look = self.signals.last_look.load(Ordering::Relaxed);
        let silence = Duration::from_millis(self.signals.milliseconds().saturating_sub(last_look));
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) && silence < STUCK
    }
}

/// Logs that a thread has ended by a panic.
struct ReportsPanic(&'static str);

impl Drop for ReportsPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            let what = self.0;
            log::error!("the {what} is not followed any more, changes need a restart");
        }
    }
}
