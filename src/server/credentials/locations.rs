//! Where the credentials of one operation may stand: found out once, looked at in every request.
//!
//! Must not know what stands there.

use actix_web::http::header::HeaderName;

use crate::policy::{
    requirement::Requirement,
    scheme::{CredentialKind, Location, SchemeKind},
};

/// All places that a requirement names.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) api_keys: Vec<Named>,
    /// The cookie that holds a token.
    pub(crate) session: Option<Named>,
    /// Whether `Authorization` is read.
    pub(crate) authorization: bool,
    /// Whether it may be Basic.
    pub(crate) basic: bool,
}

/// A place with a name of its own.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) place: Location,
    pub(crate) name: String,
    /// The name, where it is a header's.
    pub(crate) header: Option<HeaderName>,
}

impl Places {
    /// The places of `requirement`.
    pub(crate) fn of(requirement: &Requirement) -> Self {
        let mut places = Self::default();
        for scheme in requirement.schemes() {
            let is_token = scheme.credential == CredentialKind::Token;
            // It matters to the session cookie too, which counts only without it.
            places.authorization |= is_token;
            match &scheme.kind {
                SchemeKind::ApiKey { location, name } => {
                    let header = HeaderName::from_bytes(name.as_bytes()).ok();
                    let named = Named { place: *location, name: name.clone(), header };
                    if is_token {
                        places.session = Some(named);
                    } else {
                        places.api_keys.push(named);
                    }
                }
                SchemeKind::Basic => (places.authorization, places.basic) = (true, true),
                SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {}
            }
        }
        places
    }
}
