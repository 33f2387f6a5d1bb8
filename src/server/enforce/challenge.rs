//! From a decision of the policy to a refusal with its `WWW-Authenticate` challenges
//! (RFC 9110 §11.6.1, RFC 6750 §3, RFC 7617).
//!
//! Must not know how credentials are read or proven.

use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};

use crate::policy::{
    decision::Forbidden,
    requirement::{Demand, Requirement},
    scheme::{Location, Scheme, SchemeKind},
};

use crate::server::http::{code::Code, refusal::Refusal};

/// What is said of credentials that an operation lacks: written once, sent many times.
#[derive(Debug)]
pub(crate) struct Challenges {
    /// What should have been sent.
    missing: String,
    /// One for each scheme that would do.
    all: Vec<HeaderValue>,
}

impl Challenges {
    /// The challenges of an operation with this requirement.
    pub(crate) fn of(requirement: &Requirement) -> Self {
        let mut wanted: Vec<String> = Vec::new();
        let mut all = Vec::new();
        for scheme in requirement.schemes() {
            let place = describe(scheme);
            if !wanted.contains(&place) {
                wanted.push(place);
            }
            if let Ok(challenge) = HeaderValue::from_str(&challenge(scheme))
                && !all.contains(&challenge)
            {
                all.push(challenge);
            }
        }
        let missing = format!("No credential was presented. Send {}.", wanted.join(", or "));
        Self { missing, all }
    }

    /// 401: nothing was presented.
    pub(crate) fn missing(&self) -> Refusal {
        let refusal = Refusal::new(Code::MissingCredentials, self.missing.clone());
        refusal.headers(WWW_AUTHENTICATE, self.all.iter().cloned())
    }

    /// 401: an API key or a password was presented and is bad. `detail` says so to the caller.
    pub(crate) fn bad_key(&self, detail: &'static str) -> Refusal {
        let refusal = Refusal::new(Code::InvalidApiKey, detail);
        refusal.headers(WWW_AUTHENTICATE, self.all.iter().cloned())
    }

    /// 401: a token was presented and is bad. The challenge that says why takes the place of the plain one.
    pub(crate) fn bad_token(&self, detail: &'static str) -> Refusal {
        let error = format!("Bearer error=\"invalid_token\", error_description=\"{detail}\"");
        let refusal = Refusal::new(Code::InvalidToken, detail).header(WWW_AUTHENTICATE, &error);
        let others = self.all.iter().filter(|challenge| challenge.as_bytes() != BEARER.as_bytes());
        refusal.headers(WWW_AUTHENTICATE, others.cloned())
    }
}

/// 403: proven, and still not allowed.
pub(crate) fn forbidden(forbidden: Forbidden<'_>) -> Refusal {
    match forbidden {
        Forbidden::Insufficient { demand } => insufficient(demand),
        Forbidden::CrossSite { .. } => Refusal::new(
            Code::CrossSiteRequest,
            "A cookie counts only for requests that this site's own pages make. \
             Send the token as `Authorization: Bearer` instead.",
        ),
        Forbidden::OtherSubject => Refusal::new(
            Code::SubjectMismatch,
            "The credentials belong to different subjects; this operation wants two proofs of the same one.",
        ),
        Forbidden::Undeclared => Refusal::new(
            Code::InsufficientScope,
            "The document does not say who may do this, so nobody may.",
        ),
    }
}

fn insufficient(demand: &Demand) -> Refusal {
    let roles = demand.roles.iter().map(|role| role.as_str());
    let wanted: Vec<&str> = roles.chain(demand.scopes.iter().map(|scope| scope.as_str())).collect();
    let what = if demand.roles.is_empty() { "scopes" } else { "roles" };
    let wanted = wanted.join(" ");
    let detail = format!("This operation wants the {what}: {wanted}.");
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{wanted}\"");
    Refusal::new(Code::InsufficientScope, detail).header(WWW_AUTHENTICATE, &challenge)
}

const BEARER: &str = "Bearer realm=\"hallpass\"";

/// API keys have no registered challenge: theirs repeats what the document says of the scheme.
fn challenge(scheme: &Scheme) -> String {
    match &scheme.kind {
        SchemeKind::ApiKey { location, name } => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!(
                "ApiKey realm=\"hallpass\", in=\"{}\", name=\"{name}\"",
                location_name(*location)
            )
        }
        SchemeKind::Basic => "Basic realm=\"hallpass\", charset=\"UTF-8\"".to_owned(),
        SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
            BEARER.to_owned()
        }
    }
}

fn describe(scheme: &Scheme) -> String {
    match &scheme.kind {
        SchemeKind::ApiKey { location, name } => format!("the {} {name}", location_name(*location)),
        SchemeKind::Basic => "Authorization: Basic".to_owned(),
        SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
            "Authorization: Bearer".to_owned()
        }
    }
}

fn location_name(location: Location) -> &'static str {
    match location {
        Location::Header => "header",
        Location::Query => "query",
        Location::Cookie => "cookie",
    }
}
