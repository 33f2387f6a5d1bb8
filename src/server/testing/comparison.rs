//! Sends the requests of the access matrix, and compares the answers with the document.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Poll,
};

use actix_web::{
    HttpMessage,
    dev::ServiceResponse,
    http::{Method, StatusCode},
    test::TestRequest,
};
use serde_json::Value;

use crate::{
    policy::{
        compiled::{Lookup, Policy},
        matrix::{Caller, callers},
        operation::Operation,
        paths::decoded,
        scheme::Scheme,
    },
    server::{
        enforce::{
            authenticated::NotAuthenticated, caller::NoCallerSource, middleware::RefusedByGuard,
        },
        http::own_routes::OwnPaths,
        routing::route_conflicts::Routing,
        testing::{
            example_path::{example_path, filled},
            mismatches::{Answer, Expected, Mismatches, mismatch},
            slot::{Slot, describe, sent_together, slots},
            test_credentials::TestCredentials,
            test_roster::TestRoster,
        },
    },
};

/// The methods that are tried on every path; of those that the document does not have none may reach a handler.
const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::OPTIONS,
    Method::PATCH,
    Method::TRACE,
];

/// Stands for the parameters of a path that the document does not have.
const ANY: &str = "example";

/// What an application answers, once it is there.
pub(super) type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
/// Asks an application.
pub(super) type App<'a> = Box<dyn Fn(TestRequest) -> Answering<'a, ServiceResponse> + 'a>;

/// An application, its document, and what is known of their differences.
pub(super) struct Comparison<'p, 's> {
    pub(super) policy: &'p Policy,
    pub(super) document: &'p Value,
    pub(super) routing: Routing,
    pub(super) own: &'p OwnPaths,
    pub(super) roster: TestRoster,
    pub(super) app: App<'s>,
    pub(super) uncalled: Vec<String>,
    pub(super) mismatches: Mismatches,
}

/// A kind of caller with credentials for it.
struct Sender<'c, 'p> {
    title: &'c str,
    caller: &'c Caller<'p>,
    credentials: TestCredentials,
}

impl Comparison<'_, '_> {
    pub(super) async fn run(mut self) -> Mismatches {
        let policy = self.policy;
        for name in self.uncalled.clone() {
            if !policy.operations().any(|operation| name_of(operation) == name) {
                self.mismatches.add(
                    &name,
                    "`without_calling` names it, the document does not",
                    None,
                );
            }
        }
        let callers = callers(policy);
        let senders = self.senders(&callers);
        let Some(everybody) = senders.last() else { return self.mismatches };
        let mut paths = BTreeSet::new();
        for operation in policy.operations().filter(|operation| !self.own.is_asked(&operation.path))
        {
            let Some(path) = example_path(policy, self.document, operation) else {
                let what = "no request reaches it: other paths of the document are more specific";
                self.mismatches.add(&name_of(operation), what, None);
                continue;
            };
            self.try_operation(operation, &path, &senders).await;
            paths.insert(path);
        }
        let undocumented = self.routing.undocumented.iter();
        paths.extend(undocumented.map(|one| filled(&one.path, |_| ANY.to_owned())));
        for path in paths {
            self.try_other_methods(&path, everybody).await;
        }
        self.mismatches
    }

    /// The last one has everything.
    fn senders<'c, 'q>(&self, callers: &'c [Caller<'q>]) -> Vec<Sender<'c, 'q>> {
        let everything = callers.last().and_then(|last| last.token.clone()).unwrap_or_default();
        let roster = &self.roster;
        let mut senders = Vec::new();
        for caller in callers {
            let credentials = match caller.is_forged {
                false => vec![(caller.title.as_str(), TestCredentials::good(roster, caller))],
                true => vec![
                    (caller.title.as_str(), TestCredentials::forged(&everything)),
                    ("expired", TestCredentials::expired(roster, &everything)),
                    ("revoked", TestCredentials::revoked(roster, &everything)),
                ],
            };
            let sender = |(title, credentials)| Sender { title, caller, credentials };
            senders.extend(credentials.into_iter().map(sender));
        }
        senders
    }

    async fn try_operation(
        &mut self,
        operation: &Operation,
        path: &str,
        senders: &[Sender<'_, '_>],
    ) {
        let read = slots(operation.requirement.schemes());
        let others = slots(self.policy.schemes().iter().map(AsRef::as_ref));
        let others = others.into_iter().filter(|slot| !read.contains(slot)).map(|slot| vec![slot]);
        let mut sendings = Vec::new();
        for sender in senders {
            let filled: Vec<_> =
                read.iter().filter(|slot| sender.credentials.fills(slot)).cloned().collect();
            let together = sent_together(filled, &operation.requirement);
            sendings.extend(together.into_iter().map(|slots| (sender, slots)));
        }
        sendings.extend(
            senders
                .last()
                .into_iter()
                .flat_map(|last| others.clone().map(move |slots| (last, slots))),
        );
        let method = Method::from_bytes(operation.method.as_bytes()).expect("it was compiled");
        // HEAD is GET where the document does not have it.
        let head = (method == Method::GET).then_some(Method::HEAD);
        for method in std::iter::once(method).chain(head) {
            match self.policy.find(method.as_str(), &decoded(path)) {
                Lookup::Operation(found) if found.position == operation.position => {}
                _ => continue,
            }
            for (sender, slots) in &sendings {
                let is_sent = |scheme: &Scheme| slots.contains(&Slot::of(scheme));
                let expected = sender.caller.outcome(operation, is_sent).into();
                if expected == Expected::Passes && self.uncalled.contains(&name_of(operation)) {
                    continue;
                }
                let answer = self.send(&method, path, sender, slots).await;
                let is_registered = self.routing.registered.contains(&operation.position);
                if let Some(what) = mismatch(Some(operation), is_registered, expected, &answer) {
                    let operation = format!("{method} {}", operation.path);
                    self.mismatches.add(&operation, &what, Some(describe(sender.title, slots)));
                }
            }
        }
    }

    /// With every credential, the methods that the document does not have at a path.
    async fn try_other_methods(&mut self, path: &str, sender: &Sender<'_, '_>) {
        let mut slots = slots(self.policy.schemes().iter().map(AsRef::as_ref));
        slots.retain(|slot| *slot != Slot::Basic);
        for method in METHODS {
            let expected = match self.policy.find(method.as_str(), &decoded(path)) {
                Lookup::Operation(_) => continue,
                Lookup::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
                Lookup::NotFound => StatusCode::NOT_FOUND,
            };
            let answer = self.send(&method, path, sender, &slots).await;
            if let Some(what) = mismatch(None, false, Expected::Refused(expected), &answer) {
                let sender = describe(sender.title, &slots);
                self.mismatches.add(&format!("{method} {path}"), &what, Some(sender));
            }
        }
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        sender: &Sender<'_, '_>,
        slots: &[Slot],
    ) -> Answer {
        let request = sender.credentials.request(&self.roster, path, slots).method(method.clone());
        let mut answering = (self.app)(request);
        let polled = poll_fn(|context| {
            let polled = catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context)));
            polled.map_or(Poll::Ready(None), |poll| poll.map(Some))
        });
        let Some(response) = polled.await else { return Answer::Panicked };
        let (request, status) = (response.request(), response.status());
        match request.extensions().contains::<RefusedByGuard>() {
            true => Answer::Refused(status),
            false => Answer::Passed {
                status,
                pattern: request.match_pattern(),
                lacks_principal: request.extensions().contains::<NotAuthenticated>(),
                lacks_source: request.extensions().contains::<NoCallerSource>(),
            },
        }
    }
}

fn name_of(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.path)
}
