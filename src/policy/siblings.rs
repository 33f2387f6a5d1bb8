//! Literal segments that differ from a request's in case only: to servers that ignore case they are the same.

use std::collections::HashMap;

use crate::policy::paths::{Segment, Template};

/// The templates as a tree of segments.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    /// The literals behind this node and where they lead to, by their lower case.
    literals: HashMap<String, Vec<(String, usize)>>,
    /// The segments with parameters behind this node, and where they lead to.
    patterns: Vec<(Segment, usize)>,
}

impl Siblings {
    pub(super) fn new(templates: &[Template]) -> Self {
        let mut tree = Self { nodes: vec![Node::default()] };
        for template in templates {
            template.0.iter().fold(0, |at, segment| tree.step(at, segment));
        }
        tree
    }

    /// The node behind a segment, made if it is not there.
    fn step(&mut self, at: usize, segment: &Segment) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let known = match segment.literal() {
            Some(literal) => {
                let alike = node.literals.entry(literal.to_lowercase()).or_default();
                let known = alike.iter().find(|(text, _)| text == literal).map(|(_, to)| *to);
                if known.is_none() {
                    alike.push((literal.to_owned(), next));
                }
                known
            }
            None => {
                let known = node.patterns.iter().find(|(one, _)| one == segment).map(|(_, to)| *to);
                if known.is_none() {
                    node.patterns.push((segment.clone(), next));
                }
                known
            }
        };
        known.unwrap_or_else(|| {
            self.nodes.push(Node::default());
            next
        })
    }

    /// Whether a segment of a decoded path equals a literal at its place but for case.
    pub(super) fn has_other_case(&self, path: &str) -> bool {
        let mut reached = vec![0];
        for text in path.split('/') {
            let lower = text.to_lowercase();
            let mut next = Vec::new();
            for node in reached.iter().filter_map(|at| self.nodes.get(*at)) {
                for (literal, to) in node.literals.get(&lower).into_iter().flatten() {
                    if literal != text {
                        return true;
                    }
                    next.push(*to);
                }
                let patterns = node.patterns.iter().filter(|(segment, _)| segment.matches(text));
                next.extend(patterns.map(|(_, to)| *to));
            }
            if next.is_empty() {
                return false;
            }
            reached = next;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segments_at_the_place_of_a_literal_count() {
        let templates =
            ["/items/{id}", "/items/admin", "/{a}/Über", "/users/{x}/keys", "/orgs/all"];
        let templates: Vec<_> =
            templates.iter().map(|template| Template::parse(template).unwrap()).collect();
        let siblings = Siblings::new(&templates);
        for (path, found) in [
            ("/items/admin", false),
            ("/items/Admin", true),
            ("/items/ADMIN", true),
            ("/items/7", false),
            ("/Items/7", true),
            ("/items/Keys", false),
            ("/x/über", true),
            ("/items/über", true),
            ("/users/admin/Keys", true),
            ("/users/Keys/keys", false),
            ("/users/All", false),
            ("/", false),
        ] {
            assert_eq!(siblings.has_other_case(path), found, "{path}");
        }
    }
}
