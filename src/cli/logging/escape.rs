//! Texts that strangers may have chosen, written so that they end no line and move no terminal.
//!
//! Must not know what they mean.

use std::{fmt, io::Write};

/// Adds a text as it is.
pub(super) fn add(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(text.as_bytes());
}

/// Adds a JSON string (RFC 8259 §7).
pub(super) fn add_quoted(line: &mut Vec<u8>, text: &str) {
    line.push(b'"');
    add_escaped(line, text, true);
    line.push(b'"');
}

/// Adds what is shown as a JSON string.
pub(super) fn add_shown(line: &mut Vec<u8>, value: impl fmt::Display) {
    line.push(b'"');
    let _ = fmt::Write::write_fmt(&mut Escaping { line, quotes: true }, format_args!("{value}"));
    line.push(b'"');
}

/// Adds what is said, without quotes around it.
pub(super) fn add_message(line: &mut Vec<u8>, message: &fmt::Arguments<'_>) {
    let _ = fmt::Write::write_fmt(&mut Escaping { line, quotes: false }, *message);
}

/// Whether a text can stand between spaces without quotes.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && thought(text) == NONE
}

/// Adds what is written into it, as [`add_escaped`] does.
struct Escaping<'l> {
    line: &'l mut Vec<u8>,
    quotes: bool,
}

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        add_escaped(self.line, text, self.quotes);
        Ok(())
    }
}

/// Escapes, as JSON does, what could end a line, or what a terminal takes for more than a sign; where they
/// matter, `quotes` and backslashes as well.
fn add_escaped(line: &mut Vec<u8>, text: &str, quotes: bool) {
    if thought(text) < ESCAPE {
        return add(line, text);
    }
    for sign in text.chars() {
        match sign {
            '"' | '\\' if quotes => line.extend_from_slice(&[b'\\', sign as u8]),
            '\n' => line.extend_from_slice(b"\\n"),
            sign if is_harmless(sign) => add(line, sign.encode_utf8(&mut [0; 4])),
            sign => {
                for unit in sign.encode_utf16(&mut [0; 2]) {
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
        }
    }
}

/// For every byte, how much thought it needs where it is copied.
#[expect(clippy::indexing_slicing, reason = "a wrong index would not compile")]
const THOUGHT: [u8; 256] = {
    let mut thought = [ESCAPE; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        thought[byte as usize] = NONE;
        byte += 1;
    }
    thought[b' ' as usize] = QUOTE;
    thought[b'"' as usize] = ESCAPE;
    thought[b'\\' as usize] = ESCAPE;
    thought
};
const NONE: u8 = 0;
const QUOTE: u8 = 1;
const ESCAPE: u8 = 2;

/// The thought that all bytes of a text need together; without a branch for each, as most need none.
fn thought(text: &str) -> u8 {
    text.bytes().fold(NONE, |all, b| all | THOUGHT.get(usize::from(b)).copied().unwrap_or(ESCAPE))
}

/// Whether a sign moves no cursor, ends no line and turns no text around.
fn is_harmless(sign: char) -> bool {
    !sign.is_control()
        && !matches!(
            sign,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut line = Vec::new();
        write(&mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn nothing_that_a_stranger_wrote_ends_a_line_or_moves_a_terminal() {
        for sign in ('\0'..='\u{2100}').chain(['\u{feff}', '\u{fffd}', '\u{e0001}', char::MAX]) {
            let text = format!("a{sign}b\u{1f600}");
            let quoted = written(|line| add_quoted(line, &text));
            let message = written(|line| add_message(line, &format_args!("{text}")));
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
            for written in [&quoted, &message] {
                assert!(written.chars().all(is_harmless), "{sign:?}: {written:?}");
            }
        }
        for harmful in "\n\r\t\0\u{1b}\u{7f}\u{85}\u{9b}\u{200f}\u{2028}\u{202e}\u{2066}".chars() {
            assert!(!is_harmless(harmful), "{harmful:?}");
        }
        assert!("ä中é€".chars().all(is_harmless));
    }

    #[test]
    fn what_could_be_taken_for_more_than_one_value_is_quoted() {
        for word in ["a", "/a?b=c&d", "-", "[::1]", "'"] {
            assert!(is_word(word), "{word}");
        }
        for other in ["", " ", "a b", "a\"", "a\\", "ä", "a\nb"] {
            assert!(!is_word(other), "{other:?}");
        }
        assert_eq!(written(|line| add_quoted(line, "a \"b\"\\\n\u{1b}")), r#""a \"b\"\\\n\u001b""#);
        assert_eq!(
            written(|line| add_shown(line, format_args!("{:?}", Some("x")))),
            r#""Some(\"x\")""#
        );
    }
}
