//! Whether one requirement lets a request pass that another one refuses.

use crate::policy::{
    outcome::{Carried, Held, Outcome, outcome},
    requirement::{Alternative, Requirement},
    scheme::{Place, Scheme, SchemeKind},
};

/// Whether some request passes under `after` that `before` refuses.
///
/// It is enough to try the least that meets each alternative of `after`, alone and with one credential more: more roles
/// and credentials never make a requirement refuse, but for one that it cannot use where it has `{}`.
pub(super) fn admits_more(before: &Requirement, after: &Requirement) -> bool {
    let least = after.alternatives().iter().filter_map(least).chain([Request::new()]);
    let more = more(before, after);
    least.into_iter().any(|least| {
        let is_new = |request: &Request<'_>| passes(after, request) && !passes(before, request);
        is_new(&least)
            || more.iter().any(|one| {
                let is_free = least.iter().all(|(it, _)| *it != one.0 && !it.excludes(&one.0));
                is_free && is_new(&[least.as_slice(), std::slice::from_ref(one)].concat())
            })
    })
}

#[derive(Debug, Clone)]
enum Credential<'p> {
    Invalid,
    /// Under `openIdConnect` a token must come from the issuer with this discovery URL; `None` is an issuer that no
    /// scheme names.
    Valid {
        issuer: Option<&'p str>,
        held: Held<'p>,
    },
}

type Request<'p> = Vec<(Place<'p>, Credential<'p>)>;

fn passes(requirement: &Requirement, request: &Request<'_>) -> bool {
    let carried = |scheme: &Scheme| {
        let place = scheme.place();
        match request.iter().find(|(filled, _)| *filled == place).map(|(_, found)| found) {
            None => Carried::Nothing,
            Some(Credential::Invalid) => Carried::Invalid,
            Some(Credential::Valid { issuer, held }) => match &scheme.kind {
                SchemeKind::OpenIdConnect { url } if *issuer != Some(url) => Carried::Invalid,
                _ => Carried::Valid(held),
            },
        }
    };
    outcome(requirement, carried) == Outcome::Allowed
}

/// The request that carries just what an alternative demands; none if no request can.
fn least(alternative: &Alternative) -> Option<Request<'_>> {
    if alternative.conflict().is_some() {
        return None;
    }
    let mut request: Request<'_> = Vec::new();
    for demand in &alternative.demands {
        let (place, needed) = (demand.scheme.place(), issuer(&demand.scheme));
        let at = request.iter().position(|(filled, _)| *filled == place).unwrap_or_else(|| {
            request.push((place, Credential::Valid { issuer: None, held: Held::default() }));
            request.len() - 1
        });
        if let Some((_, Credential::Valid { issuer, held })) = request.get_mut(at) {
            held.extend(demand);
            if issuer.is_some() && needed.is_some() && *issuer != needed {
                return None;
            }
            *issuer = issuer.or(needed);
        }
    }
    Some(request)
}

fn issuer(scheme: &Scheme) -> Option<&str> {
    match &scheme.kind {
        SchemeKind::OpenIdConnect { url } => Some(url),
        _ => None,
    }
}

/// Credentials that one of the two requirements may take for invalid.
fn more<'p>(before: &'p Requirement, after: &'p Requirement) -> Request<'p> {
    let mut found = Request::new();
    for demand in before.demands().chain(after.demands()) {
        let scheme = &demand.scheme;
        found.push((scheme.place(), Credential::Invalid));
        let held = Held::default();
        found.push((scheme.place(), Credential::Valid { issuer: issuer(scheme), held }));
    }
    found
}
