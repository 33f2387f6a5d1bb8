//! Operations, and the one document that is published and enforced for them.

use std::{fmt, future::ready, sync::Arc};

use actix_web::{
    App, Error, HttpResponse,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    web,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::{AppExt, service_config::ServiceConfig};

use crate::{
    config::document_settings::DocumentSettings,
    diagnostics::{Diagnostic, Diagnostics},
    policy::{compile_options::WrittenIn, compiled::Policy},
    roster::roster_entries::Issuer,
    server::{
        context::Context,
        document::{complete::complete, draft::Draft, introduction, schemes::leave_out},
        enforce::{caller::CallerSource, enforced_document::EnforcedDocument, guard::not_found},
        forward::{followed_policy::FollowedPolicy, verify_operations},
        http::extractors,
        publication::{Publication, Publications},
        role_warnings,
        routes::{self, pages},
        routing::route_conflicts::check,
        site_guard::{Guarded, SiteGuard},
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
}

/// Operations, and the document that is both published and enforced for them; made by
/// [`Gate::protect`](crate::Gate::protect) or [`Gate::site`](crate::Gate::site).
///
/// Clones share everything.
#[derive(Clone)]
pub struct Site {
    parts: SiteParts,
    operations: Operations,
    /// The pages beside the document's operations.
    pages: Vec<&'static str>,
    /// The document as it was when this was made.
    document: Arc<Value>,
    guard: SiteGuard,
}

/// The document of hallpass' own operations, as `hallpass openapi` prints it, and its policy.
///
/// # Errors
/// An issuer whose name is that of another scheme.
pub(crate) fn own_document(
    settings: &DocumentSettings,
    issuers: &[Issuer],
) -> Result<(Value, Policy), Diagnostics> {
    complete(&own_draft(settings)?, settings, issuers)
}

fn own_draft(settings: &DocumentSettings) -> Result<Draft, Diagnostics> {
    let mut document = own_operations(settings)?;
    let own_paths = own_paths(&document);
    introduction::introduce_own(&mut document, &settings.base_path);
    let (document, pages) = (document.into(), pages::paths(settings));
    Ok(Draft {
        document,
        pages,
        own_paths,
        written_in: WrittenIn::Rust,
        denies: false,
        refusals: None,
    })
}

impl Site {
    /// hallpass' own operations and no others.
    ///
    /// # Errors
    /// As [`own_document`].
    pub(crate) fn own(parts: SiteParts) -> Result<Self, Diagnostics> {
        let draft = own_draft(&parts.context.settings.document)?;
        Self::publish(parts, Arc::new(|_: &mut ServiceConfig<'_>| {}), draft, None)
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
    ) -> Result<Self, Diagnostics> {
        let pages = draft.pages.clone();
        let route = |policy: &Policy| check(policy, |config| register(config, &pages, &operations));
        let (publication, document) =
            Publication::new(Arc::clone(&parts.context), draft, caller, route)?;
        let (publication, document) = (Arc::new(publication), Arc::new(document));
        parts.publications.add(&publication)?;
        role_warnings::warn(&parts.context, &parts.publications, parts.policy.as_deref());
        let (context, policy) = (Arc::clone(&parts.context), parts.policy.clone());
        let guard = SiteGuard(Arc::new(Guarded { context, policy, publication }));
        Ok(Self { parts, operations, pages, document, guard })
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
        Self::publish(parts, operations, draft, self.enforced().caller)
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
        App::new().configure(|config| self.register(config)).wrap(self.guard())
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
        register(config, &self.pages, &self.operations);
        // What a guard or a regular expression leaves may not go on to a route that is added later.
        for path in publication.partial_paths() {
            let context = Arc::clone(context);
            let refuse = move || {
                let refusal = not_found(&context.settings.document.base_path);
                ready(Err::<HttpResponse, _>(refusal))
            };
            config.route(path, web::to(refuse));
        }
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
            register(config, &self.pages, &self.operations)
        })
    }
}

/// Registers everything that a site serves.
fn register(config: &mut web::ServiceConfig, pages: &[&str], operations: &Operations) {
    // Ours come first: no template of the application may match a concrete path of ours.
    routes::register(&mut ServiceConfig::new(config));
    pages::register(config, pages);
    let mut config = ServiceConfig::new(config);
    extractors::configure(&mut config);
    operations(&mut config);
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// The document of hallpass' own operations, without what is completed.
pub(crate) fn own_operations(
    settings: &DocumentSettings,
) -> Result<Map<String, Value>, Diagnostics> {
    let mut document = collect(routes::register)?;
    // utoipa can say "not required" only by a nullable body, which some generators cannot read.
    let mut body = document.get_mut("paths");
    for name in ["/login", "post", "requestBody"] {
        body = body.and_then(|value| value.get_mut(name));
    }
    if let Some(required) = body.and_then(|body| body.get_mut("required")) {
        *required = Value::Bool(false);
    }
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        let (path, item) = verify_operations::path_item();
        paths.insert(path.to_owned(), item);
    }
    leave_out(&mut document, settings);
    Ok(document)
}

/// The paths of a document.
pub(crate) fn own_paths(document: &Map<String, Value>) -> Vec<String> {
    let paths = document.get("paths").and_then(Value::as_object);
    paths.into_iter().flat_map(Map::keys).cloned().collect()
}

/// The document of the operations that `register` registers.
pub(crate) fn collect(
    register: impl FnOnce(&mut ServiceConfig<'_>),
) -> Result<Map<String, Value>, Diagnostics> {
    let app = App::new().into_utoipa_app().openapi(OpenApi::default());
    let document = app.configure(register).split_for_parts().1;
    to_json(&document)
}

/// # Errors
/// It does not serialise as an object.
pub(crate) fn to_json(document: &impl Serialize) -> Result<Map<String, Value>, Diagnostics> {
    match serde_json::to_value(document).map_err(unserializable)? {
        Value::Object(document) => Ok(document),
        _ => Err(unserializable("it is not an object").into()),
    }
}

fn unserializable(error: impl fmt::Display) -> Diagnostic {
    Diagnostic::new("the OpenAPI document", format!("cannot be serialised: {error}"))
}
