//! Reads from a request the credentials that a requirement could use, and nothing else.
//!
//! Must not know whether a credential is good: `authority` proves it.

use actix_web::{
    dev::ServiceRequest,
    http::{Method, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    policy::{Place, Requirement, Scheme, SchemeKind},
    roster::ApiKey,
};

use super::refusal::{Code, Refusal};

/// One credential as it was presented, not yet proven. It cannot be printed.
pub(super) enum Credential {
    ApiKey(SecretString),
    Token(SecretString),
    Basic { name: String, secret: SecretString },
}

/// What was presented in the places that a requirement looks at.
#[derive(Default)]
pub(super) struct Credentials {
    authorization: Option<Authorization>,
    api_keys: Vec<(Place, String, SecretString)>,
    session: Option<SecretString>,
    cross_site: bool,
}

enum Authorization {
    Bearer(SecretString),
    Basic {
        name: String,
        secret: SecretString,
    },
    /// Basic, and nothing that can be read: presented, and bad.
    Garbage,
    Other,
}

/// What a scheme's place holds.
pub(super) enum Presented {
    Nothing,
    /// There is one, but it is not read because another site caused the request.
    CrossSite,
    Credential(Credential),
}

/// Whether the scheme carries a token: everything but API keys and basic, and our session cookie.
pub(super) fn takes_token(scheme: &Scheme, session_cookie: &str) -> bool {
    match &scheme.kind {
        SchemeKind::ApiKey { place, name } => *place == Place::Cookie && name == session_cookie,
        SchemeKind::Basic => false,
        SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => true,
    }
}

impl Credentials {
    /// Reads the places that `requirement` names.
    ///
    /// # Errors
    /// `ambiguous_credentials` when a place is filled twice, or two places hold different API keys.
    pub(super) fn read(
        request: &ServiceRequest,
        requirement: &Requirement,
        session_cookie: &str,
    ) -> Result<Self, Refusal> {
        let mut read = Self { cross_site: is_cross_site(request), ..Self::default() };
        let mut session = None;
        let mut basic = false;
        for scheme in requirement.schemes() {
            let SchemeKind::ApiKey { place, name } = &scheme.kind else {
                basic |= scheme.kind == SchemeKind::Basic;
                continue;
            };
            let value = at_most_one(values(request, *place, name), *place, name)?;
            if takes_token(scheme, session_cookie) {
                session = value;
            } else if let Some(value) = value {
                read.api_keys.push((*place, name.clone(), value));
            }
        }
        // The header matters to the session cookie too: see below.
        let matters = |scheme: &Scheme| basic || takes_token(scheme, session_cookie);
        if requirement.schemes().any(matters) {
            read.authorization = authorization(request)?;
        }
        read.refuse_different_keys(basic)?;
        // Explicit beats ambient: browsers send the cookie whether the page means it or not.
        if read.authorization.is_none() && read.api_keys.is_empty() {
            read.session = session;
        }
        Ok(read)
    }

    /// With `basic` the secret of Basic is an API key as well; it may be a password, so both must look like keys.
    fn refuse_different_keys(&self, basic: bool) -> Result<(), Refusal> {
        let is_key = |text: &SecretString| ApiKey::parse(text.expose_secret()).is_ok();
        let by_basic = match &self.authorization {
            Some(Authorization::Basic { secret, .. }) if basic && is_key(secret) => Some(secret),
            _ => None,
        };
        let mut keys = self.api_keys.iter().map(|(_, _, key)| key);
        let Some(first) = keys.next() else { return Ok(()) };
        let same = |key: &SecretString| first.expose_secret() == key.expose_secret();
        if keys.all(same) && by_basic.is_none_or(|key| same(key) || !is_key(first)) {
            return Ok(());
        }
        Err(Refusal::new(
            Code::AmbiguousCredentials,
            "Different API keys were presented: send one.",
        ))
    }

    /// What is there for `scheme`.
    pub(super) fn presented(&self, scheme: &Scheme, session_cookie: &str) -> Presented {
        let credential = match &scheme.kind {
            SchemeKind::ApiKey { .. } if takes_token(scheme, session_cookie) => {
                self.session.clone().map(Credential::Token)
            }
            SchemeKind::ApiKey { place, name } => self
                .api_keys
                .iter()
                .find(|(at, called, _)| at == place && called == name)
                .map(|(_, _, key)| Credential::ApiKey(key.clone())),
            SchemeKind::Basic => match &self.authorization {
                Some(Authorization::Basic { name, secret }) => {
                    Some(Credential::Basic { name: name.clone(), secret: secret.clone() })
                }
                Some(Authorization::Garbage) => {
                    Some(Credential::Basic { name: String::new(), secret: SecretString::default() })
                }
                _ => None,
            },
            SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
                match &self.authorization {
                    Some(Authorization::Bearer(token)) => Some(Credential::Token(token.clone())),
                    _ => None,
                }
            }
        };
        match credential {
            None => Presented::Nothing,
            Some(_) if self.cross_site && in_cookie(scheme) => Presented::CrossSite,
            Some(credential) => Presented::Credential(credential),
        }
    }
}

fn in_cookie(scheme: &Scheme) -> bool {
    matches!(scheme.kind, SchemeKind::ApiKey { place: Place::Cookie, .. })
}

/// Every value in one place, as text; what is no text is kept as something that no key can be.
fn values(request: &ServiceRequest, place: Place, name: &str) -> Vec<SecretString> {
    match place {
        Place::Header => {
            request.headers().get_all(name).map(|value| text(value.as_bytes())).collect()
        }
        Place::Query => query_values(request.query_string(), name),
        Place::Cookie => cookie_values(request, name),
    }
}

fn text(bytes: &[u8]) -> SecretString {
    String::from_utf8_lossy(bytes).trim().to_owned().into()
}

fn query_values(query: &str, name: &str) -> Vec<SecretString> {
    // A form decoder, as for every other query: `+` is a space there, and keys hold neither.
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned().into())
        .collect()
}

/// Read by hand because a jar keeps one of two cookies of the same name, and twice must be refused.
fn cookie_values(request: &ServiceRequest, name: &str) -> Vec<SecretString> {
    let lines = request.headers().get_all(header::COOKIE);
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let key = halves.next()?.trim_ascii();
            (key == name.as_bytes()).then(|| text(halves.next().unwrap_or_default()))
        })
        .collect()
}

/// An empty value is none: forms and cleared cookies send it.
fn at_most_one(
    mut values: Vec<SecretString>,
    place: Place,
    name: &str,
) -> Result<Option<SecretString>, Refusal> {
    if values.len() > 1 {
        let place = match place {
            Place::Header => "header",
            Place::Query => "query parameter",
            Place::Cookie => "cookie",
        };
        let detail = format!("The {place} {name} is there {} times: send it once.", values.len());
        return Err(Refusal::new(Code::AmbiguousCredentials, detail));
    }
    Ok(values.pop().filter(|value| !value.expose_secret().is_empty()))
}

fn authorization(request: &ServiceRequest) -> Result<Option<Authorization>, Refusal> {
    let values =
        request.headers().get_all(header::AUTHORIZATION).map(|value| text(value.as_bytes()));
    let Some(value) = at_most_one(values.collect(), Place::Header, "Authorization")? else {
        return Ok(None);
    };
    let (scheme, rest) =
        value.expose_secret().split_once(' ').unwrap_or((value.expose_secret(), ""));
    let rest = rest.trim();
    Ok(if rest.is_empty() {
        None
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Some(Authorization::Bearer(rest.into()))
    } else if scheme.eq_ignore_ascii_case("basic") {
        basic(rest)
    } else {
        Some(Authorization::Other)
    })
}

/// `name:secret`, each percent-encoded (RFC 7617 §2, RFC 6749 §2.3.1). Swagger UI sends an empty pair
/// for an empty form: that is no credential.
fn basic(encoded: &str) -> Option<Authorization> {
    let decoded = STANDARD.decode(encoded).unwrap_or_default();
    let pair = String::from_utf8_lossy(&decoded);
    let Some((name, secret)) = pair.split_once(':') else { return Some(Authorization::Garbage) };
    if name.is_empty() && secret.is_empty() {
        return None;
    }
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    Some(Authorization::Basic { name: decode(name), secret: decode(secret).into() })
}

/// Whether a page of another site caused this request: then its cookies do not count.
///
/// Safe methods change nothing. Without both headers the peer is no browser.
fn is_cross_site(request: &ServiceRequest) -> bool {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return false;
    }
    let mut sites = request.headers().get_all("sec-fetch-site").peekable();
    if sites.peek().is_some() {
        return !sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    }
    let host = request.headers().get(header::HOST).map(|host| host.as_bytes());
    let ours = |origin: &[u8]| {
        let authority = std::str::from_utf8(origin).ok().and_then(|text| text.split_once("://"));
        authority
            .zip(host)
            .is_some_and(|((_, authority), host)| authority.as_bytes().eq_ignore_ascii_case(host))
    };
    !request.headers().get_all(header::ORIGIN).all(|origin| ours(origin.as_bytes()))
}
