//! Operations, and the one document that is published and enforced for them.

use std::{fmt, sync::Arc};

use actix_cors::Cors;
use actix_web::{
    App, Error, HttpResponse,
    dev::{Service as _, ServiceFactory, ServiceRequest, ServiceResponse},
    http::header,
    middleware::{Condition, from_fn},
    web,
};
use futures_util::{TryFutureExt, future::Either};
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
        document::{
            complete::{complete, refuse_others},
            introduction,
        },
        enforce::{
            access_log::log_access, enforced_document::EnforcedDocument, guard::not_found,
            middleware::enforce,
        },
        forward::{
            followed_policy::FollowedPolicy,
            verify::{answer, is_asked},
            verify_operations,
        },
        http::{extractors, request_info::REQUEST_ID},
        publication::{Draft, Publication, Publications},
        routes::{self, pages},
        routing::route_conflicts::{Routing, check},
    },
};

/// Registers the operations of an application in a worker.
pub(crate) type Operations = Arc<dyn Fn(&mut ServiceConfig<'_>) + Send + Sync>;

/// Operations, and the document that is both published and enforced for them; made by
/// [`Gate::protect`](crate::Gate::protect).
///
/// Clones share everything.
#[derive(Clone)]
pub struct Site {
    context: Arc<Context>,
    /// What `/verify` enforces in the place of its own operation.
    policy: Option<Arc<FollowedPolicy>>,
    operations: Operations,
    /// The pages beside the document's operations.
    pages: Vec<&'static str>,
    /// The document as it was when this was made.
    document: Arc<Value>,
    publication: Arc<Publication>,
    /// Where documents follow the issuers of the roster.
    publications: Arc<Publications>,
}

/// The document of hallpass' own operations, as `hallpass openapi` prints it, and its policy.
///
/// # Errors
/// An issuer whose name is that of another scheme.
pub(crate) fn own_document(
    settings: &DocumentSettings,
    issuers: &[Issuer],
) -> Result<(Value, Policy), Diagnostics> {
    let pages = pages::paths(settings);
    complete(own_draft(settings)?, settings, issuers, &pages, WrittenIn::Rust)
}

fn own_draft(settings: &DocumentSettings) -> Result<Value, Diagnostics> {
    let mut document = to_json(&own_operations()?)?;
    introduction::introduce_own(&mut document, &settings.base_path);
    Ok(document.into())
}

impl Site {
    /// hallpass' own operations and no others.
    ///
    /// # Errors
    /// As [`own_document`].
    pub(crate) fn own(
        context: Arc<Context>,
        policy: Option<Arc<FollowedPolicy>>,
        publications: Arc<Publications>,
    ) -> Result<Self, Diagnostics> {
        let settings = &context.settings.document;
        let (document, pages) = (own_draft(settings)?, pages::paths(settings));
        let draft = Draft { document, pages, written_in: WrittenIn::Rust };
        Self::publish(
            context,
            policy,
            publications,
            Arc::new(|_: &mut ServiceConfig<'_>| {}),
            draft,
        )
    }

    /// An application's operations beside hallpass' own.
    ///
    /// # Errors
    /// As [`Gate::protect`](crate::Gate::protect).
    pub(crate) fn for_application(
        context: Arc<Context>,
        policy: Option<Arc<FollowedPolicy>>,
        publications: Arc<Publications>,
        about: OpenApi,
        operations: Operations,
    ) -> Result<Self, Diagnostics> {
        let mut document = collect(about, |config| operations(config));
        let (about, ours) = (to_json(&document)?, own_operations()?);
        let own = to_json(&ours)?;
        let theirs = paths(&about);
        let settings = &context.settings.document;
        let mut pages = pages::paths(settings);
        pages.retain(|page| {
            *page != pages::START || !theirs.contains(&operation("get", pages::START))
        });
        refuse_reserved(&theirs, &paths(&own), &pages)?;
        refuse_others("schemas", &schemas(&about), &schemas(&own))?;
        document.merge(ours);
        let mut document = to_json(&document)?;
        introduction::introduce(&mut document, &settings.base_path);
        let draft = Draft { document: document.into(), pages, written_in: WrittenIn::Rust };
        Self::publish(context, policy, publications, operations, draft)
    }

    fn publish(
        context: Arc<Context>,
        policy: Option<Arc<FollowedPolicy>>,
        publications: Arc<Publications>,
        operations: Operations,
        draft: Draft,
    ) -> Result<Self, Diagnostics> {
        let pages = draft.pages.clone();
        let route = |policy: &Policy| check(policy, |config| register(config, &pages, &operations));
        let (publication, document) = Publication::new(Arc::clone(&context), draft, route)?;
        let (publication, document) = (Arc::new(publication), Arc::new(document));
        publications.add(&publication)?;
        Ok(Self { context, policy, operations, pages, document, publication, publications })
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
        let draft = Draft { document, pages: self.pages.clone(), written_in: WrittenIn::Json };
        let (operations, publications) =
            (Arc::clone(&self.operations), Arc::clone(&self.publications));
        let (context, policy) = (Arc::clone(&self.context), self.policy.clone());
        Self::publish(context, policy, publications, operations, draft)
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
        let (context, enforced) =
            (Arc::clone(&self.context), Arc::clone(self.publication.enforced()));
        let origins = &self.context.settings.cors_origins;
        let logged = Arc::clone(&self.context);
        let (asked, verifying) = (Arc::clone(&self.context), Arc::clone(&enforced));
        let policy = self.policy.clone();
        App::new()
            .configure(|config| self.register(config))
            .wrap(from_fn(move |request, next| {
                enforce(Arc::clone(&context), enforced.load_full(), request, next)
            }))
            .wrap(Condition::new(!origins.is_empty(), cors(origins)))
            // Outside of CORS: a preflight that a proxy asks about is not ours to answer.
            .wrap_fn(move |request, service| match is_asked(request.uri().path()) {
                true => {
                    let (context, enforced) = (Arc::clone(&asked), verifying.load_full());
                    let policy = policy.clone();
                    Either::Left(async move {
                        Ok(answer(&context, &enforced.guard, policy.as_deref(), request).await)
                    })
                }
                false => Either::Right(
                    service.call(request).map_ok(ServiceResponse::map_into_boxed_body),
                ),
            })
            .wrap(from_fn(move |request, next| log_access(Arc::clone(&logged), request, next)))
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// What is published and enforced at the moment.
    pub(crate) fn enforced(&self) -> Arc<EnforcedDocument> {
        self.publication.enforced().load_full()
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

    fn register(&self, config: &mut web::ServiceConfig) {
        config
            .app_data(web::Data::from(Arc::clone(&self.context)))
            .app_data(web::Data::from(Arc::clone(self.publication.enforced())));
        register(config, &self.pages, &self.operations);
        // What a guard or a regular expression leaves may not go on to a route that is added later.
        for path in self.publication.partial_paths() {
            config.route(path, web::to(async || Err::<HttpResponse, _>(not_found())));
        }
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
        f.debug_struct("Site").field("publication", &self.publication).finish_non_exhaustive()
    }
}

fn cors(origins: &[String]) -> Cors {
    let cors = origins.iter().fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
    cors.allow_any_method()
        .allow_any_header()
        .expose_headers([header::RETRY_AFTER, header::WWW_AUTHENTICATE, REQUEST_ID])
        .max_age(600)
}

fn own_operations() -> Result<OpenApi, Diagnostics> {
    let mut document = collect(OpenApi::default(), routes::register);
    let (path, item) = verify_operations::path_item();
    let item = serde_json::from_value(item).map_err(unserializable)?;
    document.paths.paths.insert(path.to_owned(), item);
    Ok(document)
}

/// `about` with the operations that `register` registers.
fn collect(about: OpenApi, register: impl FnOnce(&mut ServiceConfig<'_>)) -> OpenApi {
    App::new().into_utoipa_app().openapi(about).configure(register).split_for_parts().1
}

fn to_json(collected: &OpenApi) -> Result<Map<String, Value>, Diagnostics> {
    let mut document = serde_json::to_value(collected).map_err(unserializable)?;
    // utoipa can say "not required" only by a nullable body, which some generators cannot read.
    if let Some(required) = document.pointer_mut("/paths/~1login/post/requestBody/required") {
        *required = Value::Bool(false);
    }
    match document {
        Value::Object(document) => Ok(document),
        _ => Err(unserializable("it is not an object")),
    }
}

fn unserializable(error: impl fmt::Display) -> Diagnostics {
    Diagnostic::new("the OpenAPI document", format!("cannot be serialised: {error}")).into()
}

/// `GET /path` for every operation of a document.
fn paths(document: &Map<String, Value>) -> Vec<String> {
    let items = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let operations = items.flat_map(|(path, item)| {
        item.as_object().into_iter().flat_map(Map::keys).map(move |method| operation(method, path))
    });
    operations.collect()
}

fn schemas(document: &Map<String, Value>) -> Map<String, Value> {
    let schemas = document.get("components").and_then(|components| components.get("schemas"));
    schemas.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn operation(method: &str, path: &str) -> String {
    format!("{} {path}", method.to_ascii_uppercase())
}

/// The router would take hallpass' handlers, and the document would describe those of the application.
fn refuse_reserved(theirs: &[String], ours: &[String], pages: &[&str]) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let pages: Vec<String> = pages.iter().map(|page| operation("get", page)).collect();
    let is_verify = |one: &str| one.split_once(' ').is_some_and(|(_, path)| is_asked(path));
    let is_ours = |one: &&String| ours.contains(one) || pages.contains(one) || is_verify(one);
    for operation in theirs.iter().filter(is_ours) {
        let what = "is hallpass' own: use another path for yours";
        diagnostics.push(Diagnostic::new(operation.clone(), what));
    }
    diagnostics.or(())
}
