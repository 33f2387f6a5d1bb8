//! Paths as they are logged: an API key or a token that somebody put into one is not.

use std::borrow::Cow;

/// What API keys and JWTs begin with.
const BEGINNINGS: [&str; 2] = ["hp_", "eyJ"];
/// Shorter texts are neither.
const SHORTEST: usize = 20;
const MASK: &str = "***";

/// `path` with every text that may be an API key or a JWT replaced.
pub(crate) fn masked(path: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed("");
    let mut rest = path;
    let mut searched = 0;
    while let Some(begin) = find(rest, searched) {
        let (before, from) = rest.split_at_checked(begin).unwrap_or((rest, ""));
        let length = from.bytes().take_while(|byte| is_part(*byte)).count();
        if length < SHORTEST {
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
    let begins = |rest: &str| BEGINNINGS.iter().any(|beginning| rest.starts_with(beginning));
    (searched..text.len()).find(|at| text.get(*at..).is_some_and(begins))
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
        ] {
            assert_eq!(masked(path), wanted);
        }
        assert!(matches!(masked("/request"), Cow::Borrowed(_)));
    }

    #[test]
    fn the_time_for_a_path_grows_with_its_length_only() {
        let path = "/hp_".repeat(250_000);
        assert_eq!(masked(&path), path);
    }
}
