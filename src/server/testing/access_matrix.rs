//! Whether an application answers every kind of caller as its document says.

use std::{fmt, rc::Rc};

use actix_web::{
    body::MessageBody,
    dev::ServiceResponse,
    test::{TestRequest, call_service, init_service},
};

use crate::{
    policy::matrix::markdown,
    server::{
        site::Site,
        testing::{
            comparison::{Answering, App, Comparison},
            mismatches::Mismatches,
            test_roster::{TestRoster, loaded},
        },
    },
};

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
        let comparison = Comparison {
            policy: enforced.guard.policy(),
            document: site.document(),
            own: &enforced.guard.rules.own,
            routing: site.routing().expect("it was compared when the site was made"),
            roster: TestRoster::new(context),
            app,
            uncalled: self.uncalled,
            mismatches: Mismatches::default(),
        };
        let mismatches = comparison.run().await;
        let restored = loaded(before.as_ref().clone());
        context.authority.reload(Ok(restored), context.clock.now()).expect("it was in use");
        match mismatches.is_empty() {
            true => Ok(markdown(enforced.guard.policy())),
            false => Err(mismatches),
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

fn boxed<'a, B: MessageBody + 'static>(
    app: impl AsyncFn(TestRequest) -> ServiceResponse<B> + 'a,
) -> App<'a> {
    let app = Rc::new(app);
    Box::new(move |request| {
        let app = Rc::clone(&app);
        Box::pin(async move { app(request).await.map_into_boxed_body() })
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use utoipa::openapi::OpenApi;

    use super::*;
    use crate::{
        config::raw_settings::RawSettings,
        roster::roster::Roster,
        server::{
            gate::Gate,
            prepare::{prepare, prepare_with_roster},
        },
    };

    #[actix_web::test]
    async fn keys_are_sent_under_the_names_of_the_settings() {
        for query in ["key", "off"] {
            let mut raw = RawSettings::default();
            for (name, value) in [
                ("HALLPASS_SECRET_KEY", "0123456789abcdef0123456789abcdef"),
                ("HALLPASS_STATE", "memory"),
                ("HALLPASS_RATE_LIMIT", "off"),
                ("HALLPASS_API_KEY_HEADER", "access_token"),
                ("HALLPASS_API_KEY_QUERY", query),
            ] {
                raw.set(name, value, "test");
            }
            let prepared = prepare_with_roster(&raw, Ok(loaded(Roster::default()))).unwrap();
            let gate = Gate::open(prepared, "http://localhost").unwrap();
            let site = gate.protect(OpenApi::default(), |_| {}).unwrap();
            let matrix = matrix(&site).without_calling("POST /logout").await;
            assert!(matrix.contains("| POST /login |"), "{matrix}");
        }
    }

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
