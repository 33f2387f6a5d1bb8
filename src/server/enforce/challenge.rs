//! From a decision to the refusal that answers it: 401 with its `WWW-Authenticate` challenges (RFC 9110 §11.6.1,
//! RFC 6750 §3, RFC 7617), or 403.

use actix_web::http::header::{HeaderValue, WWW_AUTHENTICATE};

use crate::{
    policy::{
        decision::{Authentication, Authentications, Forbidden},
        requirement::{Demand, Requirement},
        scheme::{CredentialKind, Scheme, SchemeKind},
    },
    principal::Principal,
    server::{
        credentials::authenticator::Authenticator,
        http::{
            code::Code,
            refusal::{Refusal, Shape},
        },
    },
};

/// The 401 answers of an operation: written once, sent many times.
#[derive(Debug)]
pub(crate) struct Challenges {
    /// The answer to a request without a credential.
    missing: Refusal,
    /// The answer to a request with one credential of several that are demanded together.
    incomplete: Refusal,
    /// One for each scheme that would do.
    all: Vec<HeaderValue>,
    /// How the operation answers.
    shape: Shape,
}

impl Challenges {
    /// The challenges of an operation with this requirement that answers in this shape.
    pub(crate) fn new(requirement: &Requirement, shape: Shape) -> Self {
        let mut all: Vec<HeaderValue> = Vec::new();
        for scheme in requirement.schemes() {
            if let Ok(challenge) = HeaderValue::from_str(&challenge(scheme)) {
                push_new(&mut all, challenge);
            }
        }
        let wanted = wanted(requirement);
        let refusal = |what: &str| {
            Refusal::missing_credentials(what, &wanted)
                .headers(WWW_AUTHENTICATE, all.iter().cloned())
        };
        Self {
            missing: refusal("No credential was presented."),
            incomplete: refusal("No credential was presented beside the valid one."),
            all,
            shape,
        }
    }

    /// 401: the credential of the scheme `invalid` is, or one is missing.
    pub(crate) fn refuse(
        &self,
        invalid: Option<&Scheme>,
        authentications: &Authentications,
        authenticator: &Authenticator<'_>,
    ) -> Refusal {
        if let Some(unavailable) = authenticator.unavailable() {
            return unavailable.clone();
        }
        let Some(scheme) = invalid else {
            let is_incomplete = authentications.has_valid();
            return if is_incomplete { self.incomplete.clone() } else { self.missing.clone() };
        };
        let error = authenticator.error(scheme);
        let detail = error.map_or("The credential is not valid.", |error| error.detail);
        let refusal = match scheme.credential {
            CredentialKind::Token => self.invalid_token(detail),
            CredentialKind::ApiKey | CredentialKind::Basic => {
                Refusal::new(Code::InvalidApiKey, detail)
                    .told_in(self.shape)
                    .headers(WWW_AUTHENTICATE, self.all.iter().cloned())
            }
        };
        let reason = error.map(|error| error.reason.clone());
        refusal.because(reason, error.and_then(|error| error.key_id.clone()))
    }

    /// The challenge that says why replaces the plain one.
    fn invalid_token(&self, detail: &'static str) -> Refusal {
        let error = format!("Bearer error=\"invalid_token\", error_description=\"{detail}\"");
        let others = self.all.iter().filter(|challenge| challenge.as_bytes() != BEARER.as_bytes());
        Refusal::new(Code::InvalidToken, detail)
            .header(WWW_AUTHENTICATE, &error)
            .headers(WWW_AUTHENTICATE, others.cloned())
    }
}

/// 403: authenticated, and still not allowed.
pub(crate) fn forbid(
    forbidden: Forbidden<'_>,
    requirement: &Requirement,
    authentications: &Authentications,
) -> Refusal {
    let known = requirement.schemes().find_map(|scheme| match authentications.get(scheme) {
        Some(Authentication::Valid(principal)) => Some(principal),
        _ => None,
    });
    let refusal = match forbidden {
        Forbidden::Insufficient { demand } => unmet(demand),
        Forbidden::CrossSite { .. } => Refusal::new(
            Code::CrossSiteRequest,
            "A cookie counts only for requests from this site's own pages. \
             Send the token as `Authorization: Bearer` instead.",
        ),
        Forbidden::OtherSubject => Refusal::new(
            Code::SubjectMismatch,
            "The credentials belong to different subjects; this operation takes credentials of one subject.",
        ),
        Forbidden::Undeclared => {
            let reason = "the document declares no `security` for it";
            let detail = "The document declares no `security` for this operation, so it is denied.";
            return Refusal::new(Code::Denied, detail).because(Some(reason.to_owned()), None);
        }
    };
    match known {
        Some(principal) => sent_by(principal, refusal),
        None => refusal,
    }
}

/// Adds for the log who sent the request.
pub(crate) fn sent_by(principal: &Principal, refusal: Refusal) -> Refusal {
    refusal.sent_by(principal.sub().into_owned(), principal.key_id().map(ToString::to_string))
}

/// 403: not all of these roles, or scopes, are there.
pub(crate) fn insufficient(roles_or_scopes: &str, wanted: &[&str]) -> Refusal {
    let wanted = wanted.join(" ");
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{wanted}\"");
    Refusal::insufficient(roles_or_scopes, &wanted).header(WWW_AUTHENTICATE, &challenge)
}

fn unmet(demand: &Demand) -> Refusal {
    let roles = demand.roles.iter().map(|role| role.as_str());
    let wanted: Vec<&str> = roles.chain(demand.scopes.iter().map(|scope| scope.as_str())).collect();
    insufficient(if demand.roles.is_empty() { "scopes" } else { "roles" }, &wanted)
}

pub(crate) const BEARER: &str = "Bearer realm=\"hallpass\"";
/// The challenge of Basic (RFC 7617 §2.1).
pub(crate) const BASIC: &str = "Basic realm=\"hallpass\", charset=\"UTF-8\"";

/// API keys have no registered challenge: theirs repeats what the document says of the scheme.
fn challenge(scheme: &Scheme) -> String {
    match &scheme.kind {
        SchemeKind::ApiKey { location, name } => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            let location = location.as_str();
            format!("ApiKey realm=\"hallpass\", in=\"{location}\", name=\"{name}\"")
        }
        SchemeKind::Basic => BASIC.to_owned(),
        SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
            BEARER.to_owned()
        }
    }
}

/// What would do: *or* between alternatives, *and* inside of one.
fn wanted(requirement: &Requirement) -> String {
    let mut alternatives: Vec<String> = Vec::new();
    for alternative in requirement.alternatives().iter().filter(|one| !one.is_anonymous()) {
        let mut all: Vec<String> = Vec::new();
        for demand in &alternative.demands {
            push_new(&mut all, describe(&demand.scheme));
        }
        push_new(&mut alternatives, all.join(" and "));
    }
    alternatives.join(", or ")
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, one: T) {
    if !list.contains(&one) {
        list.push(one);
    }
}

fn describe(scheme: &Scheme) -> String {
    match &scheme.kind {
        SchemeKind::ApiKey { location, name } => format!("the {} {name}", location.as_str()),
        SchemeKind::Basic => "Authorization: Basic".to_owned(),
        SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
            "Authorization: Bearer".to_owned()
        }
    }
}
