//! The way of lines to stderr: most at once, access lines a moment later and many together.
//!
//! Must not know how a line is made, or what it says.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use log::{Level, Record};

use super::line::Line;

use crate::config::log_format::LogFormat;

/// How long a line may wait.
const PAUSE: Duration = Duration::from_millis(50);
/// So many bytes wait no longer.
const MANY: usize = 64 * 1024;
/// What would make more bytes wait than these is dropped: nobody reads, and requests must go on.
const MOST: usize = 1024 * 1024;

/// Where lines go. Their order is the order in which they came.
#[derive(Default)]
pub(super) struct Outlet {
    format: LogFormat,
    waiting: Mutex<Waiting>,
    /// Tells the writing thread that there is something to write.
    is_due: Condvar,
    /// What is being written, for as long as it is locked; empty otherwise.
    writing: Mutex<Vec<u8>>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
    /// Whether the writing thread knows that there is something.
    is_due: bool,
}

impl Outlet {
    pub(super) fn new(format: LogFormat) -> Self {
        Self { format, ..Self::default() }
    }

    /// Has a line written within [`PAUSE`], and does not wait for that. While too much waits already, it is
    /// dropped and counted.
    pub(super) fn write_soon(&self, line: &[u8]) {
        let mut waiting = locked(&self.waiting);
        let (before, after) = (waiting.lines.len(), waiting.lines.len() + line.len());
        if after > MOST {
            waiting.dropped += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        let becomes_many = before < MANY && after >= MANY;
        if !mem::replace(&mut waiting.is_due, true) || becomes_many {
            drop(waiting);
            self.is_due.notify_one();
        }
    }

    /// Writes a line after all that waits; returns when that is done.
    pub(super) fn write_now(&self, line: &[u8]) {
        locked(&self.waiting).lines.extend_from_slice(line);
        self.flush();
    }

    /// Writes all that waits.
    pub(super) fn flush(&self) {
        // Locked first and longest: who comes next finds its lines waiting, being written, or written.
        let mut writing = locked(&self.writing);
        let mut waiting = locked(&self.waiting);
        mem::swap(&mut *writing, &mut waiting.lines);
        let dropped = mem::take(&mut waiting.dropped);
        // While this is written, others may go on.
        drop(waiting);
        if dropped > 0 {
            writing.extend_from_slice(self.loss(dropped).bytes());
        }
        // Where stderr is closed, nobody wants the log.
        let _ = io::stderr().write_all(&writing);
        writing.clear();
    }

    fn loss(&self, dropped: u64) -> Line {
        let mut line = Line::default();
        let mut record = Record::builder();
        record.level(Level::Warn).target(module_path!());
        let args = format_args!("{dropped} lines were dropped: stderr is read too slowly");
        line.write(&record.args(args).build(), self.format);
        line
    }

    /// Waits until lines have waited long enough, or are many.
    fn wait(&self) {
        let waiting = locked(&self.waiting);
        let waiting = self.is_due.wait_while(waiting, |waiting| !waiting.is_due);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let waiting =
            self.is_due.wait_timeout_while(waiting, PAUSE, |waiting| waiting.lines.len() < MANY);
        waiting.unwrap_or_else(PoisonError::into_inner).0.is_due = false;
    }
}

/// Starts the thread that writes what waits.
pub(super) fn keep_writing(outlet: Arc<Outlet>) {
    let thread = thread::Builder::new().name("log".to_owned());
    let started = thread.spawn(move || {
        loop {
            outlet.wait();
            outlet.flush();
        }
    });
    if let Err(error) = started {
        log::error!("access lines are written late, there is no thread for them: {error}");
    }
}

/// Nothing panics while it holds one of these, and the log goes on even so.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
