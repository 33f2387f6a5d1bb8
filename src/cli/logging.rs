//! The log on stderr, by env_logger: one line an event, as text for people or as JSON for programs.

mod escape;
mod line;
mod outlet;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    panic,
    sync::Arc,
};

use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::io::Errno;

use crate::{
    cli::logging::{
        line::{DEFERRED, write_line},
        outlet::Outlet,
    },
    config::log_format::LogFormat,
    diagnostics::Diagnostics,
};

/// Starts logging by `filter`, for instance `info,access=off`.
pub(super) fn start(filter: &str, format: LogFormat) {
    let outlet = Arc::new(Outlet::new(format));
    let logger = |is_deferred| {
        let sink = Sink { outlet: Arc::clone(&outlet), is_deferred };
        Builder::new()
            // Its start-up lines are of no use to operators; a filter that names it brings them back.
            .filter_module("actix_server", LevelFilter::Warn)
            .parse_filters(filter)
            .format(move |formatter, record| write_line(formatter, record, format))
            .target(Target::Pipe(Box::new(sink)))
            .build()
    };
    let loggers =
        Loggers { immediate: logger(false), deferred: logger(true), outlet: Arc::clone(&outlet) };
    let level = loggers.immediate.filter();
    // A second start, in tests, keeps the first.
    if log::set_boxed_logger(Box::new(loggers)).is_ok() {
        log::set_max_level(level);
        outlet::start_writing(outlet);
        flush_before_panics();
    }
}

/// Starts logging for a command that is not `serve`: only what its user must know, such as that it waits.
pub(super) fn start_for_command() {
    start("warn", LogFormat::Text);
}

/// Writes everything that waits: to be called when the program ends.
pub(super) fn flush() {
    log::logger().flush();
}

/// Writes why the program ends as lines of the log, whatever its filter.
pub(super) fn write_failure(error: &anyhow::Error, format: LogFormat) {
    flush();
    let write = |level, message: String| {
        let mut line = Vec::new();
        let record = &mut Record::builder();
        let record = record.level(level).target("hallpass");
        // Writing to memory does not fail, and there is no other place to report that stderr is closed.
        let _ = write_line(&mut line, &record.args(format_args!("{message}")).build(), format)
            .and_then(|()| io::stderr().write_all(&line));
    };
    match error.downcast_ref::<Diagnostics>() {
        Some(diagnostics) => {
            diagnostics.iter().for_each(|error| write(Level::Error, error.to_string()));
            diagnostics.warnings().iter().for_each(|it| write(Level::Warn, it.to_string()));
        }
        None => write(Level::Error, format!("{error:#}")),
    }
}

/// What led to a panic belongs before its message.
fn flush_before_panics() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        flush();
        previous(panic);
    }));
}

/// Two loggers over one outlet: one writes a line before it returns, the other leaves it to the writing thread.
struct Loggers {
    immediate: env_logger::Logger,
    deferred: env_logger::Logger,
    outlet: Arc<Outlet>,
}

impl Log for Loggers {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.immediate.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if tells_that_listener_is_closed(record) {
            return;
        }
        match may_be_deferred(record) {
            true => self.deferred.log(record),
            false => self.immediate.log(record),
        }
    }

    fn flush(&self) {
        self.outlet.flush();
    }
}

/// Whether a stranger can cause the line: those say so themselves, and what actix-web's parser says of malformed
/// requests. No request may wait for them, or a log that is not read would stop the service.
fn may_be_deferred(record: &Record<'_>) -> bool {
    record.key_values().get(DEFERRED.into()).is_some() || record.target().starts_with("actix")
}

/// Whether actix-web's accepting thread says that the listener does not listen: `serve` itself closes it when it stops.
fn tells_that_listener_is_closed(record: &Record<'_>) -> bool {
    record.target() == "actix_server::accept"
        && record
            .args()
            .to_string()
            .ends_with(&format!("(os error {})", Errno::INVAL.raw_os_error()))
}

/// Where env_logger writes a whole line at a time.
struct Sink {
    outlet: Arc<Outlet>,
    is_deferred: bool,
}

impl Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self.is_deferred {
            true => self.outlet.write_soon(line),
            false => self.outlet.write_now(line),
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
