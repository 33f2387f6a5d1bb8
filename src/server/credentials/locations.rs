//! Where the credentials of one operation may be: compiled once, read in every request.

use actix_web::http::header::HeaderName;

use crate::policy::{
    requirement::Requirement,
    scheme::{CredentialKind, Location, SchemeKind},
};

/// All locations that a requirement names.
#[derive(Debug, Default)]
pub(crate) struct Locations {
    pub(crate) api_keys: Vec<NamedLocation>,
    /// The cookie that holds a token.
    pub(crate) session: Option<NamedLocation>,
    /// Whether `Authorization` is read.
    pub(crate) authorization: bool,
    /// Whether `Authorization` may be Basic.
    pub(crate) basic: bool,
}

/// A header, query parameter or cookie with a name of its own.
#[derive(Debug)]
pub(crate) struct NamedLocation {
    pub(crate) location: Location,
    pub(crate) name: String,
    /// The name as a header name, where it can be one.
    pub(crate) header: Option<HeaderName>,
}

impl Locations {
    pub(crate) fn new(requirement: &Requirement) -> Self {
        let mut locations = Self::default();
        for scheme in requirement.schemes() {
            let is_token = scheme.credential == CredentialKind::Token;
            // The session cookie counts only without an `Authorization` header.
            locations.authorization |= is_token;
            match &scheme.kind {
                SchemeKind::ApiKey { location, name } => {
                    let header = HeaderName::from_bytes(name.as_bytes()).ok();
                    let named = NamedLocation { location: *location, name: name.clone(), header };
                    match is_token {
                        true => locations.session = Some(named),
                        false => locations.api_keys.push(named),
                    }
                }
                SchemeKind::Basic => (locations.authorization, locations.basic) = (true, true),
                SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {}
            }
        }
        locations
    }
}
