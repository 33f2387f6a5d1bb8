//! What a requirement answers to credentials that are only described: for statements about all requests, where there is
//! no principal.

use std::collections::BTreeSet;

use crate::policy::{
    requirement::{Alternative, Demand, Requirement},
    scheme::Scheme,
};

/// The roles and scopes of a good credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Held<'p> {
    pub(crate) roles: BTreeSet<&'p str>,
    pub(crate) scopes: BTreeSet<&'p str>,
}

impl<'p> Held<'p> {
    /// Adds what `demand` demands.
    pub(super) fn extend(&mut self, demand: &'p Demand) {
        self.roles.extend(demand.roles.iter().map(|role| role.as_str()));
        self.scopes.extend(demand.scopes.iter().map(|scope| scope.as_str()));
    }
}

/// What a request carries for one scheme. All good credentials of a request belong to one subject.
#[derive(Debug, Clone, Copy)]
pub(super) enum Carried<'c, 'p> {
    Nothing,
    Invalid,
    Valid(&'c Held<'p>),
}

/// The answer to a request, the most specific last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// 401
    Challenged,
    /// 403
    Forbidden,
    /// 200
    Allowed,
}

impl Outcome {
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::Challenged => "401",
            Self::Forbidden => "403",
            Self::Allowed => "200",
        }
    }
}

/// The same as `Requirement::evaluate` would decide. `carried` says what the request carries for a scheme.
pub(super) fn outcome<'c, 'p: 'c>(
    requirement: &Requirement,
    carried: impl Fn(&Scheme) -> Carried<'c, 'p>,
) -> Outcome {
    match requirement {
        Requirement::Public => return Outcome::Allowed,
        Requirement::Denied => return Outcome::Forbidden,
        Requirement::AnyOf(_) => {}
    }
    let of_demand = |demand: &Demand| match carried(&demand.scheme) {
        Carried::Nothing | Carried::Invalid => Outcome::Challenged,
        Carried::Valid(held) => {
            let has_all = demand.roles.iter().all(|role| held.roles.contains(role.as_str()))
                && demand.scopes.iter().all(|scope| held.scopes.contains(scope.as_str()));
            if has_all { Outcome::Allowed } else { Outcome::Forbidden }
        }
    };
    let of_alternative = |alternative: &Alternative| {
        let outcomes = alternative.demands.iter().map(of_demand);
        let refusals = outcomes.filter(|outcome| *outcome != Outcome::Allowed);
        let met =
            if alternative.conflict().is_some() { Outcome::Challenged } else { Outcome::Allowed };
        refusals.max().unwrap_or(met)
    };
    let named = requirement.alternatives().iter().filter(|one| !one.is_anonymous());
    let best = named.map(of_alternative).max().unwrap_or(Outcome::Challenged);
    if best == Outcome::Allowed || !requirement.alternatives().iter().any(Alternative::is_anonymous)
    {
        return best;
    }
    let is_invalid = |demand: &Demand| matches!(carried(&demand.scheme), Carried::Invalid);
    if requirement.demands().any(is_invalid) { Outcome::Challenged } else { Outcome::Allowed }
}
