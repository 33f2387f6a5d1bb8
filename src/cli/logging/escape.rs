//! Texts that strangers may have chosen, written so that they end no line and control no terminal.

use std::{
    fmt,
    io::{self, Write},
};

use crate::diagnostics::is_harmless;

/// Writes a value as a JSON string (RFC 8259 §7).
pub(super) fn write_quoted(line: &mut impl Write, value: impl fmt::Display) -> io::Result<()> {
    line.write_all(b"\"")?;
    write_with(line, value, true)?;
    line.write_all(b"\"")
}

/// Writes a message without quotes around it.
pub(super) fn write_escaped(line: &mut impl Write, message: impl fmt::Display) -> io::Result<()> {
    write_with(line, message, false)
}

/// Whether a text can stand between spaces without quotes.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
}

fn write_with(line: &mut impl Write, value: impl fmt::Display, quotes: bool) -> io::Result<()> {
    let mut escaping = Escaping { line, quotes, error: None };
    let written = fmt::Write::write_fmt(&mut escaping, format_args!("{value}"));
    match escaping.error {
        Some(error) => Err(error),
        None => written.map_err(io::Error::other),
    }
}

/// Escapes, as JSON does, what could end a line or control a terminal; with `quotes`, quotes and backslashes as well.
struct Escaping<'l, W> {
    line: &'l mut W,
    quotes: bool,
    error: Option<io::Error>,
}

impl<W: Write> Escaping<'_, W> {
    fn write(&mut self, text: &str) -> io::Result<()> {
        let must_escape = |c: char| !is_harmless(c) || self.quotes && matches!(c, '"' | '\\');
        let mut rest = text;
        while let Some(at) = rest.find(must_escape) {
            let (plain, escaped) = rest.split_at_checked(at).unwrap_or((rest, ""));
            self.line.write_all(plain.as_bytes())?;
            let mut characters = escaped.chars();
            match characters.next() {
                Some(c @ ('"' | '\\')) => write!(self.line, "\\{c}")?,
                Some('\n') => self.line.write_all(b"\\n")?,
                Some(c) => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(self.line, "\\u{unit:04x}")?;
                    }
                }
                None => {}
            }
            rest = characters.as_str();
        }
        self.line.write_all(rest.as_bytes())
    }
}

impl<W: Write> fmt::Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text).map_err(|error| {
            self.error = Some(error);
            fmt::Error
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(value: impl fmt::Display) -> String {
        let mut line = Vec::new();
        write_quoted(&mut line, value).unwrap();
        String::from_utf8(line).unwrap()
    }

    fn escaped(value: impl fmt::Display) -> String {
        let mut line = Vec::new();
        write_escaped(&mut line, value).unwrap();
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn nothing_that_a_stranger_wrote_ends_a_line_or_controls_a_terminal() {
        for character in ('\0'..='\u{2100}').chain(['\u{feff}', '\u{fffd}', '\u{e0001}', char::MAX])
        {
            let text = format!("a{character}b\u{1f600}");
            assert_eq!(serde_json::from_str::<String>(&quoted(&text)).unwrap(), text);
            for written in [quoted(&text), escaped(&text)] {
                assert!(written.chars().all(is_harmless), "{character:?}: {written:?}");
            }
        }
    }

    #[test]
    fn what_could_be_taken_for_more_than_one_value_is_quoted() {
        for word in ["a", "/a?b=c&d", "-", "[::1]", "'"] {
            assert!(is_word(word), "{word}");
        }
        for other in ["", " ", "a b", "a\"", "a\\", "ä", "a\nb"] {
            assert!(!is_word(other), "{other:?}");
        }
        assert_eq!(quoted("a \"b\"\\\n\u{1b}"), r#""a \"b\"\\\n\u001b""#);
        assert_eq!(quoted(format_args!("{:?}", Some("x"))), r#""Some(\"x\")""#);
    }
}
