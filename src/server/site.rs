//! A site: operations and the one document that is published and enforced for them.
//!
//! Must not know sockets, or where the settings came from.

use std::{fmt, sync::Arc};

use actix_web::{
    App, Error,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::from_fn,
    web,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    policy::{compile_options::CompileOptions, compiled::Policy},
};

use crate::server::{
    counters::{self, operation_counters::Meters},
    credentials::external_issuers::Sources,
    document::{
        collect, complete, introduced, issuer_schemes, own_document, own_operations, unwritable,
        written,
    },
    enforce::guard::{Enforcement, enforce},
    gate::Gate,
    http::extractors,
    routes::{self, Optional},
};

/// What registers an application's operations in a worker.
pub(crate) type Operations = Arc<dyn Fn(&mut ServiceConfig<'_>) + Send + Sync>;

/// The document as it is served.
#[derive(Debug)]
pub(crate) struct Published {
    document: Value,
    pub(crate) json: web::Bytes,
    pub(crate) yaml: web::Bytes,
}

/// Operations, and the document that is both published and enforced for them; made by [`Gate::protect`].
///
/// Clones share everything.
#[derive(Clone)]
pub struct Site {
    gate: Gate,
    operations: Operations,
    /// Whether `GET /` is ours.
    has_start: bool,
    published: web::Data<Published>,
    enforcement: Arc<Enforcement>,
}

impl Site {
    /// hallpass' own operations and no others.
    pub(crate) fn own(gate: Gate) -> Result<Self, Diagnostics> {
        let document = own_document(&gate.settings().surface);
        Self::publish(gate, Arc::new(|_: &mut ServiceConfig<'_>| {}), true, document)
    }

    /// An application's operations beside ours.
    pub(crate) fn of_application(
        gate: Gate,
        about: OpenApi,
        operations: Operations,
    ) -> Result<Self, Diagnostics> {
        let mut document = collect(about, |config| operations(config));
        let ours = own_operations(&gate.settings().surface);
        let theirs = written(&document)?;
        taken(&theirs, &written(&ours)?)?;
        let has_start = theirs.pointer("/paths/~1/get").is_none();
        document.merge(ours);
        let document = introduced(written(&document)?);
        Self::publish(gate, operations, has_start, document)
    }

    fn publish(
        gate: Gate,
        operations: Operations,
        has_start: bool,
        document: Value,
    ) -> Result<Self, Diagnostics> {
        let document = complete(document, &gate.settings().surface);
        let document = issuer_schemes::add(document, gate.issuers())?;
        let options = CompileOptions::own(&gate.settings().surface.cookie_name);
        let policy = Policy::compile(&document, &options)?;
        let sources = Sources::of(&policy, gate.issuers(), gate.authority())?;
        let json = serde_json::to_vec(&document).map_err(unwritable)?.into();
        let yaml = yaml_serde::to_string(&document).map_err(unwritable)?.into();
        let published = web::Data::new(Published { document, json, yaml });
        let meters = Meters::for_all(&policy, gate.counted()).map_err(counters::fault)?;
        let enforcement = Arc::new(Enforcement::new(gate.clone(), policy, sources, meters));
        Ok(Self { gate, operations, has_start, published, enforcement })
    }

    /// The same operations under another document, which is published and enforced instead: one that was written
    /// by hand, or [`Site::document`] with changes. Operations that it leaves out answer 404.
    ///
    /// `document` is anything that serialises as an OpenAPI 3.x document; hallpass' security schemes are added
    /// where it lacks them.
    ///
    /// # Errors
    /// Every part of the document that cannot be enforced.
    pub fn with_document(&self, document: &impl Serialize) -> Result<Self, Diagnostics> {
        let document = serde_json::to_value(document).map_err(unwritable)?;
        let operations = Arc::clone(&self.operations);
        Self::publish(self.gate.clone(), operations, self.has_start, document)
    }

    /// The document that is published and enforced.
    pub fn document(&self) -> &Value {
        &self.published.document
    }

    /// The application of one worker, with everything registered and the document enforced around it.
    ///
    /// Whatever is added to it later is inside of the enforcement if it is a route (so a route that the document
    /// does not declare answers 404), and outside if it is a middleware: CORS, compression and path normalisation
    /// apply to refusals too, and paths are normalised before they are judged. A middleware that needs the
    /// [`Principal`](crate::Principal) belongs around a scope or resource inside of `operations`.
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
        let enforcement = Arc::clone(&self.enforcement);
        App::new()
            .configure(|config| self.register(config))
            .wrap(from_fn(move |request, next| enforce(Arc::clone(&enforcement), request, next)))
    }

    fn register(&self, config: &mut web::ServiceConfig) {
        // Ours come first: no template of the application stands before a concrete path of ours.
        let mut config = ServiceConfig::new(config);
        config.app_data(web::Data::new(self.gate.clone())).app_data(self.published.clone());
        let docs = self.gate.settings().surface.docs;
        routes::register(&mut config, Optional { docs, start: self.has_start });
        extractors::configure(&mut config);
        (self.operations)(&mut config);
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("gate", &self.gate).finish_non_exhaustive()
    }
}

/// The router would take ours, and the document would speak of theirs.
fn taken(theirs: &Value, ours: &Value) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let paths = ours.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        let Some(their_item) = theirs.get("paths").and_then(|paths| paths.get(path)) else {
            continue;
        };
        for method in item.as_object().into_iter().flat_map(|item| item.keys()) {
            if their_item.get(method).is_some() && (path, method.as_str()) != (&"/".into(), "get") {
                let place = format!("{} {path}", method.to_ascii_uppercase());
                diagnostics
                    .push(Diagnostic::new(place, "is hallpass' own: take another path for yours"));
            }
        }
    }
    diagnostics.or(())
}
