//! The log: env_logger on stderr, one line an event.
//!
//! Must not know what is logged.

use std::io::Write;

use jiff::Timestamp;

/// Starts logging by `filter`, for instance `info,access=off`.
pub(super) fn start(filter: &str) {
    let line = |out: &mut env_logger::fmt::Formatter, record: &log::Record<'_>| {
        let now = Timestamp::now();
        writeln!(out, "{now:.3} {:<5} {} {}", record.level(), record.target(), record.args())
    };
    let mut builder = env_logger::Builder::new();
    // Its start-up lines are of no use to operators; a filter that names it brings them back.
    builder.filter_module("actix_server", log::LevelFilter::Warn);
    // A second start, in tests, keeps the first.
    let _ = builder.parse_filters(filter).format(line).try_init();
}
