//! Which template of a document a path goes to, and whether other servers may read it as a path of another one.

use std::{collections::HashMap, iter::Zip, str::Split};

use crate::policy::paths::{Segment, Template, folded};

/// Bounds the nodes that are visited to find a path.
const MAX_VISITS: usize = 1000;

/// The templates of a document as a tree of segments.
#[derive(Debug)]
pub(super) struct TemplateTree {
    templates: Vec<Template>,
    /// The root first, every node before those behind it.
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// Where the literal segments behind this node lead to.
    literals: HashMap<String, usize>,
    /// The literals by what they are folded to; `None` where several are folded to the same.
    folded: HashMap<String, Option<Literal>>,
    /// The segments with parameters behind this node.
    patterns: Vec<Pattern>,
    /// The template that ends here.
    end: Option<End>,
}

#[derive(Debug)]
struct Literal {
    text: String,
    to: usize,
}

#[derive(Debug)]
struct Pattern {
    segment: Segment,
    folded: Segment,
    to: usize,
}

/// Of several templates that match, the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    /// The place of the template among all, more specific ones first.
    order: usize,
    position: usize,
}

impl TemplateTree {
    /// A tree of templates that are known by their position.
    pub(super) fn new(templates: impl IntoIterator<Item = Template>) -> Self {
        let templates: Vec<_> = templates.into_iter().collect();
        let mut tree = Self { templates: Vec::new(), nodes: vec![Node::default()] };
        let mut sorted: Vec<_> = templates.iter().enumerate().collect();
        sorted.sort_by_cached_key(|(_, template)| template.rank());
        for (order, (position, template)) in sorted.into_iter().enumerate() {
            let end = template.0.iter().fold(0, |at, segment| tree.step(at, segment));
            if let Some(node) = tree.nodes.get_mut(end) {
                node.end.get_or_insert(End { order, position });
            }
        }
        Self { templates, ..tree }
    }

    /// The node behind a segment, made if it is not there.
    fn step(&mut self, at: usize, segment: &Segment) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        if let Some(known) = node.behind(segment) {
            return known;
        }
        node.add(segment, next);
        self.nodes.push(Node::default());
        next
    }

    /// # Errors
    /// Finding a path may take too long, as so many templates match the same one.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut visits = vec![0; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let behind = |to: &usize| visits.get(*to).copied().unwrap_or_default();
            let literal = node.literals.values().map(behind).max().unwrap_or_default();
            // What a segment may match beside a pattern begins as that does.
            let beside = |one: &Pattern| {
                let alike =
                    node.patterns.iter().filter(|it| it.segment.may_match_beside(&one.segment));
                alike.map(|pattern| behind(&pattern.to)).sum::<usize>()
            };
            let patterns = node.patterns.iter().map(beside).max().unwrap_or_default();
            if let Some(visits) = visits.get_mut(at) {
                *visits = 1 + literal + patterns;
            }
        }
        match visits.first() {
            Some(visits) if *visits > MAX_VISITS => Err(format!(
                "has so many templates for the same paths that a request is compared with {visits} of their segments, and \
                 {MAX_VISITS} is the limit; give segments literals that tell the templates apart"
            )),
            _ => Ok(()),
        }
    }

    /// The position of the most specific template that matches a decoded path.
    pub(super) fn find(&self, path: &str) -> Option<usize> {
        self.best(0, path.split('/')).map(|end| end.position)
    }

    fn best(&self, at: usize, mut rest: Split<'_, char>) -> Option<End> {
        let node = self.nodes.get(at)?;
        let Some(text) = rest.next() else { return node.end };
        let behind = |to: usize| self.best(to, rest.clone());
        // A literal is more specific than every pattern.
        let literal = node.literals.get(text).and_then(|to| behind(*to));
        let matching = || node.patterns.iter().filter(|pattern| pattern.segment.matches(text));
        literal.or_else(|| matching().filter_map(|pattern| behind(pattern.to)).min())
    }

    /// Whether another server may read a decoded path as one that goes elsewhere: a segment is one of a template but for
    /// case, or for an escape that is still there; or a template matches that is not less specific than that at `found`,
    /// and `differs`.
    pub(super) fn is_ambiguous(
        &self,
        path: &str,
        found: Option<usize>,
        differs: impl Fn(usize) -> bool,
    ) -> bool {
        let found = found.and_then(|found| self.templates.get(found));
        let is_other = |position| {
            let other = self.templates.get(position);
            let pair = found.zip(other);
            differs(position) && pair.is_none_or(|(found, other)| !found.is_more_specific(other))
        };
        self.any(0, path.split('/').zip(folded(path).split('/')), &is_other)
    }

    fn any(
        &self,
        at: usize,
        mut rest: Zip<Split<'_, char>, Split<'_, char>>,
        is_other: &impl Fn(usize) -> bool,
    ) -> bool {
        let Some(node) = self.nodes.get(at) else { return false };
        let Some((text, folded)) = rest.next() else {
            return node.end.is_some_and(|end| is_other(end.position));
        };
        let behind = |to: usize| self.any(to, rest.clone(), is_other);
        let is_literal_other = |literal: &Option<Literal>| match literal {
            Some(literal) if literal.text == text => behind(literal.to),
            _ => true,
        };
        node.folded.get(folded).is_some_and(is_literal_other)
            || node.patterns.iter().any(|pattern| match pattern.segment.matches(text) {
                true => behind(pattern.to),
                false => pattern.folded.matches(folded),
            })
    }
}

impl Node {
    fn behind(&self, segment: &Segment) -> Option<usize> {
        match segment.literal() {
            Some(literal) => self.literals.get(literal).copied(),
            None => self.patterns.iter().find(|known| known.segment == *segment).map(|it| it.to),
        }
    }

    fn add(&mut self, segment: &Segment, to: usize) {
        let Some(literal) = segment.literal() else {
            self.patterns.push(Pattern { segment: segment.clone(), folded: segment.folded(), to });
            return;
        };
        self.literals.insert(literal.to_owned(), to);
        let alone = || Some(Literal { text: literal.to_owned(), to });
        let alike = self.folded.entry(folded(literal).into_owned());
        alike.and_modify(|known| *known = None).or_insert_with(alone);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn tree(templates: &[&str]) -> TemplateTree {
        TemplateTree::new(templates.iter().map(|template| Template::parse(template).unwrap()))
    }

    #[test]
    fn a_segment_that_some_servers_take_for_one_of_a_template_matches_none() {
        let tree = tree(&[
            "/items/{id}",
            "/items/admin",
            "/{a}/Über",
            "/users/{x}/keys",
            "/orgs/all",
            "/sums/{sum}",
            "/sums/a+b",
            "/sums/100%",
            "/sums/{a}+{b}+c",
            "/jobs/{id}",
            "/jobs/{id}:cancel",
            "/words/straße",
            "/words/{word}",
        ]);
        for (path, matching) in [
            ("/items/admin", Some(&[0, 1][..])),
            ("/items/Admin", None),
            ("/items/ADMIN", None),
            ("/items/7", Some(&[0])),
            ("/Items/7", None),
            ("/items/Keys", Some(&[0])),
            ("/x/über", None),
            ("/x/Über", Some(&[2])),
            ("/items/über", None),
            ("/users/admin/Keys", None),
            ("/users/Keys/keys", Some(&[3])),
            ("/users/All", Some(&[])),
            ("/sums/a+b", Some(&[5, 6])),
            ("/sums/a%2Bb", None),
            ("/sums/a%2bb", None),
            ("/sums/100%25", None),
            ("/sums/1%2B1", Some(&[5])),
            ("/sums/1%2B1+c", None),
            ("/sums/1+1+c", Some(&[5, 8])),
            ("/jobs/7:cancel", Some(&[9, 10])),
            ("/jobs/7:CANCEL", None),
            ("/words/STRASSE", None),
            ("/words/\u{17f}", Some(&[12])),
            ("/job\u{17f}/7", None),
            ("/", Some(&[])),
        ] {
            let found = RefCell::new(Vec::new());
            let is_ambiguous = tree.is_ambiguous(path, None, |position| {
                found.borrow_mut().push(position);
                false
            });
            let mut found = found.into_inner();
            found.sort_unstable();
            assert_eq!((!is_ambiguous).then_some(&*found), matching, "{path}");
        }
    }

    #[test]
    fn templates_for_the_same_paths_are_limited() {
        // All that match a path of ones.
        let crossing = |segments: u32| {
            let segment = |template: u32, at| match template >> at & 1 {
                0 => "/1".to_owned(),
                _ => format!("/{{p{at}}}"),
            };
            let template = |template| (0..segments).map(|at| segment(template, at)).collect();
            let templates: Vec<String> = (0..1 << segments).map(template).collect();
            let templates: Vec<_> = templates.iter().map(String::as_str).collect();
            tree(&templates).check()
        };
        assert_eq!(crossing(8), Ok(()));
        let error = crossing(12).unwrap_err();
        assert!(error.contains("compared with 8192 of their segments"), "{error}");
        // What literals tell apart is not counted together.
        for apart in [|at| format!("/{at}/{{id}}"), |at| format!("/f{at}({{id}})/g{at}(x={{x}})")] {
            let apart: Vec<_> = (1000..3000).map(apart).collect();
            let apart: Vec<_> = apart.iter().map(String::as_str).collect();
            assert_eq!(tree(&apart).check(), Ok(()));
        }
    }
}
