//! Path templates: parsing, matching, ordering (OpenAPI 3.1 §4.8.8, Paths Object).

use std::{borrow::Cow, cmp::Reverse, collections::HashMap};

use actix_router::Quoter;

/// Bounds the depth of recursions over segments.
const MAX_SEGMENTS: usize = 128;

/// `path` as actix-web's router sees it: percent-decoded except for `%25`, `%2F` and `%2B`.
pub(crate) fn decoded(path: &str) -> Cow<'_, str> {
    decoded_without(b"%/+", path)
}

/// A path or segment as servers see it that ignore case and decode every escape. `%2F` stays: segments stay segments.
pub(super) fn folded(path: &str) -> Cow<'_, str> {
    let decoded = decoded_without(b"/", path);
    if !decoded.is_ascii() {
        // `ſ` is in lower case, and still an `S` to some.
        Cow::Owned(decoded.to_uppercase().to_lowercase())
    } else if decoded.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(decoded.to_ascii_lowercase())
    } else {
        decoded
    }
}

fn decoded_without<'p>(kept: &[u8], path: &'p str) -> Cow<'p, str> {
    match Quoter::new(b"", kept).requote(path.as_bytes()) {
        Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        None => Cow::Borrowed(path),
    }
}

/// What stands for a parameter where any value will do.
const EXAMPLE: &str = "example";

/// The decoded path of a template with `value` for each parameter; none where the template is malformed.
pub(crate) fn filled(template: &str, value: &str) -> Option<String> {
    let template = Template::parse(template).ok()?;
    let segments: Vec<_> = template.0.iter().map(|segment| segment.0.join(value)).collect();
    Some(segments.join("/"))
}

/// A decoded path that both templates match; none where there is no such path, or a template is malformed.
pub(crate) fn overlap(one: &str, other: &str) -> Option<String> {
    let (one, other) = (Template::parse(one).ok()?, Template::parse(other).ok()?);
    if one.0.len() != other.0.len() {
        return None;
    }
    let pairs = one.0.iter().zip(&other.0);
    let segments: Option<Vec<_>> = pairs.map(|(one, other)| one.overlap(other, EXAMPLE)).collect();
    segments.map(|segments| segments.join("/"))
}

/// What stands for a parameter where it must equal no literal: a character for private use.
const FRESH: &str = "\u{f8ff}";

/// A decoded path that a template matches and no more specific one does; none where the template is malformed.
pub(super) fn generic(template: &str) -> Option<String> {
    filled(template, FRESH)
}

/// The paths where a template of `some` and another one of `others` cross: both match, and neither is the more specific.
/// Each with the template of `others`.
pub(super) fn crossings<'o>(some: &[&str], others: &[&'o str]) -> Vec<(String, &'o str)> {
    let some: Vec<_> = some.iter().filter_map(|path| Template::parse(path).ok()).collect();
    let mut by_segment: HashMap<_, Vec<&Template>> = HashMap::new();
    for template in &some {
        for (at, segment) in template.0.iter().enumerate() {
            let key = (template.0.len(), at, segment.literal());
            by_segment.entry(key).or_default().push(template);
        }
    }
    let mut found = Vec::new();
    for path in others {
        let Ok(other) = Template::parse(path) else { continue };
        // All that cross it have each of its literals, or a parameter there: the rarest of them leaves the fewest.
        let at_segment = |at, literal| {
            let key = (other.0.len(), at, literal);
            by_segment.get(&key).map(Vec::as_slice).unwrap_or_default()
        };
        let literals =
            other.0.iter().enumerate().filter_map(|(at, one)| Some((at, one.literal()?)));
        let candidates = literals.map(|(at, it)| [at_segment(at, Some(it)), at_segment(at, None)]);
        let fewest = candidates.min_by_key(|[one, other]| one.len() + other.len());
        let candidates = fewest.into_iter().flatten().flatten();
        found.extend(candidates.filter_map(|one| Some((one.crossing(&other)?, *path))));
    }
    found
}

/// Whether two templates differ at most in the names of their parameters.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    // Every second part is a name.
    one.split(['{', '}']).step_by(2).eq(other.split(['{', '}']).step_by(2))
}

const UNBALANCED: &str = "has an unbalanced brace; a parameter is written `{name}`, a brace `%7B`";

/// A path template without the names of its parameters, so that templates that differ only in names are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Template(pub(super) Vec<Segment>);

/// The literals of a segment, with a parameter between each two: `a{x}b` is `["a", "b"]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Segment(Vec<String>);

impl Template {
    /// Parses a path of the document. The error says how to fix it.
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        if !path.starts_with('/') {
            return Err("does not begin with `/`; put one before it".into());
        }
        if path.contains(['?', '#']) {
            return Err("contains `?` or `#`; a path ends before the query, remove the rest".into());
        }
        if path.ends_with("}*") {
            return Err("ends with `}*`; a parameter is one segment, remove the `*`".into());
        }
        if path.split('/').count() > MAX_SEGMENTS {
            return Err(format!("has more than {MAX_SEGMENTS} segments; shorten it"));
        }
        let mut names = Vec::new();
        let segments: Result<_, _> =
            path.split('/').map(|text| Segment::parse(text, &mut names)).collect();
        Ok(Self(segments?))
    }

    /// The template with numbers for the names of its parameters.
    pub(super) fn numbered(&self) -> String {
        let mut numbers = 1..;
        let mut written = |segment: &Segment| {
            let mut text = String::new();
            for (at, literal) in segment.0.iter().enumerate() {
                if at > 0 {
                    text.extend(numbers.next().map(|number: usize| format!("{{{number}}}")));
                }
                text.push_str(literal);
            }
            text
        };
        self.0.iter().map(&mut written).collect::<Vec<_>>().join("/")
    }

    /// A path that both match, for two of the same length.
    fn crossing(&self, other: &Self) -> Option<String> {
        let pairs = || self.0.iter().zip(&other.0);
        let may_cross = pairs().all(|(one, other)| match (one.literal(), other.literal()) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        });
        if !may_cross || self == other {
            return None;
        }
        let segments: Option<Vec<_>> =
            pairs().map(|(one, other)| one.overlap(other, FRESH)).collect();
        segments.map(|segments| segments.join("/"))
    }

    /// Whether it goes before `other` in every segment where they differ.
    pub(super) fn is_more_specific(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(&other.0);
        pairs.all(|(one, other)| one == other || one.rank() < other.rank())
    }

    /// Sorts more specific templates first: by segment, literals before patterns, then more literal characters.
    pub(super) fn rank(&self) -> Vec<(bool, Reverse<usize>)> {
        self.0.iter().map(Segment::rank).collect()
    }
}

impl Segment {
    fn parse<'t>(text: &'t str, names: &mut Vec<&'t str>) -> Result<Self, String> {
        let mut literals = Vec::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}').unwrap_or(("{", tail));
            if literal.contains('}') || name.contains('{') {
                return Err(UNBALANCED.into());
            }
            if name.is_empty() {
                return Err("has a parameter without a name; write one like `{id}`".into());
            }
            if names.contains(&name) {
                return Err(format!("has two parameters `{name}`; rename one"));
            }
            names.push(name);
            literals.push(decoded(literal).into_owned());
            rest = tail;
        }
        if rest.contains('}') {
            return Err(UNBALANCED.into());
        }
        literals.push(decoded(rest).into_owned());
        Ok(Self(literals))
    }

    pub(super) fn literal(&self) -> Option<&str> {
        if let [literal] = self.0.as_slice() { Some(literal) } else { None }
    }

    /// A parameter matches at least one character. Taking the first occurrence of each literal is enough: no
    /// backtracking is needed.
    pub(super) fn matches(&self, text: &str) -> bool {
        let [before, between @ .., behind] = self.0.as_slice() else {
            return self.literal() == Some(text);
        };
        let Some(mut rest) = text.strip_prefix(before.as_str()) else { return false };
        for literal in between {
            let mut chars = rest.chars();
            if chars.next().is_none() {
                return false;
            }
            let Some((_, tail)) = chars.as_str().split_once(literal.as_str()) else { return false };
            rest = tail;
        }
        rest.len() > behind.len() && rest.ends_with(behind.as_str()) && !is_dot_segment(text)
    }

    /// Whether a text can begin as both do, where that of `other` is not the shorter beginning.
    pub(super) fn may_match_beside(&self, other: &Self) -> bool {
        let [one, other] = [self, other].map(|it| it.0.first().map_or("", String::as_str));
        other.starts_with(one)
    }

    /// The segment for [`folded`] texts.
    pub(super) fn folded(&self) -> Self {
        Self(self.0.iter().map(|literal| folded(literal).into_owned()).collect())
    }

    /// A text that both match, with `value` for parameters. Of two patterns with several parameters in a segment, it can miss one.
    fn overlap(&self, other: &Self, value: &str) -> Option<String> {
        let edges = |first: &Self, last: &Self| {
            [first.0.first().map_or("", |text| text), value, last.0.last().map_or("", |text| text)]
                .concat()
        };
        let texts =
            [self.0.join(value), other.0.join(value), edges(self, other), edges(other, self)];
        texts.into_iter().find(|text| self.matches(text) && other.matches(text))
    }

    fn rank(&self) -> (bool, Reverse<usize>) {
        (self.literal().is_none(), Reverse(self.0.iter().map(String::len).sum()))
    }
}

/// Whether a server behind us might read the segment as `.` or `..` and serve another path than the one that was
/// judged. Honest clients resolve such segments themselves (RFC 3986 §5.2.4). Some servers cut segments at `;`,
/// decode `%2F` or treat `\` as `/`.
fn is_dot_segment(segment: &str) -> bool {
    segment.contains('.')
        && segment
            .split(['\\', ';'])
            .flat_map(|part| part.split("%2F"))
            .flat_map(|part| part.split("%2f"))
            .any(|part| part == "." || part == "..")
}
