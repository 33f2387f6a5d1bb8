//! The `.env` file: the lines that set a `HALLPASS_` variable are ours, and all others are somebody else's.

/// The most lines of one value; a quote that is open for longer was not meant as one.
const MAX_VALUE_LINES: usize = 200;

/// What a `.env` file holds; lines are counted from 1.
#[derive(Debug, Default)]
pub(super) struct EnvFile {
    /// The `HALLPASS_` variables: name, value and line.
    pub values: Vec<(String, String, usize)>,
    /// Our lines that cannot be read.
    pub errors: Vec<usize>,
    /// Somebody else's lines that cannot be read.
    pub ignored: Vec<usize>,
}

impl EnvFile {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
        let mut file = Self::default();
        let mut entries = String::new();
        let mut places = Vec::new();
        let mut at = 0;
        while let Some(rest) = lines.get(at..).filter(|rest| !rest.is_empty()) {
            let is_ours = rest.first().is_some_and(|line| is_ours(line));
            match first_entry(rest) {
                Entry::Nothing => at += 1,
                Entry::Lines(count, text) => {
                    entries.push_str(&text);
                    places.push(at + 1);
                    at += count;
                }
                Entry::Unreadable => {
                    if is_ours { &mut file.errors } else { &mut file.ignored }.push(at + 1);
                    at += 1;
                }
            }
        }
        // All at once, because a value may name an earlier one: `$HOST`.
        let read = dotenvy::Iter::new(entries.as_bytes()).filter_map(Result::ok);
        let ours = read.zip(places).filter(|((name, _), _)| name.starts_with("HALLPASS_"));
        file.values = ours.map(|((name, value), line)| (name, value, line)).collect();
        file
    }
}

/// What the first of some lines holds.
enum Entry {
    /// A comment, or an empty line.
    Nothing,
    /// A variable, on so many lines.
    Lines(usize, String),
    Unreadable,
}

/// Reads a variable from its first line on. A value in quotes goes on until they are closed, but never over a line
/// that is ours: an apostrophe of somebody else would swallow our settings.
fn first_entry(lines: &[&[u8]]) -> Entry {
    let mut text = String::new();
    for (count, line) in (1..=MAX_VALUE_LINES).zip(lines) {
        let Ok(line_text) = std::str::from_utf8(line) else { return Entry::Unreadable };
        if count > 1 && is_ours(line) {
            return Entry::Unreadable;
        }
        text.push_str(line_text);
        text.push('\n');
        match dotenvy::Iter::new(text.as_bytes()).next() {
            None => return Entry::Nothing,
            Some(Ok(_)) => return Entry::Lines(count, text),
            // dotenvy keeps the end of the line only where a quote is still open.
            Some(Err(dotenvy::Error::LineParse(bad, _))) if bad.ends_with('\n') => {}
            Some(Err(_)) => return Entry::Unreadable,
        }
    }
    Entry::Unreadable
}

/// Whether a line sets a variable of ours, or was meant to.
fn is_ours(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    let exported = line.strip_prefix(b"export").filter(|rest| rest.starts_with(b" "));
    exported.unwrap_or(line).trim_ascii_start().starts_with(b"HALLPASS_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(file: &EnvFile) -> Vec<(&str, &str, usize)> {
        file.values.iter().map(|(name, value, line)| (&**name, &**value, *line)).collect()
    }

    #[test]
    fn somebody_elses_lines_change_nothing_about_ours() {
        let ours = "HALLPASS_DOCS=off\n";
        for (theirs, lines) in [
            ("JAVA_OPTS=-Xmx1g -Xms1g\n", &[1][..]),
            ("two words\n\n# a comment\n", &[1]),
            ("GREETING=it's\n", &[1]),
            ("GREETING=\"open\nmore\n", &[1, 2]),
            ("A='on\ntwo lines'\n", &[]),
            ("KEY=\"-----BEGIN X-----\nabc def\n-----END X-----\"\n", &[]),
            ("export FOO\n", &[1]),
            ("1A=b\n", &[1]),
            ("A=${\n", &[1]),
            ("A=b\\\n", &[]),
            ("", &[]),
        ] {
            let before = theirs.matches('\n').count();
            let file = EnvFile::parse(format!("{theirs}{ours}{theirs}").as_bytes());
            assert_eq!(values(&file), [("HALLPASS_DOCS", "off", before + 1)], "{theirs:?}");
            assert!(file.errors.is_empty(), "{theirs:?}");
            let twice = lines.iter().copied().chain(lines.iter().map(|line| line + before + 1));
            assert_eq!(file.ignored, twice.collect::<Vec<_>>(), "{theirs:?}");
        }
        let latin = EnvFile::parse(b"NAME=J\xfcrgen\nHALLPASS_DOCS=off\n");
        assert_eq!(
            (values(&latin), &*latin.ignored),
            (vec![("HALLPASS_DOCS", "off", 2)], &[1][..])
        );
    }

    #[test]
    fn our_lines_that_cannot_be_read_are_errors() {
        for (text, line) in [
            (&b"A=b\nHALLPASS_DOCS\n"[..], 2),
            (b"HALLPASS_ISSUER=two words\n", 1),
            (b"\n  export  HALLPASS_ISSUER = a b\n", 2),
            (b"HALLPASS_ISSUER='never closed\nHALLPASS_DOCS=on\n", 1),
            (b"HALLPASS_ISSUER='never closed", 1),
            (b"HALLPASS_ISSUER=\xff\n", 1),
            (b"\xef\xbb\xbfHALLPASS_ISSUER=a b\r\n", 1),
        ] {
            let file = EnvFile::parse(text);
            assert_eq!((file.errors, file.ignored), (vec![line], vec![]), "{text:?}");
        }
    }

    #[test]
    fn values_name_earlier_variables_and_span_lines() {
        let file = EnvFile::parse(
            b"HOST=a.example\n\nbad line\nHALLPASS_ISSUER=https://$HOST\nHALLPASS_X='1\n2' # why\nHALLPASS_X=3\r\n",
        );
        let expected = [
            ("HALLPASS_ISSUER", "https://a.example", 4),
            ("HALLPASS_X", "1\n2", 5),
            ("HALLPASS_X", "3", 7),
        ];
        assert_eq!(values(&file), expected);
    }
}
