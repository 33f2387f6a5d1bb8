//! Reading a roster from a text or a file.

use std::{fs, io, path::Path};

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    roster::{
        parse::parse,
        roster::{LoadedRoster, Roster},
    },
};

impl Roster {
    /// Reads the text of a roster. `file` is its name in places, as in `roster.toml:12`.
    ///
    /// # Errors
    /// All faults of the text, in the order of their lines.
    pub(crate) fn parse(text: &str, file: &str) -> Result<LoadedRoster, Diagnostics> {
        parse(text, file)
    }

    /// Reads a roster file.
    ///
    /// # Errors
    /// Why the file cannot be read, or all its faults.
    pub(crate) fn load(path: &Path) -> Result<LoadedRoster, Diagnostics> {
        Self::from_file(fs::read(path).as_deref(), path)
    }

    /// Reads a roster from what was read at `path`.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn from_file(
        read: Result<&[u8], &io::Error>,
        path: &Path,
    ) -> Result<LoadedRoster, Diagnostics> {
        let file = path.display().to_string();
        let bytes = read.map_err(|error| Diagnostic::new(&file, unreadable(error)))?;
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let good = bytes.iter().take(error.valid_up_to());
            let line = 1 + good.filter(|byte| **byte == b'\n').count();
            Diagnostic::new(format!("{file}:{line}"), "not UTF-8: save the file as UTF-8")
        })?;
        Self::parse(text, &file)
    }
}

fn unreadable(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "there is no roster: `hallpass init` makes an empty one, `hallpass key add CLIENT` one with a key"
            .to_owned()
    } else {
        format!("cannot be read: {error}")
    }
}
