//! One line of the log: when, how severe, from where, what, and the values to search by.

use std::io::{self, Write};

use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use log::{
    Level, Record,
    kv::{Error, Key, Value, VisitSource, VisitValue},
};

use crate::{
    cli::logging::escape::{is_word, write_escaped, write_quoted},
    config::log_format::LogFormat,
};

/// The target of the lines that are written for every request.
const ACCESS: &str = "access";
/// The target of what is done with credentials and tokens.
const AUDIT: &str = "audit";
/// The key of the value that says that a line may be written later. It is not written itself.
pub(super) const DEFERRED: &str = "deferred";

/// Times to the millisecond (RFC 3339).
const TIME: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// Writes an event with the end of its line.
///
/// # Errors
/// Those of `line`.
pub(super) fn write_line(
    line: &mut impl Write,
    record: &Record<'_>,
    format: LogFormat,
) -> io::Result<()> {
    match format {
        LogFormat::Text => write_text(line, record)?,
        LogFormat::Json => write_json(line, record)?,
    }
    line.write_all(b"\n")
}

fn write_text(line: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    write_time(line)?;
    line.write_all(match record.level() {
        Level::Error => b" ERROR ",
        Level::Warn => b" WARN  ",
        Level::Info => b" INFO  ",
        Level::Debug => b" DEBUG ",
        Level::Trace => b" TRACE ",
    })?;
    line.write_all(record.target().as_bytes())?;
    // Access lines all have the same message.
    if record.target() != ACCESS {
        line.write_all(b" ")?;
        write_escaped(line, record.args())?;
    }
    record.key_values().visit(&mut Text(line)).map_err(io::Error::other)
}

fn write_json(line: &mut impl Write, record: &Record<'_>) -> io::Result<()> {
    line.write_all(b"{\"time\":\"")?;
    write_time(line)?;
    write!(line, "\",\"level\":\"{}\",\"target\":", record.level())?;
    write_quoted(line, record.target())?;
    line.write_all(b",\"message\":")?;
    write_quoted(line, record.args())?;
    if record.target() == AUDIT {
        line.write_all(b",\"event\":")?;
        write_quoted(line, record.args())?;
    }
    record.key_values().visit(&mut Json(line)).map_err(io::Error::other)?;
    line.write_all(b"}")
}

fn write_time(line: &mut impl Write) -> io::Result<()> {
    let mut time = String::with_capacity("2026-11-25T10:00:00.000Z".len());
    TIME.print_timestamp(&Timestamp::now(), &mut time).map_err(io::Error::other)?;
    line.write_all(time.as_bytes())
}

/// Writes names and values as `name=value`.
struct Text<'l, W>(&'l mut W);

impl<'v, W: Write> VisitSource<'v> for Text<'_, W> {
    fn visit_pair(&mut self, name: Key<'v>, value: Value<'v>) -> Result<(), Error> {
        match name.as_str() {
            DEFERRED => return Ok(()),
            // Without names: `GET /login 200`.
            "method" | "path" | "status" => self.0.write_all(b" ")?,
            name => write!(self.0, " {name}=")?,
        }
        value.visit(self)
    }
}

impl<W: Write> VisitValue<'_> for Text<'_, W> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.visit_str(&value.to_string())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        match is_word(value) {
            true => self.0.write_all(value.as_bytes())?,
            false => write_quoted(self.0, value)?,
        }
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(self.0.write_all(b"-")?)
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        Ok(write!(self.0, "{value}")?)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        Ok(write_float(self.0, value)?)
    }
}

/// Writes names and values as members of an object; absent values are left out.
struct Json<'l, W>(&'l mut W);

impl<'v, W: Write> VisitSource<'v> for Json<'_, W> {
    fn visit_pair(&mut self, name: Key<'v>, value: Value<'v>) -> Result<(), Error> {
        match name.as_str() {
            DEFERRED => Ok(()),
            name => value.visit(JsonMember { line: self.0, name }),
        }
    }
}

struct JsonMember<'l, W> {
    line: &'l mut W,
    name: &'l str,
}

impl<W: Write> JsonMember<'_, W> {
    fn write_name(&mut self) -> io::Result<()> {
        self.line.write_all(b",")?;
        write_quoted(self.line, self.name)?;
        self.line.write_all(b":")
    }
}

impl<W: Write> VisitValue<'_> for JsonMember<'_, W> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.write_name()?;
        Ok(write_quoted(self.line, value)?)
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.write_name()?;
        Ok(write!(self.line, "{value}")?)
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.write_name()?;
        Ok(write!(self.line, "{value}")?)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.write_name()?;
        Ok(write_float(self.line, value)?)
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.write_name()?;
        Ok(write!(self.line, "{value}")?)
    }
}

/// To the thousandth: they are all durations. Infinities and NaN, which JSON does not have, are cut off.
fn write_float(line: &mut impl Write, value: f64) -> io::Result<()> {
    let thousandths = (value * 1000.0 + 0.5) as u64;
    write!(line, "{}.{:03}", thousandths / 1000, thousandths % 1000)
}
