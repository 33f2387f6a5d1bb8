//! The gate: hallpass as a part of an actix-web application, our own service included.
//!
//! Must not know sockets: `run` listens.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use actix_web::{
    Error,
    body::{EitherBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    middleware::from_fn,
    web,
};
use serde::Serialize;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    authority::Authority,
    config::{Raw, Settings},
    policy::{Policy, Reading},
    problem::{Problem, Problems},
    roster::{Issuer, Source},
};

use super::{
    document,
    enforce::{Enforcement, enforce},
    issuer_schemes,
    prepare::prepare,
    refusal::Refusal,
    routes,
    sources::Sources,
    watch::Watch,
};

/// The largest body that an operation of ours takes, in bytes.
const LARGEST_BODY: usize = 16 * 1024;

/// The document as it is served and enforced.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) json: String,
    pub(super) yaml: String,
}

#[derive(Debug)]
struct Inner {
    authority: Arc<Authority>,
    settings: Settings,
    /// As they were at start: every worker must read the same document.
    issuers: Vec<Issuer>,
    published: OnceLock<Published>,
    stopping: AtomicBool,
    watch: OnceLock<Watch>,
}

/// hallpass in an application: routes to register, and the middleware that enforces the document.
///
/// Clones share everything.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

impl Gate {
    /// A gate over this authority.
    pub fn new(authority: Authority, settings: Settings) -> Self {
        let issuers = authority.roster().issuers().cloned().collect();
        Self(Arc::new(Inner {
            issuers,
            authority: Arc::new(authority),
            settings,
            published: OnceLock::new(),
            stopping: AtomicBool::new(false),
            watch: OnceLock::new(),
        }))
    }

    /// The gate that environment and `.env` describe, for an application that listens by itself. It watches the
    /// roster file as long as it lives.
    ///
    /// # Errors
    /// Every problem of settings and roster at once, or one of the state file.
    pub fn from_env() -> Result<Self, Problems> {
        let prepared = prepare(&Raw::gather())?;
        prepared.warn();
        let base_url = format!("http://{}", prepared.settings.bind);
        prepared.gate(&base_url)
    }

    /// Who proves credentials and issues tokens here.
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    pub(super) fn shared_authority(&self) -> &Arc<Authority> {
        &self.0.authority
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Registers hallpass' own operations: `App::new().into_utoipa_app().configure(gate.routes())`.
    pub fn routes(&self) -> impl FnOnce(&mut ServiceConfig<'_>) + use<> {
        let gate = self.clone();
        move |config| {
            let docs = gate.settings().surface.docs;
            config.app_data(web::Data::new(gate)).app_data(web::PayloadConfig::new(LARGEST_BODY));
            routes::register(config, docs);
        }
    }

    /// The middleware that lets pass what `document` allows, and publishes that document.
    ///
    /// `document` is what utoipa collected, or any serialisable OpenAPI 3 document; hallpass' security schemes
    /// are added where they are missing. Wrap CORS around it, not inside.
    ///
    /// # Errors
    /// Every part of the document that cannot be enforced, an operation without `security` first of all.
    pub fn enforce<S, B, D>(
        &self,
        document: &D,
    ) -> Result<impl Enforces<S, B> + use<S, B, D>, Problems>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
        B: MessageBody + 'static,
        D: Serialize,
    {
        Ok(self.compile(document)?.middleware())
    }

    /// Compiles and publishes the document, once for all workers.
    pub(super) fn compile(&self, document: &impl Serialize) -> Result<Compiled, Problems> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Problems::from(Problem::new(
                "the OpenAPI document",
                format!("cannot be written: {error}"),
            ))
        };
        let document = serde_json::to_value(document).map_err(|error| unreadable(&error))?;
        let document = document::complete(document, &self.settings().surface);
        let document = issuer_schemes::add(document, &self.0.issuers)?;
        let policy = Policy::compile(&document, &Reading::own())?;
        let sources = Sources::of(&policy, &self.0.issuers, self.authority())?;
        let json = serde_json::to_string(&document).map_err(|error| unreadable(&error))?;
        let yaml = yaml_serde::to_string(&document).map_err(|error| unreadable(&error))?;
        // Every worker of an application compiles the same document: the first one is published.
        self.0.published.get_or_init(|| Published { json, yaml });
        let cookie = self.settings().surface.cookie_name.clone();
        let authority = Arc::clone(&self.0.authority);
        Ok(Compiled(Arc::new(Enforcement::new(authority, policy, sources, cookie))))
    }

    pub(super) fn published(&self) -> Result<&Published, Refusal> {
        let unpublished =
            || Refusal::internal("routes() is registered, but enforce() never ran".to_owned());
        self.0.published.get().ok_or_else(unpublished)
    }

    /// Follows the changes of a roster file, of one at most.
    pub(super) fn watch(&self, source: Source) {
        match Watch::start(source, &self.0.authority) {
            Ok(watch) => drop(self.0.watch.set(watch)),
            Err(error) => log::error!("the roster is not watched, changes need a restart: {error}"),
        }
    }

    /// Has the roster file read at once, as on SIGHUP; returns before that is done. Does nothing where the
    /// roster came from no file.
    pub fn reload(&self) {
        if let Some(watch) = self.0.watch.get() {
            watch.read_now();
        }
    }

    /// Makes `/health/ready` answer 503.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }
}

/// A compiled document, ready to become a middleware in every worker.
#[derive(Debug, Clone)]
pub(super) struct Compiled(Arc<Enforcement>);

impl Compiled {
    /// The middleware for one worker.
    pub(super) fn middleware<S, B>(&self) -> impl Enforces<S, B> + use<S, B>
    where
        S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
        B: MessageBody + 'static,
    {
        let enforcement = Arc::clone(&self.0);
        from_fn(move |request, next| enforce(Arc::clone(&enforcement), request, next))
    }
}

/// What [`Gate::enforce`] returns: something that `App::wrap` takes.
pub trait Enforces<S, B>:
    Transform<
        S,
        ServiceRequest,
        Response = ServiceResponse<EitherBody<EitherBody<B>>>,
        Error = Error,
        InitError = (),
    > + 'static
{
}

impl<T, S, B> Enforces<S, B> for T where
    T: Transform<
            S,
            ServiceRequest,
            Response = ServiceResponse<EitherBody<EitherBody<B>>>,
            Error = Error,
            InitError = (),
        > + 'static
{
}
