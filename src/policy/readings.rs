//! All templates that servers may take a path for, each in its own way of reading paths.

use std::collections::HashMap;

use crate::policy::paths::{Segment, Template, folded};

/// The templates as a tree of segments.
#[derive(Debug, Default)]
pub(super) struct Readings {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// The literals behind this node and where they lead to, by what they are folded to.
    literals: HashMap<String, Vec<(String, usize)>>,
    /// The segments with parameters behind this node.
    patterns: Vec<Pattern>,
    /// The position of the template that ends here.
    template: Option<usize>,
}

#[derive(Debug)]
struct Pattern {
    segment: Segment,
    folded: Segment,
    to: usize,
}

impl Readings {
    pub(super) fn new(templates: &[Template]) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        for (position, template) in templates.iter().enumerate() {
            let end = template.0.iter().fold(0, |at, segment| tree.step(at, segment));
            if let Some(node) = tree.nodes.get_mut(end) {
                node.template = Some(position);
            }
        }
        tree
    }

    /// The node behind a segment, made if it is not there.
    fn step(&mut self, at: usize, segment: &Segment) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let known = match segment.literal() {
            Some(literal) => {
                let alike = node.literals.entry(folded(literal)).or_default();
                let known = alike.iter().find(|(text, _)| text == literal).map(|(_, to)| *to);
                if known.is_none() {
                    alike.push((literal.to_owned(), next));
                }
                known
            }
            None => {
                let mut patterns = node.patterns.iter();
                let known = patterns.find(|one| one.segment == *segment).map(|one| one.to);
                if known.is_none() {
                    let (segment, folded) = (segment.clone(), segment.folded());
                    node.patterns.push(Pattern { segment, folded, to: next });
                }
                known
            }
        };
        known.unwrap_or_else(|| {
            self.nodes.push(Node::default());
            next
        })
    }

    /// The positions of the templates that match a decoded path. None where a segment of the path is one of a template
    /// but for case, or for an escape that is still there.
    pub(super) fn matching(&self, path: &str) -> Option<Vec<usize>> {
        let mut reached: Vec<_> = self.nodes.first().into_iter().collect();
        for text in path.split('/') {
            let folded = folded(text);
            let mut next = Vec::new();
            for node in reached {
                for (literal, to) in node.literals.get(&folded).into_iter().flatten() {
                    if literal != text {
                        return None;
                    }
                    next.extend(self.nodes.get(*to));
                }
                for pattern in &node.patterns {
                    if pattern.segment.matches(text) {
                        next.extend(self.nodes.get(pattern.to));
                    } else if pattern.folded.matches(&folded) {
                        return None;
                    }
                }
            }
            if next.is_empty() {
                return Some(Vec::new());
            }
            reached = next;
        }
        Some(reached.into_iter().filter_map(|node| node.template).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_some_servers_take_for_one_of_a_template_matches_none() {
        let templates = [
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
        ];
        let templates: Vec<_> =
            templates.iter().map(|template| Template::parse(template).unwrap()).collect();
        let readings = Readings::new(&templates);
        for (path, matching) in [
            ("/items/admin", Some(&[1, 0][..])),
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
            ("/sums/a+b", Some(&[6, 5])),
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
            assert_eq!(readings.matching(path).as_deref(), matching, "{path}");
        }
    }
}
