//! The report of a run: the table, and notes on the machine and the versions.

use std::{
    fmt::{self, Display, Formatter},
    fs,
    panic::{self, AssertUnwindSafe},
    process::Command,
    thread,
};

use crate::{
    command::try_run,
    table::{Row, markdown},
};

pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
    /// The versions of other servers, and what was left out.
    pub(crate) notes: Vec<String>,
    /// Whether every part was measured.
    pub(crate) is_complete: bool,
}

impl Default for Report {
    fn default() -> Self {
        Self { rows: Vec::new(), notes: Vec::new(), is_complete: true }
    }
}

impl Report {
    /// Measures a part and adds its rows. A part that panics is left out.
    pub(crate) fn add(&mut self, part: impl FnOnce(&mut Vec<String>) -> Vec<Row>) {
        let notes = &mut self.notes;
        match panic::catch_unwind(AssertUnwindSafe(|| part(notes))) {
            Ok(rows) => self.rows.extend(rows),
            Err(_) => {
                self.notes.push("A part failed and is left out.".to_owned());
                self.is_complete = false;
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

/// The date, the machine and the versions.
fn machine() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let rustc = try_run(Command::new("rustc").arg("-V")).unwrap_or_default();
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d");
    format!(
        "{today}; {cores} cores, {}; hallpass {}, actix-web {}, {}",
        model.unwrap_or("unknown model"),
        env!("CARGO_PKG_VERSION"),
        locked("actix-web"),
        rustc.split(" (").next().unwrap_or_default(),
    )
}

/// The version of a crate in `Cargo.lock`.
fn locked(name: &str) -> &'static str {
    let after =
        include_str!("../../Cargo.lock").split_once(&format!("name = \"{name}\"\nversion = \""));
    after.and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default()
}
