//! A requirement, evaluated against what is known about a request's credentials.

use std::sync::Arc;

use crate::{
    policy::{
        requirement::{Alternative, Demand, Requirement},
        scheme::Scheme,
    },
    principal::Principal,
};

/// The result of authenticating the credential of one scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authentication {
    /// The request has no such credential.
    Missing,
    /// The credential is malformed, unknown, expired or revoked.
    Invalid,
    /// A cookie of a cross-site request; it was not authenticated.
    CrossSite,
    /// The credential is good and belongs to this principal.
    Valid(Arc<Principal>),
}

/// The authentications of a request so far, by the index of their scheme. All schemes are of one policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Authentications(Vec<Option<Authentication>>);

impl Authentications {
    pub(crate) fn insert(&mut self, scheme: &Scheme, authentication: Authentication) {
        if self.0.len() <= scheme.index {
            self.0.resize(scheme.index + 1, None);
        }
        if let Some(slot) = self.0.get_mut(scheme.index) {
            *slot = Some(authentication);
        }
    }

    /// The authentication of `scheme`, if it was tried.
    pub(crate) fn get(&self, scheme: &Scheme) -> Option<&Authentication> {
        self.0.get(scheme.index)?.as_ref()
    }

    /// Whether one of them is valid.
    pub(crate) fn has_valid(&self) -> bool {
        self.0.iter().flatten().any(|one| matches!(one, Authentication::Valid(_)))
    }
}

/// The next step for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Evaluation<'p> {
    /// Authenticate the credential of this scheme, insert the result, and evaluate again.
    Authenticate(&'p Scheme),
    /// No further credential matters.
    Decided(Decision<'p>),
}

/// Whether a request is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision<'p> {
    /// The principal and the scheme that authenticated it; `None` where no credential is needed.
    Allow { principal: Option<(Arc<Principal>, &'p Scheme)> },
    /// 401, with the scheme whose credential is invalid; `None` if there is no credential.
    Challenge { invalid: Option<&'p Scheme> },
    /// 403.
    Forbid(Forbidden<'p>),
}

/// Why a request is forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forbidden<'p> {
    /// The credential is good, but a role or scope is missing (RFC 6750 §3.1, `insufficient_scope`).
    Insufficient { demand: &'p Demand },
    /// The credential is a cookie of a cross-site request.
    CrossSite { scheme: &'p Scheme },
    /// The credentials of one alternative belong to different subjects.
    OtherSubject,
    /// The document declares no `security` for the operation.
    Undeclared,
}

impl Requirement {
    /// Decides, or names the next scheme whose credential must be authenticated first.
    ///
    /// Alternatives are tried in document order until one is met. `{}` is tried last and is not met if a
    /// credential is invalid. If none is met, the most specific refusal wins: 403 before an invalid credential
    /// before a missing one; among equals the first.
    pub(crate) fn evaluate<'p>(&'p self, authentications: &Authentications) -> Evaluation<'p> {
        let alternatives = match self {
            Self::Public => return Evaluation::Decided(Decision::Allow { principal: None }),
            Self::Denied => return Evaluation::Decided(Decision::Forbid(Forbidden::Undeclared)),
            Self::AnyOf(alternatives) => alternatives,
        };
        let mut refusal = Decision::Challenge { invalid: None };
        for alternative in alternatives.iter().filter(|one| !one.is_anonymous()) {
            match alternative.evaluate(authentications) {
                Evaluation::Decided(Decision::Allow { principal }) => {
                    return Evaluation::Decided(Decision::Allow { principal });
                }
                Evaluation::Decided(other) => refusal = refusal.or_more_specific(other),
                authenticate => return authenticate,
            }
        }
        if alternatives.iter().any(Alternative::is_anonymous) {
            refusal = self.anonymous(authentications);
        }
        Evaluation::Decided(refusal)
    }

    /// Allows the request unless a credential is invalid. Missing roles and scopes do not matter.
    fn anonymous<'p>(&'p self, authentications: &Authentications) -> Decision<'p> {
        let refusals = self.demands().filter_map(|demand| {
            let authentication = authentications.get(&demand.scheme)?;
            let is_bad =
                matches!(authentication, Authentication::Invalid | Authentication::CrossSite);
            is_bad.then(|| demand.evaluate(authentication, None))
        });
        refusals.fold(Decision::Allow { principal: None }, Decision::or_more_specific)
    }
}

impl Alternative {
    /// The first demand gives the principal. Those of the others must be the same.
    fn evaluate<'p>(&'p self, authentications: &Authentications) -> Evaluation<'p> {
        let mut decision = Decision::Allow { principal: None };
        let mut first = None;
        for demand in &self.demands {
            match authentications.get(&demand.scheme) {
                None => return Evaluation::Authenticate(&demand.scheme),
                Some(authentication) => {
                    decision = decision.or_more_specific(demand.evaluate(authentication, first));
                    if let Authentication::Valid(principal) = authentication {
                        first = first.or(Some(principal.as_ref()));
                    }
                }
            }
        }
        Evaluation::Decided(decision)
    }
}

impl Demand {
    fn evaluate(&self, authentication: &Authentication, first: Option<&Principal>) -> Decision<'_> {
        let scheme = self.scheme.as_ref();
        match authentication {
            Authentication::Missing => Decision::Challenge { invalid: None },
            Authentication::Invalid => Decision::Challenge { invalid: Some(scheme) },
            Authentication::CrossSite => Decision::Forbid(Forbidden::CrossSite { scheme }),
            Authentication::Valid(principal) => {
                let has_all = self.roles.iter().all(|role| principal.has_role(role))
                    && self.scopes.iter().all(|scope| principal.has_scope(scope));
                if !has_all {
                    Decision::Forbid(Forbidden::Insufficient { demand: self })
                } else if first.is_some_and(|first| !first.is_same_as(principal)) {
                    Decision::Forbid(Forbidden::OtherSubject)
                } else {
                    Decision::Allow { principal: Some((Arc::clone(principal), scheme)) }
                }
            }
        }
    }
}

impl Decision<'_> {
    /// The more specific one, or `self` if they are equal.
    fn or_more_specific(self, other: Self) -> Self {
        if other.specificity() > self.specificity() { other } else { self }
    }

    fn specificity(&self) -> u8 {
        match self {
            Self::Allow { principal: None } => 0,
            Self::Allow { principal: Some(_) } => 1,
            Self::Challenge { invalid: None } => 2,
            Self::Challenge { invalid: Some(_) } => 3,
            Self::Forbid(_) => 4,
        }
    }
}
