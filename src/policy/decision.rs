//! A requirement weighed against what the server found out about the credentials.
//!
//! Must not know where a credential stood, how it was proven, or how an answer is written.

use std::sync::Arc;

use super::{Alternative, Demand, Requirement, Scheme};
use crate::principal::Principal;

/// What the server found out about the credential of one scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// None was presented.
    Missing,
    /// The presented one is malformed, unknown, expired or revoked.
    Invalid,
    /// A cookie that came across sites, which nobody looked at.
    CrossSite,
    /// It speaks for this principal.
    Valid(Arc<Principal>),
}

/// The schemes that fit into [`Authentications`] without an allocation; our own document has eight.
const NEAR: usize = 8;

/// What is known so far, by scheme. All schemes must be of one [`super::Policy`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Authentications {
    near: [Option<Authentication>; NEAR],
    far: Vec<Option<Authentication>>,
}

impl Authentications {
    /// Adds what was found out about the credential of `scheme`, in place of anything known before.
    pub(crate) fn insert(&mut self, scheme: &Scheme, evidence: Authentication) {
        let slot = match scheme.index.checked_sub(NEAR) {
            None => self.near.get_mut(scheme.index),
            Some(index) => {
                self.far.resize(self.far.len().max(index + 1), None);
                self.far.get_mut(index)
            }
        };
        if let Some(slot) = slot {
            *slot = Some(evidence);
        }
    }

    /// What is known about the credential of `scheme`.
    pub(crate) fn of(&self, scheme: &Scheme) -> Option<&Authentication> {
        match scheme.index.checked_sub(NEAR) {
            None => self.near.get(scheme.index)?.as_ref(),
            Some(index) => self.far.get(index)?.as_ref(),
        }
    }
}

/// What comes next for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Evaluation<'p> {
    /// Prove the credential of this scheme, insert the evidence, evaluate again.
    Authenticate(&'p Scheme),
    /// Nothing more has to be proven.
    Decided(Decision<'p>),
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision<'p> {
    /// It may pass.
    Allow {
        /// Whom it speaks for and by which scheme; none if anonymous was enough.
        principal: Option<(Arc<Principal>, &'p Scheme)>,
    },
    /// 401 (RFC 9110 §15.5.2).
    Challenge {
        /// The scheme whose credential was bad; none if nothing was presented.
        bad: Option<&'p Scheme>,
    },
    /// 403 (RFC 9110 §15.5.4).
    Forbid(Forbidden<'p>),
}

/// Why another credential of the same sort would not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forbidden<'p> {
    /// Proven, but a role or scope is missing (RFC 6750 §3.1, `insufficient_scope`).
    Insufficient {
        /// The demand that is not met.
        demand: &'p Demand,
    },
    /// The credential is a cookie that came across sites.
    CrossSite {
        /// Its scheme.
        scheme: &'p Scheme,
    },
    /// Proofs that must name one subject name several.
    OtherSubject,
    /// The document declares nothing for the operation.
    Undeclared,
}

impl Requirement {
    /// With the evidence so far, names the next scheme whose credential must be proven, or decides.
    ///
    /// Alternatives are tried in document order, and one that passes ends the search; `{}` passes
    /// last, and only if no presented credential is bad. If all fail, the most specific refusal is
    /// the answer: 403 before a bad credential before a missing one, then the first.
    pub(crate) fn evaluate<'p>(&'p self, evidences: &Authentications) -> Evaluation<'p> {
        let alternatives = match self {
            Self::Public => return Evaluation::Decided(Decision::Allow { principal: None }),
            Self::Denied => return Evaluation::Decided(Decision::Forbid(Forbidden::Undeclared)),
            Self::AnyOf(alternatives) => alternatives,
        };
        let mut refusal = Decision::Challenge { bad: None };
        for alternative in alternatives.iter().filter(|one| !one.is_anonymous()) {
            match alternative.evaluate(evidences) {
                Evaluation::Decided(Decision::Allow { principal }) => {
                    return Evaluation::Decided(Decision::Allow { principal });
                }
                Evaluation::Decided(other) => refusal = refusal.or_stronger(other),
                prove => return prove,
            }
        }
        if alternatives.iter().any(Alternative::is_anonymous) {
            refusal = self.anonymous(evidences);
        }
        Evaluation::Decided(refusal)
    }

    /// Without a credential anybody may; one that is presented must be good, whatever it lacks.
    fn anonymous<'p>(&'p self, evidences: &Authentications) -> Decision<'p> {
        let mut decision = Decision::Allow { principal: None };
        for demand in self.demands() {
            if let Some(bad @ (Authentication::Invalid | Authentication::CrossSite)) =
                evidences.of(&demand.scheme)
            {
                decision = decision.or_stronger(demand.evaluate(bad, None));
            }
        }
        decision
    }
}

impl Alternative {
    /// The first demand speaks for the request; the others must agree on whom, and on whose name that is.
    fn evaluate<'p>(&'p self, evidences: &Authentications) -> Evaluation<'p> {
        let mut decision = Decision::Allow { principal: None };
        let mut first = None;
        for demand in &self.demands {
            match evidences.of(&demand.scheme) {
                None => return Evaluation::Authenticate(&demand.scheme),
                Some(evidence) => {
                    decision = decision.or_stronger(demand.evaluate(evidence, first));
                    first = first.or(evidence.principal());
                }
            }
        }
        Evaluation::Decided(decision)
    }
}

impl Authentication {
    fn principal(&self) -> Option<&Principal> {
        match self {
            Self::Valid(principal) => Some(principal),
            Self::Missing | Self::Invalid | Self::CrossSite => None,
        }
    }
}

impl Demand {
    fn evaluate(&self, evidence: &Authentication, first: Option<&Principal>) -> Decision<'_> {
        let scheme = self.scheme.as_ref();
        match evidence {
            Authentication::Missing => Decision::Challenge { bad: None },
            Authentication::Invalid => Decision::Challenge { bad: Some(scheme) },
            Authentication::CrossSite => Decision::Forbid(Forbidden::CrossSite { scheme }),
            Authentication::Valid(principal) if !self.is_met_by(principal) => {
                Decision::Forbid(Forbidden::Insufficient { demand: self })
            }
            Authentication::Valid(principal)
                if first.is_some_and(|first| !first.is_same_as(principal)) =>
            {
                Decision::Forbid(Forbidden::OtherSubject)
            }
            Authentication::Valid(principal) => {
                Decision::Allow { principal: Some((Arc::clone(principal), scheme)) }
            }
        }
    }

    fn is_met_by(&self, principal: &Principal) -> bool {
        self.roles.iter().all(|role| principal.has_role(role))
            && self.scopes.iter().all(|scope| principal.has_scope(scope))
    }
}

impl Decision<'_> {
    /// The other one if it says more about what is wrong, else this one.
    fn or_stronger(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Allow { principal: None } => 0,
            Self::Allow { principal: Some(_) } => 1,
            Self::Challenge { bad: None } => 2,
            Self::Challenge { bad: Some(_) } => 3,
            Self::Forbid(_) => 4,
        }
    }
}
