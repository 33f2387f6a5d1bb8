//! The parts of a request that carry credentials.

use std::fmt;

use crate::policy::{
    requirement::{Alternative, Requirement},
    scheme::{CredentialKind, Location, Scheme, SchemeKind},
};

/// The part of a request that a scheme reads. Several schemes may share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    Bearer,
    Basic,
    ApiKey { location: Location, name: String, holds: CredentialKind },
}

impl Slot {
    pub(super) fn of(scheme: &Scheme) -> Self {
        match &scheme.kind {
            SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
                Self::Bearer
            }
            SchemeKind::Basic => Self::Basic,
            SchemeKind::ApiKey { location, name } => {
                let (location, name) = (*location, name.clone());
                Self::ApiKey { location, name, holds: scheme.credential }
            }
        }
    }

    pub(super) fn is_cookie(&self) -> bool {
        matches!(self, Self::ApiKey { location: Location::Cookie, .. })
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => f.write_str("Authorization: Bearer"),
            Self::Basic => f.write_str("Authorization: Basic"),
            Self::ApiKey { location, name, .. } => write!(f, "the {} {name}", location.as_str()),
        }
    }
}

/// The slots that these schemes read, each once.
pub(super) fn slots<'p>(schemes: impl Iterator<Item = &'p Scheme>) -> Vec<Slot> {
    let mut slots = Vec::new();
    for slot in schemes.map(Slot::of) {
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
    slots
}

/// Which of these slots one request can fill: `Authorization` has one scheme, and beside another credential no cookie is
/// read, unless an alternative demands both.
pub(super) fn sent_together(slots: Vec<Slot>, requirement: &Requirement) -> Vec<Vec<Slot>> {
    let is_mixed = |alternative: &Alternative| {
        let cookies = alternative.demands.iter().filter(|demand| demand.scheme.is_cookie()).count();
        (1..alternative.demands.len()).contains(&cookies)
    };
    let (cookies, others): (Vec<_>, Vec<_>) = slots.into_iter().partition(Slot::is_cookie);
    let without = |left_out| others.iter().filter(|slot| **slot != left_out).cloned().collect();
    let mut requests: Vec<Vec<Slot>> =
        match others.contains(&Slot::Bearer) && others.contains(&Slot::Basic) {
            true => vec![without(Slot::Basic), without(Slot::Bearer)],
            false => vec![others],
        };
    match requirement.alternatives().iter().any(is_mixed) {
        true => requests.iter_mut().for_each(|request| request.extend(cookies.iter().cloned())),
        false if cookies.is_empty() => {}
        false => {
            requests.retain(|request| !request.is_empty());
            requests.push(cookies);
        }
    }
    requests
}

/// A sender with the slots that it fills.
pub(super) fn describe(title: &str, slots: &[Slot]) -> String {
    let slots: Vec<_> = slots.iter().map(ToString::to_string).collect();
    match slots.is_empty() {
        true => format!("`{title}`, without a credential"),
        false => format!("`{title}`, in {}", slots.join(", ")),
    }
}
