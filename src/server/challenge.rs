//! From a decision of the policy to a refusal with its `WWW-Authenticate` challenges
//! (RFC 9110 §11.6.1, RFC 6750 §3, RFC 7617).
//!
//! Must not know how credentials are read or proven.

use actix_web::http::header::WWW_AUTHENTICATE;

use crate::policy::{Demand, Forbidden, Place, Requirement, Scheme, SchemeKind};

use super::{
    places::takes_token,
    refusal::{Code, Refusal},
};

/// 401: nothing was presented.
pub(super) fn missing(requirement: &Requirement) -> Refusal {
    let mut wanted: Vec<String> = Vec::new();
    for place in requirement.schemes().map(describe) {
        if !wanted.contains(&place) {
            wanted.push(place);
        }
    }
    let detail = format!("No credential was presented. Send {}.", wanted.join(", or "));
    challenges(Refusal::new(Code::MissingCredentials, detail), requirement, None)
}

/// 401: the credential of `scheme` was presented and is bad. `detail` says so to the caller.
pub(super) fn bad(
    requirement: &Requirement,
    scheme: &Scheme,
    session_cookie: &str,
    detail: &'static str,
) -> Refusal {
    if takes_token(scheme, session_cookie) {
        let error = format!("Bearer error=\"invalid_token\", error_description=\"{detail}\"");
        challenges(Refusal::new(Code::InvalidToken, detail), requirement, Some(&error))
    } else {
        challenges(Refusal::new(Code::InvalidApiKey, detail), requirement, None)
    }
}

/// 403: proven, and still not allowed.
pub(super) fn forbidden(forbidden: Forbidden<'_>) -> Refusal {
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

/// One challenge a scheme that would do; `error` takes the place of the plain `Bearer` one.
fn challenges(mut refusal: Refusal, requirement: &Requirement, error: Option<&str>) -> Refusal {
    let mut sent: Vec<String> = Vec::new();
    if let Some(error) = error {
        refusal = refusal.header(WWW_AUTHENTICATE, error);
        sent.push(plain_bearer());
    }
    for scheme in requirement.schemes() {
        let challenge = challenge(scheme);
        if !sent.contains(&challenge) {
            refusal = refusal.header(WWW_AUTHENTICATE, &challenge);
            sent.push(challenge);
        }
    }
    refusal
}

fn plain_bearer() -> String {
    "Bearer realm=\"hallpass\"".to_owned()
}

/// API keys have no registered challenge: theirs repeats what the document says of the scheme.
fn challenge(scheme: &Scheme) -> String {
    match &scheme.kind {
        SchemeKind::ApiKey { place, name } => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("ApiKey realm=\"hallpass\", in=\"{}\", name=\"{name}\"", place_name(*place))
        }
        SchemeKind::Basic => "Basic realm=\"hallpass\", charset=\"UTF-8\"".to_owned(),
        SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
            plain_bearer()
        }
    }
}

fn describe(scheme: &Scheme) -> String {
    match &scheme.kind {
        SchemeKind::ApiKey { place, name } => format!("the {} {name}", place_name(*place)),
        SchemeKind::Basic => "Authorization: Basic".to_owned(),
        SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
            "Authorization: Bearer".to_owned()
        }
    }
}

fn place_name(place: Place) -> &'static str {
    match place {
        Place::Header => "header",
        Place::Query => "query",
        Place::Cookie => "cookie",
    }
}
