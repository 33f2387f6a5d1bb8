//! Roles and scopes that operations require and nobody in the roster has, and those that it grants and no operation
//! requires: most of them are typos.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::PoisonError,
};

use crate::{
    diagnostics::{Diagnostic, Diagnostics, printable},
    policy::{
        compiled::Policy,
        operation::Operation,
        requirement::Demand,
        scheme::{CredentialKind, Scheme},
    },
    roster::{entry_fields::EntryField, roster::Roster, roster_file::RosterFile},
    server::{
        context::Context, credentials::scheme_issuers::SchemeIssuers,
        forward::followed_policy::FollowedPolicy, publication::Publications, watch::log_warnings,
    },
};

/// Our own operation that demands a role. A service need not have an administrator.
const OWN: &str = "list_clients";

/// A document that demands roles and scopes.
pub(crate) struct Demanding<'d> {
    pub(crate) policy: &'d Policy,
    pub(crate) issuers: &'d SchemeIssuers,
    /// The file of another service; none for a document of this one.
    pub(crate) file: Option<&'d Path>,
}

/// A role, or a scope: the field of the roster that gives it, and the word.
type Word<'w> = (&'static str, &'w str);

/// Logs roles and scopes that only the documents in use, or only the roster, know.
pub(crate) fn warn(context: &Context, documents: &Publications, policy: Option<&FollowedPolicy>) {
    log_warnings(&current(context, documents, policy));
}

/// Nothing where the roster is no file, as under `--dev` and in tests.
pub(crate) fn current(
    context: &Context,
    documents: &Publications,
    policy: Option<&FollowedPolicy>,
) -> Diagnostics {
    let Some(file) = context.roster_file.get() else { return Diagnostics::default() };
    let (published, followed) =
        (documents.enforced(), policy.map(|policy| (policy, policy.guard())));
    let published = published.iter().map(|one| Demanding {
        policy: one.guard.policy(),
        issuers: one.guard.issuers(),
        file: None,
    });
    let followed = followed.iter().map(|(policy, guard)| Demanding {
        policy: guard.policy(),
        issuers: guard.issuers(),
        file: Some(policy.path()),
    });
    let documents: Vec<_> = published.chain(followed).collect();
    let file = file.lock().unwrap_or_else(PoisonError::into_inner);
    find(&documents, &context.authority.roster(), &file)
}

/// A warning for each role and scope that only one side knows. As long as no document but that of our own operations
/// demands any, the roster's are for other services: then only what looks like a typo is one.
pub(crate) fn find(documents: &[Demanding<'_>], roster: &Roster, file: &RosterFile) -> Diagnostics {
    let mut given: BTreeMap<Word<'_>, (EntryField<'_>, usize)> = BTreeMap::new();
    for field in roster.roles_and_scopes() {
        let word = (field.field, field.item.unwrap_or_default());
        given.entry(word).or_insert((field, 0)).1 += 1;
    }
    let mut demanded: BTreeMap<Word<'_>, Demanded<'_>> = BTreeMap::new();
    for document in documents {
        document.add_to(&mut demanded, roster.issuers().next().is_some());
    }
    if given.is_empty() {
        // Nobody is there yet, which is told otherwise.
        return Diagnostics::default();
    }
    let tells_all = demanded.values().any(|one| !one.is_own);
    let in_vain: BTreeSet<_> =
        given.keys().filter(|word| !demanded.contains_key(*word)).copied().collect();
    let mut warnings = Diagnostics::default();
    for (word, demanded) in &demanded {
        if given.contains_key(word) || demanded.may_come_from_outside {
            continue;
        }
        let similar = similar(*word, in_vain.iter().chain(given.keys()));
        if similar.is_some() || !demanded.is_own {
            let (kind, name) = (kind(word.0), printable(word.1));
            let what = format!("requires the {kind} `{name}`, which nobody in the roster has");
            let hint = hint(*word, similar, given.keys());
            warnings.push(Diagnostic::new(demanded.location(), what + &hint));
        }
    }
    let mut at_lines = Vec::new();
    for word in in_vain {
        let similar = similar(word, demanded.keys());
        let Some((field, count)) = given.get(&word).filter(|_| tells_all || similar.is_some())
        else {
            continue;
        };
        let kind = kind(word.0);
        let more = match count {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let what = format!(
            "no operation requires the {kind} `{}` of the {} {}{more}",
            word.1, field.kind, field.name
        );
        at_lines.push((*field, what + &hint(word, similar, demanded.keys())));
    }
    warnings.extend(file.located(at_lines));
    warnings
}

/// An operation that demands a role or scope.
#[derive(Clone, Copy)]
struct Demanded<'d> {
    operation: &'d Operation,
    file: Option<&'d Path>,
    /// Whether it is our own operation, and no other demands it.
    is_own: bool,
    /// Whether a token of another issuer would do.
    may_come_from_outside: bool,
}

impl Demanded<'_> {
    fn location(&self) -> String {
        let Operation { method, path, .. } = self.operation;
        let file = self.file.map(|file| format!("{}: ", file.display())).unwrap_or_default();
        printable(&format!("{file}{method} {path}"))
    }
}

impl<'d> Demanding<'d> {
    /// Adds what is demanded of our own clients and users.
    fn add_to(&self, demanded: &mut BTreeMap<Word<'d>, Demanded<'d>>, has_issuers: bool) {
        let (policy, file): (&'d Policy, _) = (self.policy, self.file);
        for operation in policy.operations() {
            let is_own = file.is_none() && operation.operation_id.as_deref() == Some(OWN);
            let is_token = |demand: &Demand| demand.scheme.credential == CredentialKind::Token;
            let may_come_from_outside = operation
                .requirement
                .demands()
                .any(|demand| self.is_external(&demand.scheme) || has_issuers && is_token(demand));
            let ours = operation.requirement.demands().filter(|one| !self.is_external(&one.scheme));
            for Demand { roles, scopes, .. } in ours {
                let roles = roles.iter().map(|role| ("roles", role.as_str()));
                let scopes = scopes.iter().map(|scope| ("scopes", scope.as_str()));
                for word in roles.chain(scopes) {
                    let found = Demanded { operation, file, is_own, may_come_from_outside };
                    let known = demanded.entry(word).or_insert(found);
                    // The one that says most: that of an application, and for which the roster must do.
                    if (known.is_own, known.may_come_from_outside) > (is_own, may_come_from_outside)
                    {
                        *known = found;
                    }
                }
            }
        }
    }

    fn is_external(&self, scheme: &Scheme) -> bool {
        self.issuers.find(scheme).is_some()
    }
}

fn kind(field: &str) -> &'static str {
    if field == "roles" { "role" } else { "scope" }
}

/// The most similar word of the same kind, if it may have been meant.
fn similar<'w>(word: Word<'w>, others: impl Iterator<Item = &'w Word<'w>>) -> Option<&'w str> {
    let most = 1 + word.1.chars().count() / 6;
    let others = others.filter(|other| other.0 == word.0 && other.1 != word.1);
    let distances = others.map(|other| (strsim::osa_distance(word.1, other.1), other.1));
    distances.filter(|(distance, _)| *distance <= most).min().map(|(_, other)| other)
}

/// What may have been meant.
fn hint<'w>(
    word: Word<'_>,
    similar: Option<&str>,
    mut others: impl Iterator<Item = &'w Word<'w>>,
) -> String {
    if let Some(similar) = similar {
        return format!(": did you mean `{}`?", printable(similar));
    }
    match others.find(|other| other.1 == word.1) {
        Some((field, _)) => format!("; there is a {} of this name", kind(field)),
        None => String::new(),
    }
}
