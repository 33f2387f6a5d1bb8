//! The way of lines to stderr: most are written at once, deferred ones a moment later and many together.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use log::{Level, Record};

use crate::{cli::logging::line::write_line, config::log_format::LogFormat};

/// How long a deferred line may wait.
const DELAY: Duration = Duration::from_millis(50);
/// With so many bytes waiting, they are written at once.
const BATCH_BYTES: usize = 64 * 1024;
/// Upper bound on the bytes that wait. Beyond it lines are dropped: stderr is not read, and requests must go on.
const WAITING_BYTES: usize = 1024 * 1024;

/// Writes lines in the order in which they came.
#[derive(Default)]
pub(super) struct Outlet {
    format: LogFormat,
    waiting: Mutex<Waiting>,
    /// Wakes the writing thread.
    is_due: Condvar,
    /// What is being written while this is locked; empty otherwise.
    writing: Mutex<Vec<u8>>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    dropped: u64,
    /// Whether the writing thread was woken.
    is_due: bool,
}

impl Outlet {
    pub(super) fn new(format: LogFormat) -> Self {
        Self { format, ..Self::default() }
    }

    /// Has a line written within [`DELAY`], without waiting for that. If too much waits already, the line is
    /// dropped and counted.
    pub(super) fn write_soon(&self, line: &[u8]) {
        let mut waiting = locked(&self.waiting);
        let (before, after) = (waiting.lines.len(), waiting.lines.len() + line.len());
        if after > WAITING_BYTES {
            waiting.dropped += 1;
            return;
        }
        waiting.lines.extend_from_slice(line);
        let fills_batch = before < BATCH_BYTES && after >= BATCH_BYTES;
        if !mem::replace(&mut waiting.is_due, true) || fills_batch {
            drop(waiting);
            self.is_due.notify_one();
        }
    }

    /// Writes a line after everything that waits; returns when that is done.
    pub(super) fn write_now(&self, line: &[u8]) {
        locked(&self.waiting).lines.extend_from_slice(line);
        self.flush();
    }

    /// Writes everything that waits.
    pub(super) fn flush(&self) {
        // Locked first and longest, so that a second caller finds its lines waiting, being written, or written.
        let mut writing = locked(&self.writing);
        let mut waiting = locked(&self.waiting);
        mem::swap(&mut *writing, &mut waiting.lines);
        let dropped = mem::take(&mut waiting.dropped);
        // Others may add lines while this is written.
        drop(waiting);
        if dropped > 0 {
            self.report_loss(&mut writing, dropped);
        }
        // There is no other place to report that stderr is closed.
        let _ = io::stderr().write_all(&writing);
        writing.clear();
    }

    fn report_loss(&self, line: &mut Vec<u8>, dropped: u64) {
        let args = format_args!("{dropped} lines were dropped: stderr is read too slowly");
        let mut record = Record::builder();
        record.level(Level::Warn).target(module_path!());
        // Writing to memory does not fail.
        let _ = write_line(line, &record.args(args).build(), self.format);
    }

    /// Waits until lines have waited for [`DELAY`], or fill a batch.
    fn wait(&self) {
        let waiting = locked(&self.waiting);
        let waiting = self.is_due.wait_while(waiting, |waiting| !waiting.is_due);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let waiting = self
            .is_due
            .wait_timeout_while(waiting, DELAY, |waiting| waiting.lines.len() < BATCH_BYTES);
        waiting.unwrap_or_else(PoisonError::into_inner).0.is_due = false;
    }
}

/// Starts the thread that writes deferred lines.
pub(super) fn start_writing(outlet: Arc<Outlet>) {
    let thread = thread::Builder::new().name("log".to_owned());
    let started = thread.spawn(move || {
        loop {
            outlet.wait();
            outlet.flush();
        }
    });
    if let Err(error) = started {
        log::error!("deferred lines are written late, the system provides no thread: {error}");
    }
}

/// A panic elsewhere leaves these values whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
