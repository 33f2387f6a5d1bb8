//! Every operation against every kind of caller, as a Markdown table for an audit.

use std::collections::BTreeSet;

use crate::{
    diagnostics::printable,
    policy::{
        compiled::Policy,
        operation::Operation,
        outcome::{Carried, Held, Outcome, outcome},
        requirement::Demand,
        scheme::{CredentialKind, Scheme},
    },
};

/// A kind of caller: what it sends for every scheme that an operation names.
pub(crate) struct Caller<'p> {
    pub(crate) title: String,
    pub(crate) token: Option<Held<'p>>,
    /// An API key, which is the secret of Basic too.
    pub(crate) key: Option<Held<'p>>,
    /// It sends a credential for every scheme, and all are forged.
    pub(crate) is_forged: bool,
}

impl<'p> Caller<'p> {
    fn new(title: impl Into<String>, token: Option<Held<'p>>, key: Option<Held<'p>>) -> Self {
        Self { title: title.into(), token, key, is_forged: false }
    }

    /// What an operation answers to it, where it sends what it holds for these schemes only.
    pub(crate) fn outcome(
        &self,
        operation: &Operation,
        is_sent: impl Fn(&Scheme) -> bool,
    ) -> Outcome {
        outcome(&operation.requirement, |scheme| match is_sent(scheme) {
            true => self.carried(scheme),
            false => Carried::Nothing,
        })
    }

    fn carried(&self, scheme: &Scheme) -> Carried<'_, 'p> {
        let held = match scheme.credential {
            CredentialKind::Token => &self.token,
            CredentialKind::ApiKey | CredentialKind::Basic => &self.key,
        };
        match held {
            _ if self.is_forged => Carried::Invalid,
            Some(held) => Carried::Valid(held),
            None => Carried::Nothing,
        }
    }
}

/// A row for every operation, a column for every kind of caller, and the status that this caller gets.
pub(crate) fn markdown(policy: &Policy) -> String {
    let callers = callers(policy);
    let titles = callers.iter().map(|caller| cell(&caller.title));
    let mut text = row("operation".to_owned(), titles);
    text.push_str(&row("---".to_owned(), callers.iter().map(|_| "---".to_owned())));
    for operation in policy.operations() {
        let statuses =
            callers.iter().map(|caller| caller.outcome(operation, |_| true).status().to_owned());
        let name = cell(&format!("{} {}", operation.method, operation.path));
        text.push_str(&row(name, statuses));
    }
    text
}

/// The kinds of callers of a policy: the columns of its matrix.
pub(crate) fn callers(policy: &Policy) -> Vec<Caller<'_>> {
    let demands = || policy.operations().flat_map(|operation| operation.requirement.demands());
    let sets = |of: fn(&Demand) -> Vec<&str>| {
        let sets = demands().map(|demand| of(demand).into_iter().collect::<BTreeSet<_>>());
        sets.filter(|set| !set.is_empty()).collect::<BTreeSet<_>>()
    };
    let mut everything = Held::default();
    demands().for_each(|demand| everything.extend(demand));
    let mut callers = vec![
        Caller::new("nothing", None, None),
        Caller { is_forged: true, ..Caller::new("bad", None, None) },
        Caller::new("token", Some(Held::default()), None),
    ];
    for roles in sets(|demand| demand.roles.iter().map(|role| role.as_str()).collect()) {
        let held = Held { roles, ..Held::default() };
        callers.push(Caller::new(title("roles", &held.roles), Some(held), None));
    }
    for scopes in sets(|demand| demand.scopes.iter().map(|scope| scope.as_str()).collect()) {
        let held = Held { scopes, ..Held::default() };
        callers.push(Caller::new(title("scopes", &held.scopes), Some(held), None));
    }
    callers.push(Caller::new("key", None, Some(Held::default())));
    callers.push(Caller::new("both", Some(everything.clone()), Some(everything)));
    callers
}

fn title(word: &str, names: &BTreeSet<&str>) -> String {
    format!("{word} {}", names.iter().copied().collect::<Vec<_>>().join(", "))
}

fn row(name: String, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = std::iter::once(name).chain(cells).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// A text from the document that neither ends its cell nor is HTML.
fn cell(text: &str) -> String {
    printable(&text.replace('\\', "&#92;").replace('<', "&lt;").replace('|', "\\|"))
}
