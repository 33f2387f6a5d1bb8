//! What of an application lies inside of a guard, compared with the document that the guard enforces.

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    policy::{compiled::Policy, operation::Operation},
    server::routing::{
        probe::Inside,
        public_places::PublicPlaces,
        registered::Registered,
        route_conflicts::{Undocumented, is_of, label, undocumented},
    },
};

/// The handlers inside of a guard that are neither documented nor public.
pub(crate) fn unreachable(
    policy: &Policy,
    public: &PublicPlaces,
    app: &Registered,
    inside: &Inside,
) -> Vec<Undocumented> {
    let found = undocumented(policy, app, |resource| inside.has(resource));
    found.into_iter().filter(|one| !public.has(Some(&one.pattern))).collect()
}

/// What is odd, but cannot harm: operations without a handler, public patterns that the router does not have, and parts
/// of the application that could not be looked at. `is_own` tells hallpass' own operations.
pub(crate) fn oddities(
    policy: &Policy,
    is_own: impl Fn(&Operation) -> bool,
    public: &PublicPlaces,
    app: &Registered,
    inside: &Inside,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let has_handler =
        |operation: &&Operation| app.resources.iter().any(|resource| is_of(operation, resource));
    let (own, theirs): (Vec<_>, Vec<_>) = policy.operations().partition(|one| is_own(one));
    if !own.is_empty() && !own.iter().any(has_handler) {
        let what = "are not registered: call `site.register(config)` inside of the guard";
        diagnostics.push(Diagnostic::new("hallpass' own routes", what));
    }
    for operation in theirs.into_iter().filter(|operation| !has_handler(operation)) {
        let what = "is in the document, and no handler is registered for it";
        diagnostics.push(Diagnostic::new(label(operation), what));
    }
    let patterns: Vec<_> = app.resources.iter().map(|resource| resource.pattern.as_str()).collect();
    for pattern in public.missing_in(&patterns) {
        let what = "is public, and the router has no such pattern; write it as it was registered";
        diagnostics.push(Diagnostic::new(format!("`{pattern}`"), what));
    }
    for prefix in &inside.unknown {
        let what = "it is not known whether it lies inside of the guard: a handler in it takes every request";
        diagnostics.push(Diagnostic::new(format!("the scope `{prefix}`"), what));
    }
    diagnostics
}

/// Operations whose handlers lie outside of the guard: nothing enforces their `security`.
pub(crate) fn unguarded(policy: &Policy, app: &Registered, inside: &Inside) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    for operation in policy.operations() {
        let handlers = app.resources.iter().filter(|resource| is_of(operation, resource));
        let outside = handlers.filter(|resource| !inside.may_have(resource));
        if outside.count() > 0 {
            let what = "its handler lies outside of the guard, so nothing enforces its `security`: wrap `site.guard()` \
                        around it";
            diagnostics.push(Diagnostic::new(label(operation), what));
        }
    }
    diagnostics
}
