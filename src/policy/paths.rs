//! Path templates: reading, matching, ordering (OpenAPI 3.1 §4.8.8, Paths Object).
//!
//! Must not know methods, nor what an operation demands.

use std::{borrow::Cow, cmp::Reverse, collections::HashMap};

use actix_router::Quoter;

/// `path` as actix-web's router sees it: percent-decoded, but for `%25`, `%2F` and `%2B`.
pub(crate) fn decoded(path: &str) -> Cow<'_, str> {
    match Quoter::new(b"", b"%/+").requote(path.as_bytes()) {
        Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        None => Cow::Borrowed(path),
    }
}

/// A path of the document, the names of its parameters forgotten: equal means that nothing but
/// names differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Template(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Segment {
    Literal(String),
    Pattern { before: String, between: Vec<String>, behind: String },
}

impl Template {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it and how to mend it.
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        if !path.starts_with('/') {
            return Err("does not begin with `/`; put one before it".to_owned());
        }
        if path.contains(['?', '#']) {
            return Err(
                "holds `?` or `#`; a path ends before the query, remove the rest".to_owned()
            );
        }
        if path.ends_with("}*") {
            return Err("ends with `}*`; a parameter is one segment, remove the `*`".to_owned());
        }
        let mut names = Vec::new();
        let segments: Result<_, _> =
            path.split('/').map(|text| Segment::parse(text, &mut names)).collect();
        Ok(Self(segments?))
    }

    fn matches(&self, path: &str) -> bool {
        self.0.len() == count(path)
            && self.0.iter().zip(path.split('/')).all(|(segment, text)| segment.matches(text))
    }

    /// How many segments it has; only paths with equally many can match.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn concrete(&self) -> Option<String> {
        let literals: Option<Vec<_>> = self.0.iter().map(Segment::literal).collect();
        literals.map(|literals| literals.join("/"))
    }

    /// Orders more specific templates first: a literal earlier, then more literal characters.
    fn rank(&self) -> Vec<(bool, Reverse<usize>)> {
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
                return Err(unbalanced());
            }
            if name.is_empty() {
                return Err("has a parameter without a name; write one like `{id}`".to_owned());
            }
            if names.contains(&name) {
                return Err(format!("has two parameters `{name}`; rename one"));
            }
            names.push(name);
            literals.push(decoded(literal).into_owned());
            rest = tail;
        }
        if rest.contains('}') {
            return Err(unbalanced());
        }
        let behind = decoded(rest).into_owned();
        let mut literals = literals.into_iter();
        Ok(match literals.next() {
            None => Self::Literal(behind),
            Some(before) => Self::Pattern { before, between: literals.collect(), behind },
        })
    }

    fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(literal) => Some(literal),
            Self::Pattern { .. } => None,
        }
    }

    /// A parameter takes one character or more. The first place where the next literal stands is as
    /// good as any later one, so nothing has to be tried twice.
    fn matches(&self, text: &str) -> bool {
        let (before, between, behind) = match self {
            Self::Literal(literal) => return literal == text,
            Self::Pattern { before, between, behind } => (before, between, behind),
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
        rest.len() > behind.len() && rest.ends_with(behind.as_str()) && !climbs(text)
    }

    fn rank(&self) -> (bool, Reverse<usize>) {
        match self {
            Self::Literal(_) => (false, Reverse(0)),
            Self::Pattern { before, between, behind } => {
                let between: usize = between.iter().map(String::len).sum();
                (true, Reverse(before.len() + between + behind.len()))
            }
        }
    }
}

fn unbalanced() -> String {
    "has a brace without its partner; a parameter is written `{name}`, a brace `%7B`".to_owned()
}

/// Whether some server might read the segment as `.` or `..` and so arrive at another path than the
/// one that was judged. Clients resolve such segments before they send them (RFC 3986 §5.2.4); that
/// servlet containers cut at `;` and others decode `%2F` or turn `\` around is folklore of attackers.
fn climbs(segment: &str) -> bool {
    segment.contains('.')
        && segment
            .split(['\\', ';'])
            .flat_map(|part| part.split("%2F"))
            .flat_map(|part| part.split("%2f"))
            .any(|part| part == "." || part == "..")
}

fn count(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count() + 1
}

/// All paths of a document, ready to be searched.
#[derive(Debug, Default)]
pub(super) struct Paths {
    concrete: HashMap<String, usize>,
    /// By number of segments, the more specific first.
    templated: HashMap<usize, Vec<(Template, usize)>>,
}

impl Paths {
    /// An index of templates, each known by its position.
    pub(super) fn of(templates: impl IntoIterator<Item = Template>) -> Self {
        let mut paths = Self::default();
        for (position, template) in templates.into_iter().enumerate() {
            match template.concrete() {
                Some(path) => drop(paths.concrete.insert(path, position)),
                None => {
                    paths.templated.entry(template.len()).or_default().push((template, position));
                }
            }
        }
        for templates in paths.templated.values_mut() {
            templates.sort_by_cached_key(|(template, _)| template.rank());
        }
        paths
    }

    /// The position of the template that a decoded path belongs to.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        self.concrete.get(path).copied().or_else(|| {
            let templates = self.templated.get(&count(path))?;
            templates.iter().find(|(template, _)| template.matches(path)).map(|(_, found)| *found)
        })
    }
}
