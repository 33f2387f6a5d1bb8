//! Who is calling, in a type of the application's own.

use std::{
    any::type_name,
    fmt,
    future::{Ready, ready},
    ops::Deref,
    rc::Rc,
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;

use crate::{
    principal::Principal,
    server::{enforce::authenticated::Authenticated, http::refusal::Refusal},
};

/// A type of an application that stands for who is calling: a row of its users, a tenant.
///
/// A site that was built with `principal_as` makes it for every request with a principal, once the `security` of the
/// operation is met and before the handler and the body of the request: what it refuses changes nothing. Handlers take
/// it as [`Caller`].
pub trait FromPrincipal: Sized + 'static {
    /// Makes it for a request; it may ask a database, through the `app_data` of the application. Do not keep the request
    /// for longer: actix-web cannot go on with one that is in use.
    ///
    /// # Errors
    /// The refusal that is answered in place of the handler, such as [`Refusal::denied`] or [`Refusal::unavailable`].
    fn from_principal(
        principal: &Principal,
        request: &HttpRequest,
    ) -> impl Future<Output = Result<Self, Refusal>>;
}

/// An argument of handlers: the application's own type for who is calling, to which it dereferences.
///
/// `Option<Caller<T>>` is none where the request is anonymous. On its own it refuses with 401 then, as [`Principal`]
/// does.
pub struct Caller<T>(Rc<T>);

/// Makes the application's type for a request, and leaves it there for the handler.
pub(crate) type CallerSource =
    fn(Arc<Principal>, HttpRequest) -> LocalBoxFuture<'static, Result<(), Refusal>>;

/// The source of callers of a type.
pub(crate) fn leave_caller<T: FromPrincipal>(
    principal: Arc<Principal>,
    request: HttpRequest,
) -> LocalBoxFuture<'static, Result<(), Refusal>> {
    Box::pin(async move {
        let caller = T::from_principal(&principal, &request).await?;
        request.extensions_mut().insert(Caller(Rc::new(caller)));
        Ok(())
    })
}

impl<T> Clone for Caller<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Deref for Caller<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Caller<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Caller").field(&self.0).finish()
    }
}

impl<T: 'static> FromRequest for Caller<T> {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = request.extensions().get::<Self>().cloned();
        ready(found.map_or_else(|| Err(missing::<T>(request)), Ok))
    }
}

/// Kept in the extensions of a request whose handler takes a type that the site does not make.
pub(crate) struct NoCallerSource;

/// The request is anonymous, or the site makes no such type.
fn missing<T>(request: &HttpRequest) -> Refusal {
    match Authenticated::find(request) {
        Err(anonymous) => anonymous,
        Ok(_) => {
            request.extensions_mut().insert(NoCallerSource);
            Refusal::internal(format!(
                "a handler takes `Caller<{0}>`, and the site was built without `principal_as::<{0}>()`",
                type_name::<T>()
            ))
        }
    }
}
