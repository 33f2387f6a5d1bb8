//! The report: the table, and what must be known to read it.
//!
//! Must not know how anything is measured.

use std::{
    fmt::{self, Display, Formatter},
    fs,
    panic::{self, AssertUnwindSafe},
    process::Command,
    thread,
};

use crate::{
    table::{Row, markdown},
    tools::attempt,
};

/// What one run found out.
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    /// Which peers there were, and what had to be left out.
    pub(crate) notes: Vec<String>,
    /// Every part came to its end.
    pub(crate) is_whole: bool,
}

impl Default for Report {
    fn default() -> Self {
        Self { rows: Vec::new(), notes: Vec::new(), is_whole: true }
    }
}

impl Report {
    /// Adds what a part finds out. One that fails is missing and does not take the others with it.
    pub(crate) fn add(&mut self, part: impl FnOnce(&mut Vec<String>) -> Vec<Row>) {
        let notes = &mut self.notes;
        match panic::catch_unwind(AssertUnwindSafe(|| part(notes))) {
            Ok(rows) => self.rows.extend(rows),
            Err(_) => {
                self.notes.push("A part failed and is missing.".to_owned());
                self.is_whole = false;
            }
        }
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", markdown(&self.rows))?;
        for note in self.notes.iter().chain([&machine()]) {
            writeln!(f, "- {note}")?;
        }
        Ok(())
    }
}

/// When, on what, and of what.
fn machine() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let rustc = attempt(Command::new("rustc").arg("-V")).unwrap_or_default();
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d");
    format!(
        "{today}; {cores} cores, {}; hallpass {}, actix-web {}, {}",
        model.unwrap_or("of an unknown model"),
        env!("CARGO_PKG_VERSION"),
        locked("actix-web"),
        rustc.split(" (").next().unwrap_or_default(),
    )
}

/// The version of a crate in the lock file.
fn locked(name: &str) -> &'static str {
    let after =
        include_str!("../../Cargo.lock").split_once(&format!("name = \"{name}\"\nversion = \""));
    after.and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default()
}
