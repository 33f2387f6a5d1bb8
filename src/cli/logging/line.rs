//! One line of the log: when, how grave, from where, what, and the names to search by.
//!
//! Must not know where lines go.

use std::{
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;
use log::{
    Level, Record,
    kv::{Error, Key, Value, VisitSource, VisitValue},
};

use super::ACCESS;
use super::AUDIT;
use super::escape::add;
use super::escape::add_message;
use super::escape::add_quoted;
use super::escape::add_shown;
use super::escape::is_word;

use crate::config::log_format::LogFormat;

/// A line, and the second in which it was written.
#[derive(Default)]
pub(super) struct Line {
    text: Vec<u8>,
    second: u64,
    /// That second as text, without its end: it is the same for many lines.
    second_text: String,
}

impl Line {
    /// Writes an event in the place of what stood here.
    pub(super) fn write(&mut self, record: &Record<'_>, format: LogFormat) {
        self.text.clear();
        match format {
            LogFormat::Text => self.write_text(record),
            LogFormat::Json => self.write_json(record),
        }
        self.text.push(b'\n');
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.text
    }

    fn write_text(&mut self, record: &Record<'_>) {
        self.add_time();
        let line = &mut self.text;
        line.extend_from_slice(match record.level() {
            Level::Error => b" ERROR ",
            Level::Warn => b" WARN  ",
            Level::Info => b" INFO  ",
            Level::Debug => b" DEBUG ",
            Level::Trace => b" TRACE ",
        });
        add(line, record.target());
        // It would be the same in all of these lines.
        if record.target() != ACCESS {
            line.push(b' ');
            add_message(line, record.args());
        }
        let _ = record.key_values().visit(&mut Text(line));
    }

    fn write_json(&mut self, record: &Record<'_>) {
        add(&mut self.text, "{\"time\":\"");
        self.add_time();
        let line = &mut self.text;
        add(line, "\",\"level\":\"");
        add(line, record.level().as_str());
        add(line, "\",\"target\":");
        add_quoted(line, record.target());
        add(line, ",\"message\":");
        add_shown(line, record.args());
        if record.target() == AUDIT {
            add(line, ",\"event\":");
            add_shown(line, record.args());
        }
        let _ = record.key_values().visit(&mut Json(line));
        line.push(b'}');
    }

    /// Adds the time to the millisecond (RFC 3339).
    fn add_time(&mut self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second_text.is_empty() || now.as_secs() != self.second {
            self.second = now.as_secs();
            let second = Timestamp::UNIX_EPOCH.saturating_add(Duration::from_secs(self.second));
            self.second_text = second.unwrap_or_default().to_string();
            self.second_text.pop();
        }
        add(&mut self.text, &self.second_text);
        add_thousandths(&mut self.text, now.subsec_millis());
        self.text.push(b'Z');
    }
}

/// Adds names and values as `name=value`.
struct Text<'l>(&'l mut Vec<u8>);

impl<'v> VisitSource<'v> for Text<'_> {
    fn visit_pair(&mut self, name: Key<'v>, value: Value<'v>) -> Result<(), Error> {
        if name.as_str() == "deferred" {
            return Ok(());
        }
        self.0.push(b' ');
        // Everybody knows these: `GET /login 200`.
        if !matches!(name.as_str(), "method" | "path" | "status") {
            add(self.0, name.as_str());
            self.0.push(b'=');
        }
        value.visit(self)
    }
}

impl VisitValue<'_> for Text<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.visit_str(&value.to_string())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        match is_word(value) {
            true => add(self.0, value),
            false => add_quoted(self.0, value),
        }
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.0.push(b'-');
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        add_number(self.0, value);
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        add_float(self.0, value);
        Ok(())
    }
}

/// Adds names and values as further members of an object; what is not there is left out.
struct Json<'l>(&'l mut Vec<u8>);

impl<'v> VisitSource<'v> for Json<'_> {
    fn visit_pair(&mut self, name: Key<'v>, value: Value<'v>) -> Result<(), Error> {
        if name.as_str() == "deferred" {
            return Ok(());
        }
        let before = self.0.len();
        self.0.push(b',');
        add_quoted(self.0, name.as_str());
        self.0.push(b':');
        let empty = self.0.len();
        value.visit(&mut *self)?;
        if self.0.len() == empty {
            self.0.truncate(before);
        }
        Ok(())
    }
}

impl VisitValue<'_> for Json<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        add_shown(self.0, value);
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        add_quoted(self.0, value);
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        add_number(self.0, value);
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        Ok(write!(self.0, "{value}")?)
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        add_float(self.0, value);
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        add(self.0, if value { "true" } else { "false" });
        Ok(())
    }
}

/// To the thousandth: they are all durations.
fn add_float(line: &mut Vec<u8>, value: f64) {
    // What is no number becomes zero, which JSON has and the other has not.
    let thousandths = (value * 1000.0 + 0.5) as u64;
    add_number(line, thousandths / 1000);
    add_thousandths(line, (thousandths % 1000) as u32);
}

/// Adds `.` and three digits.
fn add_thousandths(line: &mut Vec<u8>, thousandths: u32) {
    let digit = |place| b'0' + (thousandths / place % 10) as u8;
    line.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
}

fn add_number(line: &mut Vec<u8>, number: u64) {
    add(line, itoa::Buffer::new().format(number));
}
