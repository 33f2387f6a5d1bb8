//! Operations, and the one document that is published and enforced for them.

use std::{fmt, future::ready, sync::Arc};

use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    web,
};
use serde::Serialize;
use serde_json::Value;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    policy::{compile_options::WrittenIn, compiled::Policy, operation::Operation},
    server::{
        context::Context,
        document::draft::Draft,
        enforce::{
            caller::CallerSource, enforced_document::EnforcedDocument, site_rules::SiteRules,
        },
        forward::followed_policy::FollowedPolicy,
        http::{extractors, own_routes::OwnPaths},
        own_document::{own_draft, unserializable},
        publication::{Publication, Publications},
        role_warnings,
        routes::{self, pages},
        routing::{
            placement::{oddities, unguarded, unreachable},
            probe::probe,
            registered::REST,
            route_conflicts::{check, compare},
        },
        site_guard::SiteGuard,
    },
};

#[cfg(any(test, feature = "testing"))]
use crate::server::routing::route_conflicts::Routing;

/// Registers the operations of an application in a worker.
pub(crate) type Operations = Arc<dyn Fn(&mut ServiceConfig<'_>) + Send + Sync>;

/// What every site of a gate works with.
#[derive(Debug, Clone)]
pub(crate) struct SiteParts {
    pub(crate) context: Arc<Context>,
    pub(crate) policy: Option<Arc<FollowedPolicy>>,
    /// Where documents follow the issuers of the roster.
    pub(crate) publications: Arc<Publications>,
    /// Whether there is a signing key.
    pub(crate) can_issue: bool,
}

/// Operations, and the document that is both published and enforced for them; made by
/// [`Gate::protect`](crate::Gate::protect) or [`Gate::site`](crate::Gate::site).
///
/// Clones share everything.
#[derive(Clone)]
pub struct Site {
    parts: SiteParts,
    operations: Operations,
    rules: Arc<SiteRules>,
    /// The document as it was when this was made.
    document: Arc<Value>,
    guard: SiteGuard,
}

impl Site {
    /// hallpass' own operations and no others.
    ///
    /// # Errors
    /// An issuer whose name is that of another scheme.
    pub(crate) fn own(parts: SiteParts) -> Result<Self, Diagnostics> {
        let settings = &parts.context.settings.document;
        let draft = own_draft(settings)?;
        let rules = SiteRules {
            own: draft.own.clone(),
            base_path: settings.base_path.clone(),
            ..SiteRules::default()
        };
        Self::publish(parts, Arc::new(|_: &mut ServiceConfig<'_>| {}), draft, None, rules)
    }

    /// These operations under the document of `draft`.
    ///
    /// # Errors
    /// Every part of the document that cannot be enforced, and every two handlers of which one could answer requests
    /// that are judged as the other's.
    pub(crate) fn publish(
        parts: SiteParts,
        operations: Operations,
        draft: Draft,
        caller: Option<CallerSource>,
        rules: impl Into<Arc<SiteRules>>,
    ) -> Result<Self, Diagnostics> {
        let rules = rules.into();
        let route = |policy: &Policy| {
            check(policy, |config| register_in_scope(config, &rules.own, &operations))
        };
        let context = Arc::clone(&parts.context);
        let published = Publication::new(context, draft, caller, Arc::clone(&rules), route);
        let (publication, document) = published?;
        let (publication, document) = (Arc::new(publication), Arc::new(document));
        parts.publications.add(&publication)?;
        role_warnings::warn(&parts.context, &parts.publications, parts.policy.as_deref());
        let handlers = publication.routing().undocumented.iter();
        for handler in handlers.filter(|one| !rules.public.has(Some(&one.pattern))) {
            log::warn!("{}", handler.diagnostic());
        }
        if rules.reports_only {
            parts.context.note_reporting_site();
            log::warn!(
                "the application only reports: requests that would be refused pass, and are logged as would-refuse"
            );
        }
        let (context, policy) = (Arc::clone(&parts.context), parts.policy.clone());
        let guard = SiteGuard::new(context, policy, publication);
        Ok(Self { parts, operations, rules, document, guard })
    }

    /// The same operations under another document, which is published and enforced instead: one that was written
    /// by hand, or [`Site::document`] with changes. Operations that it leaves out answer 404. The document's own pages
    /// (`/openapi.json`, `/openapi.yaml`, `/docs/`, and `/` where no operation has it) are public, as they are no
    /// operations; a document that declares `GET` or `HEAD` of such a path decides about it instead.
    ///
    /// `document` is anything that serialises as an OpenAPI 3.x document; hallpass' security schemes are added
    /// where it lacks them.
    ///
    /// # Errors
    /// Every part of the document that cannot be enforced.
    pub fn with_document(&self, document: &impl Serialize) -> Result<Self, Diagnostics> {
        let document = serde_json::to_value(document).map_err(unserializable)?;
        let publication = &self.guard.0.publication;
        let draft = Draft { document, written_in: WrittenIn::Json, ..publication.draft().clone() };
        let (parts, operations) = (self.parts.clone(), Arc::clone(&self.operations));
        let rules = Arc::clone(&self.rules);
        Self::publish(parts, operations, draft, self.enforced().caller, rules)
    }

    /// The document that is published and enforced, as it was when this was made: what is published follows the external
    /// issuers of the roster.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The application of one worker: everything is registered, the document is enforced around it, CORS is answered
    /// where `HALLPASS_CORS_ORIGINS` is set, and every request has its line in the access log.
    ///
    /// A route that is added later is enforced too, so one that the document does not declare answers 404. A middleware
    /// that is added later is around all of this: compression and path normalisation apply to refusals as well, and
    /// paths are normalised before they are judged. A middleware that needs the [`Principal`](crate::Principal)
    /// belongs around a scope or resource inside of `operations`.
    pub fn app(
        &self,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse,
            Error = Error,
            InitError = (),
        > + use<>,
    > {
        let mount = self.rules.own.mount();
        App::new()
            .configure(|config| in_scope(config, &mount, |config| self.register(config)))
            .wrap(self.guard())
    }

    /// The middleware that enforces the document, for an application that makes its `App` itself: around the `App`, or
    /// around the scopes that it protects.
    ///
    /// What it is wrapped around is enforced as [`Site::app`] is: a request that the document has no operation for is
    /// answered with 404. What lies outside is left alone. A path of the document is the whole path of a request, also
    /// inside of a scope.
    ///
    /// ```
    /// use actix_web::{App, HttpResponse, get, web};
    /// use hallpass::testing::TestGate;
    /// use utoipa::OpenApi;
    ///
    /// #[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
    /// #[get("/invoices")]
    /// async fn list_invoices() -> &'static str {
    ///     "none yet"
    /// }
    ///
    /// #[derive(OpenApi)]
    /// #[openapi(paths(list_invoices))]
    /// struct Invoices;
    ///
    /// let site = TestGate::new().site(Invoices::openapi()).build().unwrap();
    /// let app = App::new()
    ///     .wrap(site.guard())
    ///     .configure(|config| site.register(config))
    ///     .service(list_invoices);
    /// ```
    pub fn guard(&self) -> SiteGuard {
        self.guard.clone()
    }

    /// Registers what belongs to the site itself: hallpass' own routes, the handlers of
    /// [`SiteBuilder::operations`](crate::SiteBuilder::operations), and the data that both need. It belongs inside of
    /// [`Site::guard`].
    pub fn register(&self, config: &mut web::ServiceConfig) {
        let (context, publication) = (&self.parts.context, &self.guard.0.publication);
        if let Some(tls) = &context.tls {
            tls.warn_if_unused();
        }
        config
            .app_data(web::Data::from(Arc::clone(context)))
            .app_data(web::Data::from(Arc::clone(publication.enforced())));
        register(config, &self.rules.own, &self.operations);
        // What a guard or a regular expression leaves may not go on to a route that is added later.
        let mount = self.rules.own.mount();
        let partial = publication.routing().partial.iter();
        for path in partial.filter_map(|path| path.strip_prefix(mount.as_str())) {
            let (rest, rules) = (web::resource(path).name(REST), Arc::clone(&self.rules));
            config.service(rest.to(move || {
                let refusal = rules.not_found();
                ready(Err::<HttpResponse, _>(refusal))
            }));
        }
    }

    /// Compares an application, as its workers make it, with the document, before it serves: for an application that
    /// makes its `App` itself. It is built once more, and no handler of it is called. Returns what does no harm: handlers
    /// inside of the guard that are neither documented nor [public](crate::SiteBuilder::public), which answer 404,
    /// operations without a handler, and public patterns that the router does not have.
    ///
    /// What it would find at the first request that reaches the guard is logged in any case.
    ///
    /// ```
    /// # use actix_web::{App, get, web};
    /// # use hallpass::testing::TestGate;
    /// # use utoipa::OpenApi;
    /// # #[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
    /// # #[get("/invoices")]
    /// # async fn list_invoices() -> &'static str {
    /// #     "none yet"
    /// # }
    /// # #[derive(OpenApi)]
    /// # #[openapi(paths(list_invoices))]
    /// # struct Invoices;
    /// # #[actix_web::main]
    /// # async fn main() {
    /// let site = TestGate::new().site(Invoices::openapi()).build().unwrap();
    /// let app = move || {
    ///     App::new()
    ///         .wrap(site.guard())
    ///         .configure(|config| site.register(config))
    ///         .service(list_invoices)
    ///         .route("/forgotten", web::get().to(|| async { "nobody sees this" }))
    /// };
    /// # let site = TestGate::new().site(Invoices::openapi()).build().unwrap();
    /// let warnings = site.check(App::new().wrap(site.guard()).service(list_invoices)).await.unwrap();
    /// # }
    /// ```
    ///
    /// # Errors
    /// The guard is not in the application, or an operation has its handler outside of it; and what
    /// [`SiteBuilder::build`](crate::SiteBuilder::build) finds in the handlers that it is given: two handlers of which one
    /// could answer requests that are judged as the other's, and patterns that the router reads otherwise than the
    /// document.
    pub async fn check<T, B>(&self, app: App<T>) -> Result<Diagnostics, Diagnostics>
    where
        T: ServiceFactory<
                ServiceRequest,
                Config = (),
                Response = ServiceResponse<B>,
                Error = Error,
                InitError = (),
            > + 'static,
        B: MessageBody + 'static,
    {
        let (app, inside) = probe(app, self.guard.id()).await?;
        let (enforced, public) = (self.enforced(), &self.rules.public);
        let policy = enforced.guard.policy();
        if inside.is_nothing() && inside.unknown.is_empty() {
            let what = "`site.guard()` is not in it, or a middleware around the guard answers in its place";
            return Err(Diagnostic::new("the application", what).into());
        }
        let mut diagnostics = unguarded(policy, &app, &inside);
        diagnostics.keep(compare(policy, &app));
        let is_own = |operation: &Operation| self.rules.is_own(operation);
        let mut warnings = oddities(policy, is_own, public, &app, &inside);
        for handler in unreachable(policy, public, &app, &inside) {
            warnings.push(handler.diagnostic());
        }
        diagnostics.or(warnings)
    }

    /// What is published and enforced at the moment.
    pub(crate) fn enforced(&self) -> Arc<EnforcedDocument> {
        self.guard.0.publication.enforced().load_full()
    }
}

#[cfg(any(test, feature = "testing"))]
impl Site {
    pub(crate) fn context(&self) -> &Context {
        &self.parts.context
    }

    /// The handlers that are registered, compared with the policy.
    ///
    /// # Errors
    /// None: the comparison was made when the site was.
    pub(crate) fn routing(&self) -> Result<Routing, Diagnostics> {
        check(self.enforced().guard.policy(), |config| {
            register_in_scope(config, &self.rules.own, &self.operations)
        })
    }
}

/// Registers everything that a site serves, as seen from the scope that it is registered in.
fn register(config: &mut web::ServiceConfig, own: &OwnPaths, operations: &Operations) {
    // Ours come first: no template of the application may match a concrete path of ours.
    routes::register(config, own);
    pages::register(config, own);
    let mut config = ServiceConfig::new(config);
    extractors::configure(&mut config);
    operations(&mut config);
}

/// The same, as seen from the application.
fn register_in_scope(config: &mut web::ServiceConfig, own: &OwnPaths, operations: &Operations) {
    in_scope(config, &own.mount(), |config| register(config, own, operations));
}

fn in_scope(
    config: &mut web::ServiceConfig,
    path: &str,
    register: impl FnOnce(&mut web::ServiceConfig),
) {
    match path {
        "" => register(config),
        path => {
            config.service(web::scope(path).configure(register));
        }
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("guard", &self.guard).finish_non_exhaustive()
    }
}
