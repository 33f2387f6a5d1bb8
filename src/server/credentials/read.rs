//! Reads from a request the credentials that its operation could use, and nothing else.
//!
//! Must not know whether a credential is good: `authority` proves it.

use std::borrow::Cow;

use actix_web::{
    dev::ServiceRequest,
    http::{Method, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    policy::scheme::{CredentialKind, Location, Scheme, SchemeKind},
    roster::ApiKey,
};

use crate::server::{
    credentials::locations::{Named, Places},
    http::{code::Code, refusal::Refusal},
};

/// A text as it stands in the request, or as it was decoded from there. It cannot be printed.
enum Sent<'r> {
    Plain(&'r str),
    Decoded(SecretString),
}

impl Sent<'_> {
    fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Decoded(text) => text.expose_secret(),
        }
    }

    /// A part of it.
    fn cut(self, part: fn(&str) -> &str) -> Self {
        match self {
            Self::Plain(text) => Self::Plain(part(text)),
            Self::Decoded(text) => Self::Decoded(part(text.expose_secret()).into()),
        }
    }
}

/// One credential as it was presented, not yet proven. It cannot be printed.
pub(crate) enum Credential<'c> {
    ApiKey(&'c str),
    Token(&'c str),
    Basic { name: &'c str, secret: &'c str },
}

/// What was presented in the places of an operation.
#[derive(Default)]
pub(crate) struct Credentials<'r> {
    authorization: Option<Authorization<'r>>,
    api_keys: Vec<(Location, &'r str, Sent<'r>)>,
    session: Option<Sent<'r>>,
    cross_site: bool,
}

enum Authorization<'r> {
    Bearer(Sent<'r>),
    Basic {
        name: String,
        secret: SecretString,
    },
    /// Basic, and nothing that can be read: presented, and bad.
    Garbage,
    Other,
}

/// What a scheme's place holds.
pub(crate) enum Presented<'c> {
    Nothing,
    /// There is one, but it is not read because another site caused the request.
    CrossSite,
    Credential(Credential<'c>),
}

impl<'r> Credentials<'r> {
    /// Reads these places.
    ///
    /// # Errors
    /// `ambiguous_credentials` when a place is filled twice, or two places hold different API keys.
    pub(crate) fn read(request: &'r ServiceRequest, places: &'r Places) -> Result<Self, Refusal> {
        let mut read = Self { cross_site: is_cross_site(request), ..Self::default() };
        for named in &places.api_keys {
            if let Some(key) = value(request, named)? {
                read.api_keys.push((named.place, &named.name, key));
            }
        }
        let session = match &places.session {
            Some(cookie) => value(request, cookie)?,
            None => None,
        };
        if places.authorization {
            read.authorization = authorization(request)?;
        }
        read.refuse_different_keys(places.basic)?;
        // Explicit beats ambient: browsers send the cookie whether the page means it or not.
        if read.authorization.is_none() && read.api_keys.is_empty() {
            read.session = session;
        }
        Ok(read)
    }

    /// With `basic` the secret of Basic is an API key as well; it may be a password, so both must look like keys.
    fn refuse_different_keys(&self, basic: bool) -> Result<(), Refusal> {
        let mut keys = self.api_keys.iter().map(|(_, _, key)| key.expose());
        let Some(first) = keys.next() else { return Ok(()) };
        let is_key = |text: &str| ApiKey::parse(text).is_ok();
        let by_basic = match &self.authorization {
            Some(Authorization::Basic { secret, .. }) if basic => Some(secret.expose_secret()),
            _ => None,
        };
        let by_basic = by_basic.filter(|secret| is_key(secret));
        if keys.all(|key| key == first) && by_basic.is_none_or(|key| key == first || !is_key(first))
        {
            return Ok(());
        }
        Err(Refusal::new(
            Code::AmbiguousCredentials,
            "Different API keys were presented: send one.",
        ))
    }

    /// What is there for `scheme`.
    pub(crate) fn presented(&self, scheme: &Scheme) -> Presented<'_> {
        let credential = match &scheme.kind {
            SchemeKind::ApiKey { .. } if scheme.credential == CredentialKind::Token => {
                self.session.as_ref().map(|token| Credential::Token(token.expose()))
            }
            SchemeKind::ApiKey { location, name } => {
                let here =
                    |(at, called, _): &&(Location, &str, _)| at == location && called == name;
                self.api_keys.iter().find(here).map(|(_, _, key)| Credential::ApiKey(key.expose()))
            }
            SchemeKind::Basic => match &self.authorization {
                Some(Authorization::Basic { name, secret }) => {
                    Some(Credential::Basic { name, secret: secret.expose_secret() })
                }
                Some(Authorization::Garbage) => Some(Credential::Basic { name: "", secret: "" }),
                _ => None,
            },
            SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
                match &self.authorization {
                    Some(Authorization::Bearer(token)) => Some(Credential::Token(token.expose())),
                    _ => None,
                }
            }
        };
        match credential {
            None => Presented::Nothing,
            Some(_) if self.cross_site && scheme.is_cookie() => Presented::CrossSite,
            Some(credential) => Presented::Credential(credential),
        }
    }
}

/// The one value of a place, if it is filled.
fn value<'r>(request: &'r ServiceRequest, named: &Named) -> Result<Option<Sent<'r>>, Refusal> {
    let name = &named.name;
    match (named.place, &named.header) {
        (Location::Header, Some(header)) => {
            let values = request.headers().get_all(header);
            at_most_one(values.map(|value| text(value.as_bytes())), "header", name)
        }
        // No request has a header of such a name.
        (Location::Header, None) => Ok(None),
        (Location::Query, _) => {
            at_most_one(query(request.query_string(), name), "query parameter", name)
        }
        (Location::Cookie, _) => at_most_one(cookies(request, name), "cookie", name),
    }
}

/// What is no text is kept as something that no key can be.
fn text(bytes: &[u8]) -> Sent<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Sent::Plain(text.trim()),
        Err(_) => Sent::Decoded(String::from_utf8_lossy(bytes).trim().into()),
    }
}

/// Read as every other query is, by a form decoder: `+` is a space there, and keys hold neither.
fn query<'r>(query: &'r str, name: &str) -> impl Iterator<Item = Sent<'r>> {
    let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(move |(key, _)| key == name);
    pairs.map(|(_, value)| match value {
        Cow::Borrowed(value) => Sent::Plain(value),
        Cow::Owned(value) => Sent::Decoded(value.into()),
    })
}

/// Read by hand because a jar keeps one of two cookies of the same name, and twice must be refused.
fn cookies<'r>(request: &'r ServiceRequest, name: &str) -> impl Iterator<Item = Sent<'r>> {
    let lines = request.headers().get_all(header::COOKIE);
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let key = halves.next()?.trim_ascii();
        (key == name.as_bytes()).then(|| text(halves.next().unwrap_or_default()))
    })
}

/// An empty value is none: forms and cleared cookies send it.
fn at_most_one<'r>(
    mut values: impl Iterator<Item = Sent<'r>>,
    place: &str,
    name: &str,
) -> Result<Option<Sent<'r>>, Refusal> {
    let first = values.next();
    match values.count() {
        0 => Ok(first.filter(|value| !value.expose().is_empty())),
        more => {
            let detail = format!("The {place} {name} is there {} times: send it once.", more + 1);
            Err(Refusal::new(Code::AmbiguousCredentials, detail))
        }
    }
}

fn authorization(request: &ServiceRequest) -> Result<Option<Authorization<'_>>, Refusal> {
    let values = request.headers().get_all(header::AUTHORIZATION);
    let values = values.map(|value| text(value.as_bytes()));
    let Some(value) = at_most_one(values, "header", "Authorization")? else { return Ok(None) };
    let (scheme, rest) = halves(value.expose());
    Ok(if rest.is_empty() {
        None
    } else if scheme.eq_ignore_ascii_case("bearer") {
        Some(Authorization::Bearer(value.cut(|value| halves(value).1)))
    } else if scheme.eq_ignore_ascii_case("basic") {
        basic(rest)
    } else {
        Some(Authorization::Other)
    })
}

/// The scheme, and what stands behind it.
fn halves(value: &str) -> (&str, &str) {
    let space = value.bytes().position(|byte| byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at_checked(space).unwrap_or((value, ""));
    (scheme, rest.trim())
}

/// `name:secret`, each percent-encoded (RFC 7617 §2, RFC 6749 §2.3.1). Swagger UI sends an empty pair
/// for an empty form: that is no credential.
fn basic(encoded: &str) -> Option<Authorization<'static>> {
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
