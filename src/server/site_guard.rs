//! The guard of a site: the middleware that logs every request, answers `/verify` and CORS, and enforces the document.

use std::{
    cell::Cell,
    collections::BTreeSet,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use actix_cors::Cors;
use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::header,
    middleware::Condition,
};
use futures_util::future::LocalBoxFuture;

use crate::server::{
    context::Context,
    enforce::{access_log::log_access, middleware::enforce},
    forward::{followed_policy::FollowedPolicy, verify::answer},
    http::request_info::REQUEST_ID,
    publication::Publication,
    routing::{
        placement::unreachable,
        probe::{GuardId, Inside, Place, Probe},
        registered::Registered,
        route_conflicts::compare,
    },
};

/// The middleware that enforces the document of a [`Site`](crate::Site), made by
/// [`Site::guard`](crate::Site::guard), for `wrap` of an `App`, a `Scope` or a `Resource`.
///
/// Clones share everything.
#[derive(Debug, Clone)]
pub struct SiteGuard(pub(crate) Arc<Guarded>);

/// What a guard works with.
#[derive(Debug)]
pub(crate) struct Guarded {
    pub(crate) context: Arc<Context>,
    /// What `/verify` enforces in the place of its own operation.
    pub(crate) policy: Option<Arc<FollowedPolicy>>,
    pub(crate) publication: Arc<Publication>,
    /// Where guards have looked around.
    looked: Mutex<BTreeSet<Place>>,
}

impl SiteGuard {
    pub(crate) fn new(
        context: Arc<Context>,
        policy: Option<Arc<FollowedPolicy>>,
        publication: Arc<Publication>,
    ) -> Self {
        Self(Arc::new(Guarded { context, policy, publication, looked: Mutex::default() }))
    }

    /// What tells it apart from others in a probe.
    pub(crate) fn id(&self) -> GuardId {
        self.0.id()
    }
}

impl<S, B> Transform<S, ServiceRequest> for SiteGuard
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = GuardedService<WithCors<S>>;
    type InitError = ();
    type Future = LocalBoxFuture<'static, Result<Self::Transform, ()>>;

    fn new_transform(&self, service: S) -> Self::Future {
        let guarded = Arc::clone(&self.0);
        let enforcing =
            EnforcingService { guarded: Arc::clone(&guarded), service: Rc::new(service) };
        let origins = &guarded.context.settings.cors_origins;
        let service = Condition::new(!origins.is_empty(), cors(origins)).new_transform(enforcing);
        Box::pin(async move {
            let service = Rc::new(service.await?);
            Ok(GuardedService { guarded, service, has_looked: Cell::new(false) })
        })
    }
}

/// CORS around the enforcement, where `HALLPASS_CORS_ORIGINS` is set.
type WithCors<S> = <Condition<Cors> as Transform<EnforcingService<S>, ServiceRequest>>::Transform;

/// Everything of a guard, around a service.
#[doc(hidden)]
#[derive(Debug)]
pub struct GuardedService<S> {
    guarded: Arc<Guarded>,
    service: Rc<S>,
    /// Whether the first request has shown what is around.
    has_looked: Cell<bool>,
}

impl<S, B> Service<ServiceRequest> for GuardedService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        if let Some(probe) = Probe::find(request.request()) {
            probe.tell(self.guarded.id(), request.request());
            let answer = request.into_response(HttpResponse::Ok());
            return Box::pin(async { Ok(answer) });
        }
        if !self.has_looked.get() {
            self.has_looked.set(self.guarded.look_around(request.request()));
        }
        let (guarded, service) = (Arc::clone(&self.guarded), Rc::clone(&self.service));
        Box::pin(async move {
            let rules = guarded.publication.rules();
            let refusals = guarded.publication.draft().refusals;
            log_access(&guarded.context, rules, refusals, request, async |request| {
                // Outside of CORS: a preflight that a proxy asks about is not ours to answer.
                if rules.own.is_asked(request.uri().path()) {
                    return Ok(guarded.answer_proxy(request).await);
                }
                Ok(service.call(request).await?.map_into_boxed_body())
            })
            .await
        })
    }
}

impl Guarded {
    fn id(&self) -> GuardId {
        GuardId(std::ptr::from_ref(self).addr())
    }

    /// Logs, once for each place of the guard, which handlers inside of it nobody can reach, and which could answer
    /// requests that are judged as another's. Returns whether this request could show it.
    fn look_around(&self, request: &HttpRequest) -> bool {
        let place = Place::of(request);
        if let Place::Resource(_) = place {
            return false;
        }
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.insert(place.clone()) {
            let enforced = self.publication.enforced().load();
            let guard = &enforced.guard;
            match Registered::of(request.clone()) {
                Ok(app) => {
                    let known = &self.publication.routing().undocumented;
                    let inside = Inside::of(place);
                    let unreachable =
                        unreachable(guard.policy(), &guard.rules.public, &app, &inside);
                    for handler in unreachable.iter().filter(|one| !known.contains(one)) {
                        log::warn!("{}", handler.diagnostic());
                    }
                    if let Err(conflicts) = compare(guard.policy(), &app) {
                        conflicts.iter().for_each(|conflict| log::error!("{conflict}"));
                    }
                }
                Err(unreadable) => unreadable.iter().for_each(|one| log::error!("{one}")),
            }
        }
        true
    }

    async fn answer_proxy(&self, request: ServiceRequest) -> ServiceResponse<BoxBody> {
        let enforced = self.publication.enforced().load_full();
        answer(&self.context, &enforced.guard, self.policy.as_deref(), request).await
    }
}

/// The enforcement of a guard, around a service.
#[doc(hidden)]
#[derive(Debug)]
pub struct EnforcingService<S> {
    guarded: Arc<Guarded>,
    service: Rc<S>,
}

impl<S, B> Service<ServiceRequest> for EnforcingService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse, Error>>;

    forward_ready!(service);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (guarded, service) = (Arc::clone(&self.guarded), Rc::clone(&self.service));
        let enforced = guarded.publication.enforced().load_full();
        Box::pin(async move { enforce(&guarded.context, &enforced, request, &*service).await })
    }
}

fn cors(origins: &[String]) -> Cors {
    let cors = origins.iter().fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
    cors.allow_any_method()
        .allow_any_header()
        .expose_headers([header::RETRY_AFTER, header::WWW_AUTHENTICATE, REQUEST_ID])
        .max_age(600)
}
