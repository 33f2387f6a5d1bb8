//! Where the credentials of one operation may be: compiled once, read in every request.

use actix_web::http::header::HeaderName;

use crate::policy::{
    requirement::{Alternative, Requirement},
    scheme::{CredentialKind, Location, SchemeKind},
};

/// All locations that a requirement names.
#[derive(Debug, Default)]
pub(crate) struct Locations {
    /// The headers and query parameters that hold API keys.
    pub(crate) api_keys: Vec<NamedLocation>,
    /// The cookies that hold API keys.
    pub(crate) api_key_cookies: Vec<NamedLocation>,
    /// The cookie that holds a token.
    pub(crate) session: Option<NamedLocation>,
    /// Whether `Authorization` may be Bearer.
    pub(crate) bearer: bool,
    /// Whether `Authorization` may be Basic.
    pub(crate) basic: bool,
    /// Whether cookies count beside other credentials: an alternative demands both.
    pub(crate) cookies_beside_others: bool,
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
        let alternatives = requirement.alternatives();
        let cookies_beside_others = alternatives.iter().any(demands_a_cookie_and_another);
        let mut locations = Self { cookies_beside_others, ..Self::default() };
        for scheme in requirement.schemes() {
            match &scheme.kind {
                SchemeKind::ApiKey { location, name } => {
                    let header = HeaderName::from_bytes(name.as_bytes()).ok();
                    let named = NamedLocation { location: *location, name: name.clone(), header };
                    match (location, scheme.credential) {
                        (_, CredentialKind::Token) => locations.session = Some(named),
                        (Location::Cookie, _) => locations.api_key_cookies.push(named),
                        _ => locations.api_keys.push(named),
                    }
                }
                SchemeKind::Basic => locations.basic = true,
                SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
                    locations.bearer = true;
                }
            }
        }
        locations
    }
}

fn demands_a_cookie_and_another(alternative: &Alternative) -> bool {
    let is_cookie = || alternative.demands.iter().map(|demand| demand.scheme.is_cookie());
    is_cookie().any(|is_cookie| is_cookie) && is_cookie().any(|is_cookie| !is_cookie)
}
