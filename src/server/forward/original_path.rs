//! Which paths are judged at all. A path that some backend may read as another one is refused, never repaired.

/// Why an original request is refused before it is judged.
pub(super) type Rejected = &'static str;

/// Bytes that backends, proxies and browsers treat in different ways.
const FORBIDDEN: &[u8] = b"\\#;<>\"^{}|`";
/// The same behind an escape: a backend that decodes twice or first would find a delimiter.
const FORBIDDEN_ESCAPED: &[u8] = b"/\\;?#";

/// Splits the target of the original request into path and query.
///
/// # Errors
/// It could be read in two ways.
pub(super) fn split(target: &str) -> Result<(&str, &str), Rejected> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    check_path(path)?;
    if query.bytes().any(|byte| byte <= b' ' || byte == b'#' || byte == 0x7f) {
        return Err("the query has a character that must be escaped");
    }
    Ok((path, query))
}

fn check_path(path: &str) -> Result<(), Rejected> {
    let Some(segments) = path.strip_prefix('/') else {
        return Err("the path does not begin with /");
    };
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && !FORBIDDEN.contains(&byte)) {
        return Err("the path has a character that must be escaped, or `\\`, `;` or `#`");
    }
    if path.contains("//") {
        return Err("the path has an empty segment");
    }
    if segments.split('/').any(|segment| segment == "." || segment == "..") {
        return Err("the path has a dot segment");
    }
    check_escapes(path)
}

fn check_escapes(path: &str) -> Result<(), Rejected> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let Some(escaped) = hex(rest.next()).zip(hex(rest.next())) else {
            return Err("the path has a malformed escape");
        };
        let byte = escaped.0 << 4 | escaped.1;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            return Err("the path has an escape of a character that needs none");
        }
        if byte.is_ascii_control() || FORBIDDEN_ESCAPED.contains(&byte) {
            return Err("the path has an escaped delimiter or control character");
        }
        let mut behind = rest.clone();
        if byte == b'%' && hex(behind.next()).is_some() && hex(behind.next()).is_some() {
            return Err("the path is escaped twice");
        }
        decoded.push(byte);
    }
    match std::str::from_utf8(&decoded) {
        Ok(_) => Ok(()),
        Err(_) => Err("the path is not UTF-8"),
    }
}

fn hex(digit: Option<u8>) -> Option<u8> {
    let value = char::from(digit?).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_everybody_reads_alike_are_judged() {
        for (target, path, query) in [
            ("/", "/", ""),
            ("/?", "/", ""),
            ("/a/b/", "/a/b/", ""),
            ("/a?b=c?d", "/a", "b=c?d"),
            ("/a?x=/../;\\", "/a", "x=/../;\\"),
            ("/a.b/...", "/a.b/...", ""),
            ("/a%20b%40", "/a%20b%40", ""),
            ("/%E2%82%ac", "/%E2%82%ac", ""),
            ("/a:b,c;"[..6].trim_end_matches(';'), "/a:b,c", ""),
            ("/100%25", "/100%25", ""),
            ("/100%25a", "/100%25a", ""),
            ("/@!$&'()*+,=~", "/@!$&'()*+,=~", ""),
        ] {
            assert_eq!(split(target), Ok((path, query)), "{target}");
        }
        let long = format!("/{}", "a".repeat(64 * 1024));
        assert_eq!(split(&long), Ok((long.as_str(), "")));
    }

    #[test]
    fn paths_that_some_backend_reads_otherwise_are_refused() {
        for target in [
            "",
            "a",
            "*",
            "http://h/a",
            "?x",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/.",
            "/..",
            "/a/.",
            "/a/../b",
            "/./a",
            "/a/..",
            "/a?b#c",
            "/a?b c",
            "/a?\u{7f}",
            "/a?\t",
        ] {
            assert!(split(target).is_err(), "{target}");
        }
        for character in "\\#;<>\"^{}|` \t\n\r\u{0}\u{7f}é".chars() {
            let target = format!("/a{character}b");
            assert!(split(&target).is_err(), "{target:?}");
        }
        for escape in [
            "%",
            "%2",
            "%zz",
            "%+1",
            "%2g",
            "%41",
            "%7e",
            "%2D",
            "%2e",
            "%5F",
            "%30",
            "%2f",
            "%2F",
            "%5c",
            "%5C",
            "%3b",
            "%3F",
            "%23",
            "%00",
            "%0a",
            "%7f",
            "%1F",
            "%2525",
            "%252f",
            "%2500",
            "%25%32%66",
            "%ff",
            "%c0%af",
            "%c3",
            "%ed%a0%80",
            "%u002f",
        ] {
            let target = format!("/a{escape}");
            assert!(split(&target).is_err(), "{target}");
        }
    }
}
