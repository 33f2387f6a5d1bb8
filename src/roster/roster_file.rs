//! The roster file: read for the first time, and again after each change.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    files::file_content::FileContent,
    notation::duration::format_duration,
    oauth::key_id::KeyId,
    roster::{
        entry_fields::{self, EntryField},
        expiring_keys::expiry_lines,
        roster::{LoadedRoster, Roster},
    },
};

/// A roster file that is followed. Keeps the text that was last taken over, to tell a finished edit from half of one.
#[derive(Debug)]
pub(crate) struct RosterFile {
    path: PathBuf,
    text: SecretString,
    /// The longest `token_lifetime` that is accepted.
    longest: Option<Duration>,
}

impl RosterFile {
    /// Takes what was read from `path` for the first time. Tokens live no longer than `longest`, if that is known.
    ///
    /// # Errors
    /// Why the file cannot be read or used, or everything that is wrong with its text.
    pub(crate) fn open(
        path: &Path,
        read: &io::Result<FileContent>,
        longest: Option<Duration>,
    ) -> Result<(Self, LoadedRoster), Diagnostics> {
        let (text, loaded) = load(path, read, longest)?;
        Ok((Self { path: path.to_owned(), text: text.into(), longest }, loaded))
    }

    /// Takes what was read after a change; `current` is the roster in use. `accept` has the last word about the new one.
    ///
    /// # Errors
    /// As [`Self::open`], what shows that the edit is not finished, and why it is not accepted.
    pub(crate) fn reread<T>(
        &mut self,
        read: &io::Result<FileContent>,
        current: &Roster,
        accept: impl FnOnce(&Roster) -> Result<T, Diagnostics>,
    ) -> Result<(LoadedRoster, T), Diagnostics> {
        if let Ok(content) = read {
            self.require_finished(content)?;
        }
        let (text, loaded) = load(&self.path, read, self.longest)?;
        let clients = current.clients().count();
        if clients > 0 && loaded.roster.clients().next().is_none() {
            let what = format!(
                "no client is left of {clients}, so this may be half an edit. To lock all of them out, \
                 set `disabled = true` in each, or restart `hallpass serve`"
            );
            return Err(self.diagnostic(what).into());
        }
        let accepted = accept(&loaded.roster)?;
        self.text = text.into();
        Ok((loaded, accepted))
    }

    /// The line of `expires` of each key that has one.
    pub(crate) fn expiry_lines(&self) -> HashMap<KeyId, usize> {
        expiry_lines(self.text.expose_secret())
    }

    /// What was found out about fields of clients and users, each with its line.
    pub(crate) fn located(&self, found: Vec<(EntryField<'_>, String)>) -> Diagnostics {
        match found.is_empty() {
            true => Diagnostics::default(),
            false => {
                let file = self.path.display().to_string();
                entry_fields::located(self.text.expose_secret(), &file, found)
            }
        }
    }

    /// Refuses a text that is cut off where only the text before tells that.
    fn require_finished(&self, content: &FileContent) -> Result<(), Diagnostic> {
        let Ok(text) = std::str::from_utf8(content.bytes()) else { return Ok(()) };
        let before = self.text.expose_secret();
        if text.trim().is_empty() && !before.trim().is_empty() {
            return Err(self.diagnostic("the file is empty, so this may be half an edit"));
        }
        let Some((line, next)) = cut_off(text, before) else { return Ok(()) };
        Err(Diagnostic::new(
            format!("{}:{line}", self.path.display()),
            format!(
                "the file ends here, where `{next}` and what follows it were before, so this may be half an edit. \
                 If it is finished, add a comment as its last line"
            ),
        ))
    }

    fn diagnostic(&self, what: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.path.display().to_string(), what)
    }
}

impl Roster {
    /// Reads a roster file.
    ///
    /// # Errors
    /// As [`RosterFile::open`].
    pub(crate) fn load(path: &Path) -> Result<LoadedRoster, Diagnostics> {
        Ok(load(path, &FileContent::read(path), None)?.1)
    }
}

/// The text that was read from `path`, and the roster in it.
fn load<'r>(
    path: &Path,
    read: &'r io::Result<FileContent>,
    longest: Option<Duration>,
) -> Result<(&'r str, LoadedRoster), Diagnostics> {
    let file = path.display().to_string();
    let content = read.as_ref().map_err(|error| Diagnostic::new(&file, unreadable(error)))?;
    let bytes = content.bytes();
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.iter().take(error.valid_up_to());
        let line = 1 + good.filter(|byte| **byte == b'\n').count();
        Diagnostic::new(format!("{file}:{line}"), "not UTF-8: save the file as UTF-8")
    })?;
    let mut diagnostics = Diagnostics::default();
    let exposed = diagnostics.keep(content.check_permissions(path)).flatten();
    let loaded = diagnostics.keep(Roster::parse(text, &file));
    if let (Some(loaded), Some(longest)) = (&loaded, longest) {
        diagnostics.extend(too_long(&loaded.roster, text, &file, longest));
    }
    let mut warnings = Diagnostics::default();
    for warning in exposed.into_iter().chain(content.mount_warning(path)) {
        warnings.push(warning);
    }
    diagnostics.warn(warnings.clone());
    let mut loaded = diagnostics.or(loaded)?.ok_or_else(Diagnostics::default)?;
    loaded.warnings.extend(warnings);
    Ok((text, loaded))
}

/// Everybody whose tokens should live longer than any token.
fn too_long(roster: &Roster, text: &str, file: &str, longest: Duration) -> Diagnostics {
    let too_long = roster.token_lifetimes().filter(|(_, lifetime)| *lifetime > longest);
    let found: Vec<_> = too_long
        .map(|(field, lifetime)| {
            let (lifetime, longest) = (format_duration(lifetime), format_duration(longest));
            let what = format!(
                "`token_lifetime` is {lifetime}, more than HALLPASS_TOKEN_LIFETIME ({longest}): shorten it, or raise \
                 the setting"
            );
            (field, what)
        })
        .collect();
    match found.is_empty() {
        true => Diagnostics::default(),
        false => entry_fields::located(text, file, found),
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

/// Whether `text` ends in the middle of a table of the text `before`: the line on which it ends, and the name of the
/// field that came next. What is left of such a table may be valid and allow more, as a key without its `expires`.
fn cut_off<'b>(text: &str, before: &'b str) -> Option<(usize, &'b str)> {
    let text = text.trim_end();
    let header = text.rfind("\n[").map_or(0, |at| at + 1);
    let last_table = text.get(header..).filter(|table| table.starts_with('['))?;
    let next_field = |at: usize| {
        let rest = before.get(at + last_table.len()..)?;
        let starts_a_line = before.get(..at).is_some_and(|b| b.is_empty() || b.ends_with('\n'));
        // The rest of a line that is there in part is a comment, or else the text would not be TOML.
        let lines = rest.lines().skip(1).map(str::trim);
        let next = lines.into_iter().find(|line| !line.is_empty() && !line.starts_with('#'))?;
        (starts_a_line && !next.starts_with('[')).then(|| next.split(['=', ' ']).next())?
    };
    let next = before.match_indices(last_table).find_map(|(at, _)| next_field(at))?;
    Some((text.lines().count(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "\
# the roster
[clients.a]
roles = ['x']
[[clients.a.keys]]
id = '1'
created = 2026-01-01T00:00:00Z # by hand

expires = 2026-02-01T00:00:00Z

[clients.b]
roles = ['x']
disabled = true
";

    #[test]
    fn a_text_that_ends_within_a_table_is_cut_off() {
        for (end, next) in [
            ("created = 2026-01-01T00:00:00Z # by hand\n", Some((6, "expires"))),
            ("created = 2026-01-01T00:00:00Z # by", Some((6, "expires"))),
            ("created = 2026-01-01T00:00:00Z", Some((6, "expires"))),
            ("by hand\n\n", Some((6, "expires"))),
            ("id = '1'\n", Some((5, "created"))),
            ("expires = 2026-02-01T00:00:00Z\n", None),
            ("[clients.b]\n", Some((10, "roles"))),
            ("[clients.b]\nroles = ['x']", Some((11, "disabled"))),
            ("disabled = true\n", None),
        ] {
            let at = BEFORE.find(end).unwrap() + end.len();
            assert_eq!(cut_off(&BEFORE[..at], BEFORE), next, "{end}");
            // Also where the new text differs further up.
            let edited = BEFORE[..at].replace("# the roster\n", "[users.c]\n");
            assert_eq!(cut_off(&edited, BEFORE), next, "{end}");
            // A last comment says that the edit is finished.
            assert_eq!(cut_off(&format!("{}\n# end\n", &BEFORE[..at]), BEFORE), None, "{end}");
        }
        for whole in ["", "# nothing\n", "[clients.c]\n", "disabled = true\n"] {
            assert_eq!(cut_off(whole, BEFORE), None, "{whole}");
        }
    }

    #[test]
    fn tables_may_go_and_come_at_the_end() {
        let longer = format!("{BEFORE}[clients.c]\nroles = []\n");
        assert_eq!(cut_off(BEFORE, &longer), None);
        assert_eq!(cut_off(&longer, BEFORE), None);
    }
}
