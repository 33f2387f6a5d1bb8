//! What an operation demands, and what follows from it for every request.

use std::{fmt, sync::Arc};

use crate::{
    oauth::{Role, Scope},
    policy::scheme::{CredentialKind, Scheme},
};

/// All that one operation demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// `security: []`: no credential is read.
    Public,
    /// The document declares nothing, and undeclared operations are denied.
    Denied,
    /// One of these alternatives is enough.
    AnyOf(Vec<Alternative>),
}

/// One Security Requirement Object: one subject must meet all demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alternative {
    /// In document order; empty for `{}`, which is met without a credential.
    pub demands: Vec<Demand>,
}

/// A credential under one scheme, and the roles and scopes that it must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand {
    /// How the credential is sent.
    pub scheme: Arc<Scheme>,
    /// All are required. Empty under a scheme with scopes.
    pub roles: Vec<Role>,
    /// All are required; compared exactly.
    pub scopes: Vec<Scope>,
}

impl Requirement {
    /// Whether credentials may be read and the answer depends on them.
    pub(crate) fn is_protected(&self) -> bool {
        *self != Self::Public
    }

    /// Whether a request with a good credential can be forbidden (403): an alternative can be met in part, or a
    /// cookie can come with another site's request.
    pub(crate) fn can_forbid(&self) -> bool {
        let can_forbid = |alternative: &Alternative| {
            let [demand] = alternative.demands.as_slice() else {
                return !alternative.is_anonymous();
            };
            demand.scheme.is_cookie() || !demand.roles.is_empty() || !demand.scopes.is_empty()
        };
        *self == Self::Denied || self.alternatives().iter().any(can_forbid)
    }

    /// Whether a credential holds a secret that must be hashed: an API key or a password.
    pub(crate) fn hashes_secrets(&self) -> bool {
        self.demands().any(|demand| demand.scheme.credential != CredentialKind::Token)
    }
}

impl Requirement {
    /// The accepted schemes, each once, in document order.
    pub(crate) fn schemes(&self) -> impl Iterator<Item = &Scheme> {
        let schemes = || self.demands().map(|demand| demand.scheme.as_ref());
        let is_first = move |(at, scheme): &(usize, &Scheme)| {
            schemes().take(*at).all(|earlier| earlier.index != scheme.index)
        };
        schemes().enumerate().filter(is_first).map(|(_, scheme)| scheme)
    }

    /// The alternatives; empty for [`Requirement::Public`] and [`Requirement::Denied`].
    pub(crate) fn alternatives(&self) -> &[Alternative] {
        match self {
            Self::Public | Self::Denied => &[],
            Self::AnyOf(alternatives) => alternatives,
        }
    }

    /// The indexes of an alternative that nobody needs, and of the one that is met whenever it is met. `{}` beside others
    /// is meant: it makes credentials optional.
    pub(super) fn superfluous(&self) -> Option<(usize, usize)> {
        let named =
            || self.alternatives().iter().enumerate().filter(|(_, one)| !one.is_anonymous());
        named().find_map(|(at, one)| {
            let weaker = |(other_at, other): &(usize, &Alternative)| {
                *other_at != at
                    && one.implies(other)
                    && (!other.implies(one) || *other_at < at && one == *other)
            };
            named().find(weaker).map(|(other_at, _)| (at, other_at))
        })
    }

    /// All demands of all alternatives.
    pub(crate) fn demands(&self) -> impl Iterator<Item = &Demand> {
        self.alternatives().iter().flat_map(|alternative| &alternative.demands)
    }
}

impl Alternative {
    /// Whether it is `{}`.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.demands.is_empty()
    }

    /// Two of its schemes that no request has credentials of at once: nobody can meet it.
    pub(super) fn conflict(&self) -> Option<(&Scheme, &Scheme)> {
        let schemes = || self.demands.iter().map(|demand| demand.scheme.as_ref());
        let other = |one: &Scheme| schemes().find(|other| one.place().excludes(&other.place()));
        schemes().find_map(|one| Some((one, other(one)?)))
    }

    /// Whether everybody who meets this one meets `other`.
    fn implies(&self, other: &Self) -> bool {
        other.demands.iter().all(|other| self.demands.iter().any(|one| one.implies(other)))
    }
}

impl Demand {
    fn implies(&self, other: &Self) -> bool {
        self.scheme.is_sent_as(&other.scheme)
            && other.roles.iter().all(|role| self.roles.contains(role))
            && other.scopes.iter().all(|scope| self.scopes.contains(scope))
    }
}

/// As a document writes it in YAML.
impl fmt::Display for Alternative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, demand) in self.demands.iter().enumerate() {
            let words = demand.roles.iter().map(|role| role.as_str());
            let words: Vec<_> =
                words.chain(demand.scopes.iter().map(|scope| scope.as_str())).collect();
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}: [{}]", demand.scheme.name, words.join(", "))?;
        }
        Ok(())
    }
}
