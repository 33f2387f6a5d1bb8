//! The log on stderr: one line an event, as text for people or as JSON for programs.
//!
//! Must not know what is logged, but for one thing: lines that anybody can cause may wait a moment.

mod escape;
mod line;
mod outlet;
#[cfg(test)]
mod tests;

use std::{cell::RefCell, panic, sync::Arc};

use log::{Log, Metadata, Record};

use self::line::Line;
use self::outlet::Outlet;

use crate::config::log_format::LogFormat;

/// The target of the lines that are written for every request.
const ACCESS: &str = "access";
/// The target of what is done with credentials and tokens.
const AUDIT: &str = "audit";

/// Starts logging by `filter`, for instance `info,access=off`.
pub(super) fn start(filter: &str, format: LogFormat) {
    let mut builder = env_filter::Builder::new();
    // Its start-up lines are of no use to operators; a filter that names it brings them back.
    builder.filter_module("actix_server", log::LevelFilter::Warn);
    let filter = builder.parse(filter).build();
    let (most, outlet) = (filter.filter(), Arc::new(Outlet::new(format)));
    let logger = Logger { filter, format, outlet: Arc::clone(&outlet) };
    // A second start, in tests, keeps the first.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(most);
        outlet::keep_writing(outlet);
        flush_before_panics();
    }
}

/// Writes what still waits: to be called when the program ends.
pub(super) fn flush() {
    log::logger().flush();
}

/// What led to a panic belongs before its message.
fn flush_before_panics() {
    let known = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        flush();
        known(panic);
    }));
}

/// Whether a stranger can cause the line: requests, refusals, and what the parser says of bad ones. Then nobody waits
/// for it, or a log that is not read would let anybody bring the service to a stop.
fn is_anybodys(record: &Record<'_>) -> bool {
    match record.target() {
        ACCESS => true,
        AUDIT => record.key_values().get("deferred".into()).is_some(),
        target => target.starts_with("actix"),
    }
}

struct Logger {
    filter: env_filter::Filter,
    format: LogFormat,
    outlet: Arc<Outlet>,
}

thread_local! {
    /// The last line of this thread: the next one is written into the same memory.
    static LINE: RefCell<Line> = RefCell::default();
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.filter.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.filter.matches(record) {
            return;
        }
        let write = |line: &mut Line| {
            line.write(record, self.format);
            match is_anybodys(record) {
                true => self.outlet.write_soon(line.bytes()),
                false => self.outlet.write_now(line.bytes()),
            }
        };
        // It is borrowed where showing a value logs something, and gone where a thread has all but ended.
        let written = LINE.try_with(|line| line.try_borrow_mut().map(|mut line| write(&mut line)));
        if !matches!(written, Ok(Ok(()))) {
            write(&mut Line::default());
        }
    }

    fn flush(&self) {
        self.outlet.flush();
    }
}
