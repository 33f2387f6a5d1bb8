//! What the middleware leaves for the handler: the principal, and the scheme that carried its credential.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header::WWW_AUTHENTICATE,
};

use crate::{
    principal::Principal,
    server::{
        enforce::challenge::BEARER,
        http::{code::Code, refusal::Refusal},
    },
};

/// The principal whose credential met the requirement, and the scheme that carried it.
///
/// As a handler's argument it refuses as [`Principal`] does: take that one where the scheme does not matter.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The principal.
    pub principal: Arc<Principal>,
    /// The name of the security scheme in the document.
    pub scheme: Arc<str>,
}

/// Kept in the extensions of a request whose handler asked in vain who is calling.
pub(crate) struct NotAuthenticated;

impl Authenticated {
    pub(super) fn find(request: &HttpRequest) -> Result<Self, Refusal> {
        let found = request.extensions().get::<Self>().cloned();
        found.ok_or_else(|| {
            request.extensions_mut().insert(NotAuthenticated);
            let detail = "This operation needs to know who is calling, and the request is not authenticated.";
            Refusal::new(Code::MissingCredentials, detail).header(WWW_AUTHENTICATE, BEARER)
        })
    }
}

impl FromRequest for Authenticated {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::find(request))
    }
}

/// As a handler's argument it refuses with 401 where the request is not authenticated, as on public operations;
/// `Option<Principal>` does not.
impl FromRequest for Principal {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Authenticated::find(request).map(|found| Self::clone(&found.principal)))
    }
}
