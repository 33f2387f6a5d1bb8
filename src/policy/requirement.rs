//! What an operation demands: alternatives of demands.
//!
//! Must not know what a request holds.

use std::sync::Arc;

use super::Scheme;
use crate::oauth::{Role, Scope};

/// All that one operation demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// `security: []`: nothing; no credential is even read.
    Public,
    /// Nothing was declared, so nobody may.
    Denied,
    /// One of these is enough.
    AnyOf(Vec<Alternative>),
}

/// One Security Requirement Object: all of its demands must be met, by one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alternative {
    /// In document order; none is `{}`: anonymous is fine.
    pub demands: Vec<Demand>,
}

/// A proven credential under one scheme, and what it must bring along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand {
    /// The way the credential is sent.
    pub scheme: Arc<Scheme>,
    /// All of these, under schemes that have no scopes.
    pub roles: Vec<Role>,
    /// All of these, compared exactly.
    pub scopes: Vec<Scope>,
}

impl Requirement {
    /// The schemes that would do, each once, in document order: for challenges.
    pub(crate) fn schemes(&self) -> impl Iterator<Item = &Scheme> {
        let schemes = || self.demands().map(|demand| demand.scheme.as_ref());
        // A handful: looking through them again is cheaper than remembering them.
        let is_first = move |(at, scheme): &(usize, &Scheme)| {
            schemes().take(*at).all(|earlier| earlier.index != scheme.index)
        };
        schemes().enumerate().filter(is_first).map(|(_, scheme)| scheme)
    }

    /// The alternatives; none for [`Requirement::Public`] and [`Requirement::Denied`].
    pub(crate) fn alternatives(&self) -> &[Alternative] {
        match self {
            Self::Public | Self::Denied => &[],
            Self::AnyOf(alternatives) => alternatives,
        }
    }

    pub(super) fn demands(&self) -> impl Iterator<Item = &Demand> {
        self.alternatives().iter().flat_map(|alternative| &alternative.demands)
    }
}

impl Alternative {
    /// Whether it is `{}`.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.demands.is_empty()
    }
}
