//! Which part of an application lies inside of a guard: requests that no client can send find it out.

use std::{cell::RefCell, future::ready, rc::Rc};

use actix_web::{
    App, Error, HttpMessage, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse},
    http::{Method, Uri},
    test::{TestRequest, init_service},
    web,
};
use futures_util::future::Either;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    diagnostics::Diagnostics,
    policy::paths::filled,
    server::routing::registered::{Registered, Resource, VALUES, template},
};

/// The method of such requests: no handler that is registered for a method is called.
const METHOD: &str = "PROBE";

/// Ends of the paths that are sent into a scope, one of which no handler takes.
const ENDS: [&str; 2] = ["/a-probe-of-hallpass", "/a/probe/of/hallpass"];

/// What is percent-encoded in such a path.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// In the extensions of a probing request: what guards have told it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Probe(Rc<RefCell<Vec<(GuardId, Place)>>>);

/// In the extensions of the request that asks for the router's own map.
struct MapQuestion;

/// Tells guards apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GuardId(pub(crate) usize);

/// Where a guard is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Around the application.
    App,
    /// Around the scope that took this part of a path.
    Scope(String),
    /// Around the resource that took this path.
    Resource(String),
}

impl Place {
    /// The place of the middleware that has this request.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let whole = request.match_info().get_ref().path();
        match taken(request) {
            "" => Self::App,
            taken if taken.len() == whole.len() => Self::Resource(taken.to_owned()),
            taken => Self::Scope(taken.to_owned()),
        }
    }
}

/// The part of a path that the scopes and resources around a middleware or handler have taken.
pub(crate) fn taken(request: &HttpRequest) -> &str {
    let path = request.match_info();
    let whole = path.get_ref().path();
    whole.strip_suffix(path.unprocessed()).unwrap_or(whole)
}

impl Probe {
    /// The probe that a request is; none for all that come from outside.
    pub(crate) fn find(request: &HttpRequest) -> Option<Self> {
        if request.method().as_str() != METHOD {
            return None;
        }
        request.extensions().get::<Self>().cloned()
    }

    /// Tells that the request has come to this guard.
    pub(crate) fn tell(&self, guard: GuardId, request: &HttpRequest) {
        self.0.borrow_mut().push((guard, Place::of(request)));
    }

    /// Where the request met this guard.
    fn met(&self, guard: GuardId) -> Option<Place> {
        let met = self.0.borrow();
        met.iter().find(|(other, _)| *other == guard).map(|(_, place)| place.clone())
    }
}

/// What lies inside of a guard.
#[derive(Debug, Default)]
pub(crate) struct Inside {
    places: Vec<Place>,
    /// The scopes of which it is not known, because a handler in them takes every request.
    pub(crate) unknown: Vec<String>,
}

impl Inside {
    pub(crate) fn of(place: Place) -> Self {
        Self { places: vec![place], unknown: Vec::new() }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether the resource lies inside, or it is not known.
    pub(super) fn may_have(&self, resource: &Resource) -> bool {
        let is_unknown = |prefix: &str| self.unknown.iter().any(|unknown| unknown == prefix);
        self.has(resource) || resource.scopes.iter().any(|scope| is_unknown(&scope.prefix))
    }

    pub(super) fn has(&self, resource: &Resource) -> bool {
        self.places.iter().any(|place| match place {
            Place::App => true,
            Place::Scope(taken) => resource.scopes.iter().any(|scope| scope.takes(taken)),
            Place::Resource(path) => resource.is_match(path),
        })
    }
}

/// Builds an application, and sends it requests that a guard recognises.
///
/// # Errors
/// actix-web's map of it cannot be read.
pub(crate) async fn probe<T, B>(
    app: App<T>,
    guard: GuardId,
) -> Result<(Registered, Inside), Diagnostics>
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
    let app = app.default_service(web::to(HttpResponse::NotFound)).wrap_fn(|request, service| {
        if request.extensions().contains::<MapQuestion>() {
            let answer = request.into_response(HttpResponse::Ok());
            return Either::Left(ready(Ok(answer.map_into_boxed_body())));
        }
        let answering = service.call(request);
        Either::Right(async { answering.await.map(ServiceResponse::map_into_boxed_body) })
    });
    let app = init_service(app).await;
    let question = TestRequest::default().to_request();
    question.extensions_mut().insert(MapQuestion);
    let answer = app.call(question).await.map_err(|_| Registered::unreadable())?;
    let registered = Registered::of(answer.into_parts().0)?;
    let mut inside = Inside::default();
    let send = async |path: &str| {
        let path = utf8_percent_encode(path, ENCODED).to_string();
        if path.parse::<Uri>().is_err() {
            return None;
        }
        let method = Method::from_bytes(METHOD.as_bytes()).unwrap_or_default();
        let (request, probe) = (TestRequest::with_uri(&path).method(method), Probe::default());
        let request = request.to_request();
        request.extensions_mut().insert(probe.clone());
        // An error is one of a middleware in between: the guard was met or not.
        drop(app.call(request).await);
        probe.met(guard)
    };
    for prefix in registered.prefixes() {
        let starts = VALUES.iter().filter_map(|value| match prefix {
            "" => Some(String::new()),
            prefix => filled(&template(prefix), value),
        });
        let mut paths = starts.flat_map(|start| ENDS.map(|end| format!("{start}{end}")));
        match paths.find(|path| !registered.takes_everything(path)) {
            Some(path) => inside.places.extend(send(&path).await),
            None => inside.unknown.push(prefix.to_owned()),
        }
        if inside.places.contains(&Place::App) {
            return Ok((registered, Inside::of(Place::App)));
        }
    }
    // A guard may be around a single resource, too.
    for resource in registered.resources.iter().filter(|one| !one.methods.is_empty()) {
        if !inside.has(resource)
            && let Some(path) = VALUES.iter().find_map(|value| filled(&resource.template, value))
        {
            inside.places.extend(send(&path).await);
        }
    }
    Ok((registered, inside))
}
