//! Standard output, and what people at a terminal see: a bold first line, plurals.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, IsTerminal, Write},
    os::{
        fd::AsFd,
        unix::fs::{FileTypeExt, MetadataExt},
    },
};

use clap::builder::styling::Style;
use rustix::fs::{OFlags, fcntl_getfl};

/// Stdout; a closed one is a broken pipe.
pub(super) fn stdout() -> Box<dyn Write> {
    let stdout = io::stdout().lock();
    if is_closed(&stdout).unwrap_or(false) { Box::new(Closed) } else { Box::new(stdout) }
}

/// Whether the file was closed when the program started: Rust's runtime then opens /dev/null in its place, for
/// reading and writing. Shells open it for writing only.
fn is_closed(file: impl AsFd) -> io::Result<bool> {
    let found = File::from(file.as_fd().try_clone_to_owned()?).metadata()?;
    let is_null =
        found.file_type().is_char_device() && found.rdev() == fs::metadata("/dev/null")?.rdev();
    Ok(is_null && fcntl_getfl(file)?.contains(OFlags::RDWR))
}

struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::BrokenPipe, "it is closed"))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether `out` is a terminal that shows styles, and NO_COLOR is not set.
pub(super) fn is_styled(out: &impl IsTerminal) -> bool {
    let variable = |name| std::env::var_os(name);
    shows_styles(out.is_terminal(), variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
}

/// The text, with a bold first line where it is shown with styles.
pub(super) fn with_bold_head(text: String, is_styled: bool) -> String {
    if is_styled { bold_head(&text) } else { text }
}

/// NO_COLOR counts wherever it is not empty (no-color.org).
fn shows_styles(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    let may = no_color.is_none_or(OsStr::is_empty);
    is_terminal && may && term.is_some_and(|term| term != "dumb")
}

fn bold_head(text: &str) -> String {
    let bold = Style::new().bold();
    match text.split_once('\n') {
        Some((head, rest)) => format!("{bold}{head}{bold:#}\n{rest}"),
        None => format!("{bold}{text}{bold:#}"),
    }
}

/// `1 client`, `2 clients`.
pub(super) fn plural(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_head_is_bold() {
        assert_eq!(bold_head("A  B\n1  2\n"), "\u{1b}[1mA  B\u{1b}[0m\n1  2\n");
        assert_eq!(bold_head("A"), "\u{1b}[1mA\u{1b}[0m");
    }

    #[test]
    fn styles_are_used_on_terminals_without_no_color() {
        let some = |text: &'static str| Some(OsStr::new(text));
        assert!(shows_styles(true, None, some("xterm")));
        assert!(shows_styles(true, some(""), some("xterm")));
        assert!(!shows_styles(false, None, some("xterm")));
        assert!(!shows_styles(true, some("1"), some("xterm")));
        assert!(!shows_styles(true, None, some("dumb")));
        assert!(!shows_styles(true, None, None));
        let file = tempfile::tempfile().unwrap();
        assert!(!is_styled(&file));
        assert_eq!(with_bold_head("A\n".to_owned(), false), "A\n");
    }

    #[test]
    fn only_one_is_singular() {
        assert_eq!([0, 1, 2].map(|n| plural(n, "client")), ["0 clients", "1 client", "2 clients"]);
    }
}
