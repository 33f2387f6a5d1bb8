//! Whether an application answers every kind of caller as its document says.

use std::{
    collections::BTreeSet,
    error::Error,
    fmt,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::Poll,
};

use actix_web::{
    HttpMessage,
    body::MessageBody,
    dev::ServiceResponse,
    http::{Method, StatusCode},
    test::{TestRequest, call_service, init_service},
};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    diagnostics::printable,
    policy::{
        compiled::{Lookup, Policy},
        matrix::{Caller, callers, markdown},
        operation::Operation,
        outcome::Outcome,
        paths::{decoded, is_same},
        requirement::{Alternative, Requirement},
        scheme::Scheme,
    },
    server::{
        enforce::{authenticated::NotAuthenticated, middleware::RefusedByGuard},
        forward::verify::is_asked,
        routing::{registered::template, route_conflicts::Routing},
        site::Site,
        testing::{
            example_path::{example_path, filled},
            test_credentials::{Slot, TestCredentials},
            test_roster::{TestRoster, loaded},
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

/// Sends every operation of a site requests of every kind of caller, and compares who got past the enforcement with what
/// the document says. Awaited, it returns the matrix of the document as Markdown, as `hallpass explain --matrix` prints
/// it, or panics with a line for each request that was answered otherwise.
///
/// ```
/// # use actix_web::get;
/// # use hallpass::{Principal, testing::TestGate};
/// # use utoipa::OpenApi;
/// # #[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
/// # #[get("/invoices")]
/// # async fn list_invoices(principal: Principal) -> String {
/// #     principal.subject().to_string()
/// # }
/// # #[derive(OpenApi)]
/// # struct Invoices;
/// # #[actix_web::main]
/// # async fn main() {
/// let gate = TestGate::new();
/// let site = gate.protect(Invoices::openapi(), |config| { config.service(list_invoices); }).unwrap();
/// let matrix = hallpass::testing::matrix(&site).await;
/// assert!(matrix.contains("| GET /invoices | 401 |"));
/// # }
/// ```
///
/// The callers are the columns of that matrix: `nothing`, `bad`, `token`, each set of roles and of scopes that the
/// document names, `key` and `both`; also `expired` and `revoked`, which must be answered as `bad` is. Each sends what it
/// holds wherever the operation reads a credential, and is then tried where only other operations read one. Beside that,
/// no method that the document lacks may reach a handler, nor a path that it lacks.
///
/// What counts is whether the enforcement let the request pass, not the status: a 403 of a handler is that handler's
/// affair. A handler that takes a `Principal` where the document lets anonymous requests pass is reported, as is an
/// operation without a handler and one that another handler answers.
///
/// **The handlers run**, for all requests that may pass: without a body, with the examples of the document for the
/// parameters of the path, or made-up values (`example`, `1`), and with the test's state. So a `DELETE` deletes. A
/// handler that panics counts as reached. [`AccessMatrix::without_calling`] names those that must not run.
///
/// `/verify` is left out: it is asked by proxies.
pub fn matrix(site: &Site) -> AccessMatrix<'_> {
    AccessMatrix { site, app: None, uncalled: Vec::new() }
}

/// What [`matrix`] returns; it is awaited.
#[must_use = "it sends nothing before it is awaited"]
pub struct AccessMatrix<'s> {
    site: &'s Site,
    app: Option<App<'s>>,
    uncalled: Vec<String>,
}

type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;
type App<'a> = Box<dyn Fn(TestRequest) -> Answering<'a, ServiceResponse> + 'a>;

/// What was answered otherwise than the document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatches(Vec<Mismatch>);

/// Requests for one operation that all fail in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mismatch {
    /// Method and path.
    operation: String,
    what: String,
    senders: Vec<String>,
}

impl<'s> AccessMatrix<'s> {
    /// Never runs the handler of `operation`, such as `DELETE /invoices/{number}`: only the requests that the document
    /// refuses are sent. That the others may pass is not tried then.
    pub fn without_calling(mut self, operation: impl Into<String>) -> Self {
        self.uncalled.push(operation.into());
        self
    }

    /// Asks an application that is more than `site.app()`: with state, routes or middleware of its own around it.
    ///
    /// ```
    /// # use actix_web::{middleware::DefaultHeaders, test};
    /// # use hallpass::testing::TestGate;
    /// # use utoipa::openapi::OpenApi;
    /// # #[actix_web::main]
    /// # async fn main() {
    /// # let gate = TestGate::new();
    /// # let site = gate.protect(OpenApi::default(), |_| {}).unwrap();
    /// let app = test::init_service(site.app().wrap(DefaultHeaders::new())).await;
    /// hallpass::testing::matrix(&site)
    ///     .served_by(async |request| test::call_service(&app, request.to_request()).await)
    ///     .await;
    /// # }
    /// ```
    pub fn served_by<B: MessageBody + 'static>(
        self,
        app: impl AsyncFn(TestRequest) -> ServiceResponse<B> + 's,
    ) -> Self {
        Self { app: Some(boxed(app)), ..self }
    }

    /// The same without a panic: the matrix as Markdown.
    ///
    /// # Errors
    /// Everything that was answered otherwise than the document says.
    ///
    /// # Panics
    /// If the site is not that of a [`TestGate`](crate::testing::TestGate).
    pub async fn compare(self) -> Result<String, Mismatches> {
        let (site, context) = (self.site, self.site.context());
        let follows_files = context.watchers.get().is_some_and(|watchers| !watchers.is_empty());
        assert!(
            !follows_files,
            "the matrix makes keys and tokens, so it takes the site of a TestGate only"
        );
        let app = match self.app {
            Some(app) => app,
            None => {
                let app = init_service(site.app()).await;
                boxed(async move |request: TestRequest| {
                    call_service(&app, request.to_request()).await
                })
            }
        };
        let (before, enforced) = (context.authority.roster(), site.enforced());
        let mut comparison = Comparison {
            policy: enforced.guard.policy(),
            document: site.document(),
            routing: site.routing().expect("it was compared when the site was made"),
            roster: TestRoster::new(&context.authority),
            app,
            uncalled: self.uncalled,
            mismatches: Vec::new(),
        };
        comparison.run().await;
        let restored = loaded(before.as_ref().clone());
        context.authority.reload(Ok(restored), Timestamp::now()).expect("it was in use");
        match comparison.mismatches.is_empty() {
            true => Ok(markdown(enforced.guard.policy())),
            false => Err(Mismatches(comparison.mismatches)),
        }
    }
}

impl<'s> IntoFuture for AccessMatrix<'s> {
    type Output = String;
    type IntoFuture = Answering<'s, String>;

    #[expect(clippy::panic, reason = "a test fails by panicking")]
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async {
            match self.compare().await {
                Ok(matrix) => matrix,
                Err(mismatches) => panic!("{mismatches}"),
            }
        })
    }
}

impl fmt::Debug for AccessMatrix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessMatrix").field("uncalled", &self.uncalled).finish_non_exhaustive()
    }
}

impl fmt::Display for Mismatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the application does not answer as its document says")?;
        for Mismatch { operation, what, senders } in &self.0 {
            write!(f, "\n- {operation}: {what}")?;
            senders.iter().try_for_each(|sender| write!(f, "\n    {sender}"))?;
        }
        Ok(())
    }
}

impl Error for Mismatches {}

fn boxed<'a, B: MessageBody + 'static>(
    app: impl AsyncFn(TestRequest) -> ServiceResponse<B> + 'a,
) -> App<'a> {
    let app = Rc::new(app);
    Box::new(move |request| {
        let app = Rc::clone(&app);
        Box::pin(async move { app(request).await.map_into_boxed_body() })
    })
}

struct Comparison<'p, 's> {
    policy: &'p Policy,
    document: &'p Value,
    routing: Routing,
    roster: TestRoster,
    app: App<'s>,
    uncalled: Vec<String>,
    mismatches: Vec<Mismatch>,
}

/// A kind of caller with credentials for it.
struct Sender<'c, 'p> {
    title: &'c str,
    caller: &'c Caller<'p>,
    credentials: TestCredentials,
}

/// What the document says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Refused(StatusCode),
    Passes,
}

/// What became of a request.
enum Answer {
    /// The enforcement refused it.
    Refused(StatusCode),
    /// The enforcement let it pass, or was not asked.
    Passed {
        status: StatusCode,
        /// The path of the handler that answered, where one did.
        pattern: Option<String>,
        /// The handler asked for a principal, and there was none.
        lacks_principal: bool,
    },
    /// It passed, and the handler panicked.
    Panicked,
}

impl From<Outcome> for Expected {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Challenged => Self::Refused(StatusCode::UNAUTHORIZED),
            Outcome::Forbidden => Self::Refused(StatusCode::FORBIDDEN),
            Outcome::Allowed => Self::Passes,
        }
    }
}

impl Comparison<'_, '_> {
    async fn run(&mut self) {
        let policy = self.policy;
        for name in self.uncalled.clone() {
            if !policy.operations().any(|operation| name_of(operation) == name) {
                self.report(name, "`without_calling` names it, the document does not", None);
            }
        }
        let callers = callers(policy);
        let senders = self.senders(&callers);
        let Some(everybody) = senders.last() else { return };
        let mut paths = BTreeSet::new();
        for operation in policy.operations().filter(|operation| !is_asked(&operation.path)) {
            let Some(path) = example_path(policy, self.document, operation) else {
                let what = "no request reaches it: other paths of the document are more specific";
                self.report(name_of(operation), what, None);
                continue;
            };
            self.try_operation(operation, &path, &senders).await;
            paths.insert(path);
        }
        let undocumented = self.routing.undocumented.iter();
        paths.extend(undocumented.map(|path| filled(path, |_| ANY.to_owned())));
        for path in paths {
            self.try_other_methods(&path, everybody).await;
        }
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
                if let Some(what) = self.mismatch(Some(operation), expected, &answer) {
                    let operation = format!("{method} {}", operation.path);
                    self.report(operation, &what, Some(describe(sender.title, slots)));
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
            if let Some(what) = self.mismatch(None, Expected::Refused(expected), &answer) {
                let sender = describe(sender.title, &slots);
                self.report(format!("{method} {path}"), &what, Some(sender));
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
            },
        }
    }

    /// What is wrong with an answer.
    fn mismatch(
        &self,
        operation: Option<&Operation>,
        expected: Expected,
        answer: &Answer,
    ) -> Option<String> {
        let is_of =
            |pattern: &str, operation: &Operation| is_same(&template(pattern), &operation.path);
        let is_registered =
            |operation: &Operation| self.routing.registered.contains(&operation.position);
        let what = match (expected, answer) {
            (Expected::Refused(documented), Answer::Refused(status)) if documented == *status => {
                return None;
            }
            (Expected::Refused(documented), Answer::Refused(status)) => {
                format!(
                    "the document says {}, the answer is {}",
                    documented.as_u16(),
                    status.as_u16()
                )
            }
            (Expected::Refused(documented), Answer::Passed { status, .. }) => format!(
                "the document says {}, but it passes and is answered {}",
                documented.as_u16(),
                status.as_u16()
            ),
            (Expected::Refused(documented), Answer::Panicked) => format!(
                "the document says {}, but it passes, and the handler panics",
                documented.as_u16()
            ),
            (Expected::Passes, Answer::Refused(StatusCode::NOT_FOUND)) => {
                "the document lets it pass, but no handler is registered for it".to_owned()
            }
            (Expected::Passes, Answer::Refused(status)) => {
                format!("the document lets it pass, but it is refused with {}", status.as_u16())
            }
            (Expected::Passes, Answer::Panicked) => return None,
            (Expected::Passes, Answer::Passed { status, pattern, lacks_principal }) => {
                let operation = operation?;
                match (status.as_u16(), pattern) {
                    (_, Some(pattern)) if !is_of(pattern, operation) => {
                        format!("the handler of {pattern} answers it")
                    }
                    (404 | 405, _) if !is_registered(operation) => {
                        "the document lets it pass, but no handler is registered for it".to_owned()
                    }
                    (401, _) if *lacks_principal => {
                        "the document lets it pass, but its handler needs a principal and \
                         answers 401: take `Option<Principal>`, or document what it needs"
                            .to_owned()
                    }
                    _ => return None,
                }
            }
        };
        Some(what)
    }

    fn report(&mut self, operation: String, what: &str, sender: Option<String>) {
        let operation = printable(&operation);
        let mut known = self.mismatches.iter_mut();
        match known.find(|one| one.operation == operation && one.what == what) {
            Some(known) => known.senders.extend(sender),
            None => {
                let (what, senders) = (what.to_owned(), sender.into_iter().collect());
                self.mismatches.push(Mismatch { operation, what, senders });
            }
        }
    }
}

fn name_of(operation: &Operation) -> String {
    format!("{} {}", operation.method, operation.path)
}

/// The slots that these schemes read, each once.
fn slots<'p>(schemes: impl Iterator<Item = &'p Scheme>) -> Vec<Slot> {
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
fn sent_together(slots: Vec<Slot>, requirement: &Requirement) -> Vec<Vec<Slot>> {
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

fn describe(title: &str, slots: &[Slot]) -> String {
    let slots: Vec<_> = slots.iter().map(ToString::to_string).collect();
    match slots.is_empty() {
        true => format!("`{title}`, without a credential"),
        false => format!("`{title}`, in {}", slots.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use utoipa::openapi::OpenApi;

    use super::*;
    use crate::{
        config::raw_settings::RawSettings,
        server::{gate::Gate, prepare::prepare},
    };

    #[actix_web::test]
    #[should_panic(expected = "takes the site of a TestGate only")]
    async fn the_site_of_a_gate_with_a_roster_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        fs::write(&path, "[clients.a]").unwrap();
        let mut raw = RawSettings::default();
        raw.set("HALLPASS_SECRET_KEY", &"x".repeat(32), "test");
        raw.set("HALLPASS_ROSTER", path.to_str().unwrap(), "test");
        raw.set("HALLPASS_STATE", "memory", "test");
        let gate = Gate::open(prepare(&raw).unwrap(), "http://localhost").unwrap();
        let site = gate.protect(OpenApi::default(), |_| {}).unwrap();
        let _ = matrix(&site).await;
    }
}
