//! Whether the protection of operations became weaker or stronger from one document to the next.
//!
//! Compared is what requests meet: an operation that one of the documents does not have is judged there by the template
//! that takes its paths, and HEAD by its GET.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use crate::{
    diagnostics::printable,
    policy::{
        admission::admits_more,
        compiled::{Item, Lookup, Policy},
        operation::Operation,
        outcome::{Carried, Outcome, outcome},
        paths,
        requirement::{Alternative, Requirement},
        scheme::{Scheme, SchemeKind},
    },
};

/// How the protection of an operation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Some request passes that was refused.
    Weaker,
    /// Some request is refused that passed.
    Stronger,
    /// Both.
    Different,
    /// No request for it passed or was refused before: it was not there.
    Added,
    /// It is not there any more.
    Removed,
}

impl Class {
    fn as_str(self) -> &'static str {
        match self {
            Self::Weaker => "WEAKER",
            Self::Stronger => "STRONGER",
            Self::Different => "DIFFERENT",
            Self::Added => "ADDED",
            Self::Removed => "REMOVED",
        }
    }
}

/// An operation whose protection changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) class: Class,
    method: String,
    path: String,
    what: String,
    is_public: bool,
}

impl Change {
    /// Whether some request passes that did not pass before, without a credential if the operation is new.
    pub(crate) fn is_weaker(&self) -> bool {
        match self.class {
            Class::Weaker | Class::Different => true,
            Class::Added => self.is_public,
            Class::Stronger | Class::Removed => false,
        }
    }
}

/// As a line, without control characters.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("{} {} {}: {}", self.class.as_str(), self.method, self.path, self.what);
        f.write_str(&printable(&line))
    }
}

/// The operations whose protection changed: those of `new` in document order, then those that only `old` has.
pub(crate) fn changes(old: &Policy, new: &Policy) -> Vec<Change> {
    let mut found: Vec<Comparison<'_>> = Vec::new();
    let mut known = HashMap::new();
    for (sample, template) in samples(old, new) {
        let (before, after) = (old.item(&sample), new.item(&sample));
        let documented = after.into_iter().chain(before).flat_map(|item| &item.operations);
        let methods: Vec<_> = documented.map(|operation| operation.method.as_str()).collect();
        for method in methods {
            let at = *known.entry((method, template)).or_insert(found.len());
            if at == found.len() {
                found.push(Comparison::new(method, template));
            }
            if let Some(comparison) = found.get_mut(at) {
                let (before, after) = (met(before, method), met(after, method));
                // An operation that both documents have gets or loses requests where another template takes their path
                // without their method in one of them.
                let is_in =
                    |policy, one: Option<&Operation>| one.is_some_and(|one| has(policy, one));
                let pair = match (before, after) {
                    (None, Some(_)) if !is_in(old, after) => None,
                    (Some(_), None) if !is_in(new, before) => None,
                    _ => Some((demanded(before), demanded(after))),
                };
                comparison.add(before, after, pair);
            }
        }
    }
    found.iter().filter_map(Comparison::change).collect()
}

fn met<'p>(item: Option<&'p Item>, method: &str) -> Option<&'p Operation> {
    match item?.find(method) {
        Lookup::Operation(operation) => Some(operation),
        Lookup::MethodNotAllowed { .. } | Lookup::NotFound => None,
    }
}

/// What a request must meet; without an operation it is refused.
fn demanded(operation: Option<&Operation>) -> &Requirement {
    operation.map_or(&Requirement::Denied, |operation| &operation.requirement)
}

/// Whether a policy has the operation, whatever it demands and however its parameters are named.
fn has(policy: &Policy, operation: &Operation) -> bool {
    let item = paths::generic(&operation.path).and_then(|sample| policy.item(&sample));
    met(item, &operation.method).is_some_and(|found| {
        found.method == operation.method && paths::is_same(&found.path, &operation.path)
    })
}

/// A path for each set of paths that go to the same template of `old` and the same of `new`, and the template by whose
/// name people know it.
fn samples<'p>(old: &'p Policy, new: &'p Policy) -> Vec<(String, &'p str)> {
    let paths =
        |policy: &'p Policy| policy.items().map(|item| item.path.as_str()).collect::<Vec<_>>();
    let (before, after) = (paths(old), paths(new));
    let (named, empty): (Vec<_>, Vec<_>) =
        new.items().chain(old.items()).partition(|item| !item.operations.is_empty());
    let named = named.into_iter().chain(empty);
    let named = named.filter_map(|item| Some((paths::generic(&item.path)?, item.path.as_str())));
    let crossings = paths::crossings(&before, &after);
    let mut seen = HashSet::new();
    named.chain(crossings).filter(|(sample, _)| seen.insert(sample.clone())).collect()
}

/// What the requests for an operation met before, and what they meet now.
struct Comparison<'p> {
    method: &'p str,
    template: &'p str,
    before: Option<&'p Operation>,
    after: Option<&'p Operation>,
    is_weaker: bool,
    is_stronger: bool,
}

impl<'p> Comparison<'p> {
    fn new(method: &'p str, template: &'p str) -> Self {
        let (before, after) = (None, None);
        Self { method, template, before, after, is_weaker: false, is_stronger: false }
    }

    /// Adds what the requests for a path met and meet, and the requirements to compare, if there is something to compare.
    fn add(
        &mut self,
        before: Option<&'p Operation>,
        after: Option<&'p Operation>,
        pair: Option<(&Requirement, &Requirement)>,
    ) {
        let is_weaker = pair.is_some_and(|(before, after)| admits_more(before, after));
        let is_stronger = pair.is_some_and(|(before, after)| admits_more(after, before));
        let is_first = self.before.is_none() && self.after.is_none();
        // What is told is the first change.
        let is_change = (is_weaker || is_stronger) && !self.is_weaker && !self.is_stronger;
        if is_first || is_change {
            (self.before, self.after) = (before, after);
        }
        self.is_weaker |= is_weaker;
        self.is_stronger |= is_stronger;
    }

    fn change(&self) -> Option<Change> {
        let class = match (self.is_weaker, self.is_stronger) {
            (true, true) => Class::Different,
            (true, false) => Class::Weaker,
            (false, true) => Class::Stronger,
            (false, false) => match (self.before, self.after) {
                (None, Some(after)) if self.is_named_as(after) => Class::Added,
                (Some(before), None) if self.is_named_as(before) => Class::Removed,
                _ => return None,
            },
        };
        let is_public = self.after.is_some_and(|after| is_public(&after.requirement));
        let (method, path) = (self.method.to_owned(), self.template.to_owned());
        Some(Change { class, method, path, what: self.what(), is_public })
    }

    /// Whether `operation` is the one that is compared, and not one that takes its requests.
    fn is_named_as(&self, operation: &Operation) -> bool {
        operation.method == self.method
            && paths::generic(&operation.path) == paths::generic(self.template)
    }

    /// The operation that takes the requests, where it is another one.
    fn by(&self, operation: &Operation) -> String {
        match self.is_named_as(operation) {
            true => String::new(),
            false => format!(" (by {} {})", operation.method, operation.path),
        }
    }

    /// What stands for an operation that is not there, beside the one that is.
    fn none(&self, other: &Operation) -> &'static str {
        if self.is_named_as(other) { "no operation for some paths" } else { "no operation" }
    }

    fn what(&self) -> String {
        match (self.before, self.after) {
            (Some(before), Some(after)) => {
                let tell = |with_places| {
                    let tell = |one: &Operation| text(&one.requirement, with_places);
                    (tell(before), tell(after))
                };
                let (mut was, mut is) = tell(false);
                if was == is {
                    (was, is) = tell(true);
                }
                format!("{was}{} -> {is}{}", self.by(before), self.by(after))
            }
            (Some(before), None) if self.is_stronger => {
                format!(
                    "{}{} -> {}",
                    text(&before.requirement, false),
                    self.by(before),
                    self.none(before)
                )
            }
            (None, Some(after)) if self.is_weaker => {
                format!(
                    "{} -> {}{}",
                    self.none(after),
                    text(&after.requirement, false),
                    self.by(after)
                )
            }
            (Some(one), None) | (None, Some(one)) => {
                // Whoever reads `public` looks for it, also where credentials are optional.
                let is_optional = one.requirement != Requirement::Public;
                let mark = if is_optional && is_public(&one.requirement) { "public, " } else { "" };
                format!("{mark}{}", text(&one.requirement, false))
            }
            (None, None) => String::new(),
        }
    }
}

/// Whether a request without a credential passes.
fn is_public(requirement: &Requirement) -> bool {
    outcome(requirement, |_| Carried::Nothing) == Outcome::Allowed
}

fn text(requirement: &Requirement, with_places: bool) -> String {
    match requirement {
        Requirement::Public => "public".to_owned(),
        Requirement::Denied => "denied, for want of a `security`".to_owned(),
        Requirement::AnyOf(alternatives) => {
            let text = |one: &Alternative| match one.is_anonymous() {
                true => "anonymous".to_owned(),
                false if with_places => {
                    let kinds = one.demands.iter().map(|demand| place_text(&demand.scheme));
                    format!("{{{one}}} in {}", kinds.collect::<Vec<_>>().join(" and "))
                }
                false => format!("{{{one}}}"),
            };
            alternatives.iter().map(text).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn place_text(scheme: &Scheme) -> String {
    match &scheme.kind {
        SchemeKind::ApiKey { location, name } => format!("{} {name}", location.as_str()),
        SchemeKind::Bearer | SchemeKind::OAuth2 => "Authorization: Bearer".to_owned(),
        SchemeKind::OpenIdConnect { url } => format!("Authorization: Bearer of {url}"),
        SchemeKind::Basic => "Authorization: Basic".to_owned(),
    }
}
