//! What the middleware leaves for the handler: who was authenticated, and by which scheme.
//!
//! Must not know what the operation demanded.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};

use crate::principal::Principal;

use crate::server::http::{code::Code, refusal::Refusal};

/// The principal whose credential satisfied the requirement, and the scheme that carried it.
///
/// As a handler's argument it refuses as [`Principal`] does: take that one where the scheme does not matter.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// Who the request speaks for.
    pub principal: Arc<Principal>,
    /// The name of the security scheme in the document.
    pub scheme: Arc<str>,
}

impl Authenticated {
    fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        request.extensions().get::<Self>().cloned().ok_or_else(|| {
            let detail = "This operation needs to know who calls, and nobody was proven.";
            Refusal::new(Code::MissingCredentials, detail)
                .header(actix_web::http::header::WWW_AUTHENTICATE, "Bearer realm=\"hallpass\"")
        })
    }
}

impl FromRequest for Authenticated {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}

/// As a handler's argument it refuses with 401 where nobody was proven, as on public operations;
/// `Option<Principal>` does not.
impl FromRequest for Principal {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Authenticated::of(request).map(|authenticated| Self::clone(&authenticated.principal)))
    }
}
