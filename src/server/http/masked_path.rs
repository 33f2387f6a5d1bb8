//! Paths as they are logged: an API key or a token that somebody put into one is not.

use std::borrow::Cow;

/// What API keys and JWTs begin with.
const BEGINNINGS: [&str; 2] = ["hp_", "eyJ"];
/// Shorter texts are neither.
const SHORTEST: usize = 20;
const MASK: &str = "***";

/// `path` with every text that may be an API key or a JWT replaced, also where it is percent-encoded, once or more often.
pub(crate) fn masked(path: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed("");
    let mut rest = path;
    let mut searched = 0;
    while let Some(begin) = find(rest, searched) {
        let (before, from) = rest.split_at_checked(begin).unwrap_or((rest, ""));
        let (mut characters, mut length) = (0, 0);
        while let Some((_, end)) = character(from, length).filter(|(byte, _)| is_part(*byte)) {
            (characters, length) = (characters + 1, end);
        }
        if characters < SHORTEST {
            searched = begin + 1;
            continue;
        }
        let text = masked.to_mut();
        text.push_str(before);
        text.push_str(MASK);
        (rest, searched) = (from.get(length..).unwrap_or_default(), 0);
    }
    if masked.is_empty() {
        return Cow::Borrowed(path);
    }
    masked + rest
}

/// Where the next secret may begin, from `searched` on.
fn find(text: &str, searched: usize) -> Option<usize> {
    let begins = |at: usize| BEGINNINGS.iter().any(|beginning| begins_with(text, at, beginning));
    (searched..text.len()).find(|at| begins(*at))
}

fn begins_with(text: &str, at: usize, beginning: &str) -> bool {
    let mut at = Some(at);
    beginning.bytes().all(|wanted| match at.and_then(|at| character(text, at)) {
        Some((byte, end)) => {
            at = Some(end);
            byte == wanted
        }
        None => false,
    })
}

/// The byte at `at`, percent-decoded as often as it is encoded (RFC 3986 §2.1), and where the next one begins.
fn character(text: &str, at: usize) -> Option<(u8, usize)> {
    let bytes = text.as_bytes();
    let byte = *bytes.get(at)?;
    if byte != b'%' {
        return Some((byte, at + 1));
    }
    let mut digits = at + 1;
    while bytes.get(digits..digits + 2) == Some(b"25") {
        digits += 2;
    }
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    let decoded = digit(digits).zip(digit(digits + 1)).map(|(high, low)| high * 16 + low);
    let decoded = decoded.and_then(|decoded| u8::try_from(decoded).ok());
    Some(decoded.map_or((byte, at + 1), |decoded| (decoded, digits + 2)))
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_keys_and_tokens_are_masked_and_nothing_else_is() {
        let key = format!("hp_{}", "a1B_".repeat(15));
        let token = format!("eyJ{}.{}.{}", "a".repeat(20), "b-_".repeat(20), "c".repeat(43));
        for (path, wanted) in [
            ("/", "/".to_owned()),
            ("/hp_short/eyJ", "/hp_short/eyJ".to_owned()),
            ("/é/hp_é", "/é/hp_é".to_owned()),
            (&format!("/keys/{key}"), "/keys/***".to_owned()),
            (&format!("/{key}/{token}/x"), "/***/***/x".to_owned()),
            (&format!("/a=hp_é{token};b"), "/a=hp_é***;b".to_owned()),
            (&format!("/{}/x", key.replace('_', "%5F")), "/***/x".to_owned()),
            (&format!("/{}/x", key.replace("hp_", "%68%70_")), "/***/x".to_owned()),
            (
                &format!("/{}", token.replace('e', "%2565").replace('.', "%25252E")),
                "/***".to_owned(),
            ),
            (&format!("/%2F{}%2Fx", key.replace('_', "%5f")), "/%2F***%2Fx".to_owned()),
            ("/hp%5Fshort%/%e9%", "/hp%5Fshort%/%e9%".to_owned()),
        ] {
            assert_eq!(masked(path), wanted);
        }
        assert!(matches!(masked("/request"), Cow::Borrowed(_)));
    }

    #[test]
    fn the_time_for_a_path_grows_with_its_length_only() {
        for part in ["/hp_", "%25", "%2525", "25", "hp%25255F"] {
            let path = part.repeat(250_000);
            assert!(masked(&path).len() <= path.len());
        }
    }
}
