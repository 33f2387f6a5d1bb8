//! Whether the router takes every request to the handler of the operation that the policy finds for it.

use std::collections::{BTreeSet, HashSet};

use actix_web::web::ServiceConfig;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    policy::{
        compiled::{Lookup, Policy},
        operation::Operation,
        paths::{filled, is_same, overlap},
    },
    server::routing::registered::{ANY, Registered, Resource, VALUES},
};

/// What is known of the routes of an application.
#[derive(Debug)]
pub(crate) struct Routing {
    /// The operations that handlers are registered for, by position.
    pub(crate) registered: HashSet<usize>,
    /// The paths whose handlers do not take every request that the document has for them: nothing that is registered
    /// later may take the rest.
    pub(crate) partial: BTreeSet<String>,
    /// The handlers that the document does not have; requests for them are refused.
    pub(crate) undocumented: BTreeSet<Undocumented>,
}

/// A handler that the document does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Undocumented {
    /// As the router has it.
    pub(crate) pattern: String,
    /// The pattern as a document writes it.
    pub(crate) path: String,
    /// Those that the document does not have; none where the handler takes all.
    methods: Vec<String>,
    name: Option<String>,
    /// Whether the document has other methods of the path.
    is_path_documented: bool,
}

impl Undocumented {
    /// What is to be done about it.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        let methods =
            if self.methods.is_empty() { "any method".to_owned() } else { self.methods.join(", ") };
        let name = self.name.as_ref().map_or_else(String::new, |name| format!(" (`{name}`)"));
        let what = match self.is_path_documented {
            true => "is not in the document, so requests for it get 405: document it",
            false
                if self.methods.is_empty() || self.methods.iter().any(|method| method == "GET") =>
            {
                "is not in the document, so requests for it get 404: document it, or make it public with `.public(..)`"
            }
            false => "is not in the document, so requests for it get 404: document it",
        };
        Diagnostic::new(format!("{methods} {}{name}", self.pattern), what)
    }
}

/// Compares the router of the application that `register` makes with the policy.
///
/// # Errors
/// Every two registrations of which one could answer requests that were judged as the other's, and every pattern that
/// the router reads otherwise than the document.
pub(crate) fn check(
    policy: &Policy,
    register: impl FnOnce(&mut ServiceConfig),
) -> Result<Routing, Diagnostics> {
    compare_all(policy, &Registered::read(register)?, true)
}

/// As [`check`], with a whole application, whose handlers need not have the names of operations.
///
/// # Errors
/// As [`check`].
pub(crate) fn compare(policy: &Policy, app: &Registered) -> Result<Routing, Diagnostics> {
    compare_all(policy, app, false)
}

fn compare_all(
    policy: &Policy,
    app: &Registered,
    are_names_ids: bool,
) -> Result<Routing, Diagnostics> {
    let checker = Checker { policy, app };
    let (mut registered, mut partial) = (HashSet::new(), BTreeSet::new());
    let mut found = Vec::new();
    for operation in policy.operations() {
        let mut at_path =
            app.resources.iter().filter(|one| is_same(&one.template, &operation.path));
        let own = app.resources.iter().find(|one| is_of(operation, one));
        if are_names_ids || own.is_none() {
            found.extend(checker.misplaced(operation));
        }
        let Some(first) = at_path.next() else { continue };
        if own.is_some() {
            registered.insert(operation.position);
        }
        let resource = own.unwrap_or(first);
        if resource.is_partial() {
            partial.insert(operation.path.clone());
        }
        found.extend(checker.doubled(operation));
        found.extend(wider(operation, resource));
        found.extend(checker.hidden(operation, resource));
        found.extend(checker.shared(operation, resource));
    }
    let mut diagnostics = Diagnostics::default();
    for (at, diagnostic) in found.iter().enumerate() {
        if !found.iter().take(at).any(|known| known == diagnostic) {
            diagnostics.push(diagnostic.clone());
        }
    }
    let undocumented = undocumented(policy, app, |_| true);
    diagnostics.or(Routing { registered, partial, undocumented })
}

/// The handlers among those that `is_inside` names which the document does not have.
pub(super) fn undocumented(
    policy: &Policy,
    app: &Registered,
    is_inside: impl Fn(&Resource) -> bool,
) -> BTreeSet<Undocumented> {
    let documented = |resource: &Resource| -> Vec<&str> {
        let at_path = policy.operations().filter(|one| is_same(&resource.template, &one.path));
        at_path.map(|operation| operation.method.as_str()).collect()
    };
    let undocumented = app.resources.iter().filter(|one| is_inside(one)).filter_map(|resource| {
        let documented = documented(resource);
        let is_known = |method: &str| {
            documented.contains(&method) || method == "HEAD" && documented.contains(&"GET")
        };
        let methods: Vec<_> =
            resource.methods.iter().filter(|method| !is_known(method)).cloned().collect();
        let is_path_documented = !documented.is_empty();
        (!is_path_documented || !methods.is_empty()).then(|| Undocumented {
            pattern: resource.pattern.clone(),
            path: resource.template.clone(),
            methods,
            name: resource.name.clone().filter(|_| resource.methods.len() < 2),
            is_path_documented,
        })
    });
    undocumented.collect()
}

struct Checker<'p> {
    policy: &'p Policy,
    app: &'p Registered,
}

impl Checker<'_> {
    /// The annotation has another path or method than the handler is registered with.
    fn misplaced(&self, operation: &Operation) -> Option<Diagnostic> {
        let name = operation.operation_id.as_deref()?;
        let named = || self.app.resources.iter().filter(|one| one.name.as_deref() == Some(name));
        let elsewhere = named().next().filter(|_| !named().any(|one| is_of(operation, one)))?;
        let what = format!(
            "is the operation of the handler `{name}`, which is registered as {} {}; give both the same method and path",
            elsewhere.methods.join(", "),
            elsewhere.pattern
        );
        Some(Diagnostic::new(label(operation), what))
    }

    /// More than one handler at the path of the operation takes its method.
    fn doubled(&self, operation: &Operation) -> Option<Diagnostic> {
        let at_path: Vec<_> = self
            .app
            .resources
            .iter()
            .filter(|one| is_same(&one.template, &operation.path))
            .collect();
        let methods: HashSet<_> = at_path.iter().flat_map(|one| &one.methods).collect();
        let is_doubled = at_path.len() > methods.len()
            || at_path.iter().any(|one| one.is_shadowed || !one.guards.is_empty());
        if at_path.len() < 2 || !is_doubled {
            return None;
        }
        let names: Vec<_> = at_path.iter().map(|one| name(one)).collect();
        let guards: BTreeSet<_> = at_path.iter().flat_map(|one| &one.guards).collect();
        let guards: Vec<_> = guards.into_iter().map(|guard| format!("`{guard}`")).collect();
        let chosen = match guards.as_slice() {
            [] => String::new(),
            guards => format!(" by the guard {}", guards.join(", ")),
        };
        let what = format!(
            "{} are registered at this path, and the router chooses between them{chosen}, so one could run under the \
             `security` of another; give each a path of its own, or one handler to the method",
            names.join(" and ")
        );
        Some(Diagnostic::new(format!("{} {}", operation.method, operation.path), what))
    }

    /// The router takes a path of the operation for something that was registered before it.
    fn hidden(&self, operation: &Operation, resource: &Resource) -> Vec<Diagnostic> {
        let overlaps = self.app.resources.iter().map(|one| overlap(&operation.path, &one.template));
        let own = VALUES.iter().map(|value| filled(&operation.path, value));
        let paths = own.chain(overlaps).flatten().filter(|path| resource.is_match(path));
        let paths: BTreeSet<_> = paths.filter(|path| self.is_judged_as(operation, path)).collect();
        let hidden = paths.iter().filter_map(|path| {
            let what = match self.app.pattern_for(path) {
                Some(pattern) => {
                    let mut resources = self.app.resources.iter();
                    let taker = resources.find(|one| one.pattern == pattern)?;
                    if is_same(&taker.template, &operation.path) {
                        return None;
                    }
                    format!(
                        "is registered after {} at `{pattern}`, and the router takes `{path}` for that one; register \
                         the more specific path first",
                        self.describe(taker)
                    )
                }
                None => format!(
                    "is registered after the scope `{}`, and the router looks for `{path}` only there; register it \
                     before the scope, or in it",
                    self.app.scope_for(path).unwrap_or("/")
                ),
            };
            Some(Diagnostic::new(label(operation), what))
        });
        hidden.collect()
    }

    /// The handler leaves requests that were judged as its own to a handler of another path.
    fn shared(&self, operation: &Operation, resource: &Resource) -> Vec<Diagnostic> {
        let others = self.app.resources.iter();
        let others = others
            .filter(|one| !is_same(&one.template, &operation.path) && one.takes(&operation.method));
        let shared = others.filter_map(|other| {
            let because = match resource.takes(&operation.method) {
                true => resource.leaves_to(other)?,
                false => format!("no handler is registered for {}", operation.method),
            };
            let own = || filled(&operation.path, ANY).filter(|path| other.is_match(path));
            let path = overlap(&operation.path, &other.template).or_else(own)?;
            let what = format!(
                "requests of `{path}` go on to {} at `{}` where {because}, and would be answered there under the `security` \
                 of this operation; give them paths that do not overlap, and check the condition in the handler",
                self.describe(other), other.pattern
            );
            self.is_judged_as(operation, &path)
                .then(|| Diagnostic::new(label(operation), what))
        });
        shared.collect()
    }

    fn is_judged_as(&self, operation: &Operation, path: &str) -> bool {
        matches!(
            self.policy.find(&operation.method, path),
            Lookup::Operation(found) if found.position == operation.position
        )
    }

    /// The operations of a resource, or the name of its handler.
    fn describe(&self, resource: &Resource) -> String {
        let mut operations = self.policy.operations();
        let operation = operations.find(|operation| is_of(operation, resource));
        operation.map_or_else(|| name(resource), label)
    }
}

pub(super) fn is_of(operation: &Operation, resource: &Resource) -> bool {
    is_same(&resource.template, &operation.path) && resource.takes(&operation.method)
}

/// A parameter of the router takes more than one segment.
fn wider(operation: &Operation, resource: &Resource) -> Option<Diagnostic> {
    let is_wide = ["example/example", "a/b", "1/1", "/"].into_iter().any(|value| {
        let path = filled(&operation.path, value);
        path.is_some_and(|path| path != operation.path && resource.is_match(&path))
    });
    let what = format!(
        "is registered as `{}`, which takes several segments, and a parameter of a document takes one; write a parameter \
         for each segment",
        resource.pattern
    );
    (is_wide && !resource.is_template()).then(|| Diagnostic::new(label(operation), what))
}

/// `GET /a (`list_invoices`)`.
pub(super) fn label(operation: &Operation) -> String {
    let id = operation.operation_id.as_ref().map_or_else(String::new, |id| format!(" (`{id}`)"));
    format!("{} {}{id}", operation.method, operation.path)
}

fn name(resource: &Resource) -> String {
    match &resource.name {
        Some(name) => format!("the handler `{name}`"),
        None => "a handler without a name".to_owned(),
    }
}
