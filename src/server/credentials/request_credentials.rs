//! Reads from a request the credentials that its operation could use, and nothing else.

use std::borrow::Cow;

use actix_web::http::header;
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    policy::scheme::{CredentialKind, Location, Scheme, SchemeKind},
    roster::api_key::ApiKey,
    server::{
        credentials::{
            locations::{Locations, NamedLocation},
            presented::Presented,
        },
        http::{code::Code, refusal::Refusal},
    },
};

/// A text of the request as it is there, or decoded. It cannot be printed.
enum CredentialText<'r> {
    Plain(&'r str),
    Decoded(SecretString),
}

impl CredentialText<'_> {
    fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Decoded(text) => text.expose_secret(),
        }
    }

    fn map(self, part: fn(&str) -> &str) -> Self {
        match self {
            Self::Plain(text) => Self::Plain(part(text)),
            Self::Decoded(text) => Self::Decoded(part(text.expose_secret()).into()),
        }
    }
}

/// One credential as it was presented, not yet authenticated. It cannot be printed.
pub(crate) enum Credential<'c> {
    ApiKey(&'c str),
    Token(&'c str),
    /// The secret is an API key or a password. A password is what follows the colon as it is (RFC 7617 §2); OAuth2
    /// clients percent-encode name and secret (RFC 6749 §2.3.1).
    Basic {
        name: &'c str,
        secret: &'c str,
        password: &'c str,
    },
}

/// What was presented at the locations of an operation.
#[derive(Default)]
pub(crate) struct RequestCredentials<'r> {
    authorization: Option<Authorization<'r>>,
    api_keys: Vec<(&'r NamedLocation, CredentialText<'r>)>,
    session: Option<CredentialText<'r>>,
    cross_site: bool,
}

enum Authorization<'r> {
    Bearer(CredentialText<'r>),
    Basic {
        name: String,
        secret: SecretString,
        password: SecretString,
    },
    /// Basic that cannot be decoded: it counts as a wrong one.
    MalformedBasic,
}

/// What is there for a scheme.
pub(crate) enum SchemeCredential<'c> {
    Missing,
    /// A cookie that does not count, because another site caused the request.
    CrossSite,
    Present(Credential<'c>),
}

impl<'r> RequestCredentials<'r> {
    /// Reads these locations.
    ///
    /// Explicit beats ambient: beside a credential in a header or in the query no cookie is read, since browsers send
    /// cookies whether the page means it or not, and other sites can add to them.
    ///
    /// # Errors
    /// `ambiguous_credentials` when a location is filled twice, or two locations hold different API keys.
    pub(crate) fn read(
        presented: &Presented<'r>,
        locations: &'r Locations,
    ) -> Result<Self, Refusal> {
        let mut read = Self::default();
        read.add_api_keys(presented, &locations.api_keys)?;
        if locations.bearer || locations.basic {
            read.authorization = authorization(presented, locations)?;
        }
        let is_explicit = read.authorization.is_some() || !read.api_keys.is_empty();
        if !is_explicit || locations.cookies_beside_others {
            read.add_api_keys(presented, &locations.api_key_cookies)?;
            if let Some(cookie) = &locations.session {
                read.session = value(presented, cookie)?;
            }
            read.cross_site = presented.is_cross_site();
        }
        read.refuse_different_keys()?;
        Ok(read)
    }

    fn add_api_keys(
        &mut self,
        presented: &Presented<'r>,
        locations: &'r [NamedLocation],
    ) -> Result<(), Refusal> {
        for location in locations {
            if let Some(key) = value(presented, location)? {
                self.api_keys.push((location, key));
            }
        }
        Ok(())
    }

    /// The secret of Basic may be an API key too. It may also be a password, so it is compared only if both look like
    /// API keys.
    fn refuse_different_keys(&self) -> Result<(), Refusal> {
        let mut keys = self.api_keys.iter().map(|(_, key)| key.expose());
        let Some(first) = keys.next() else { return Ok(()) };
        let is_key = |text: &str| ApiKey::parse(text).is_ok();
        let by_basic = match &self.authorization {
            Some(Authorization::Basic { secret, .. }) => Some(secret.expose_secret()),
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

    /// The credential of `scheme`.
    pub(crate) fn find(&self, scheme: &Scheme) -> SchemeCredential<'_> {
        let credential = match (&scheme.kind, &self.authorization) {
            (SchemeKind::ApiKey { .. }, _) if scheme.credential == CredentialKind::Token => {
                self.session.as_ref().map(|token| Credential::Token(token.expose()))
            }
            (SchemeKind::ApiKey { location, name }, _) => {
                let is_there =
                    |(at, _): &&(&NamedLocation, _)| at.location == *location && at.name == *name;
                self.api_keys.iter().find(is_there).map(|(_, key)| Credential::ApiKey(key.expose()))
            }
            (SchemeKind::Basic, Some(Authorization::Basic { name, secret, password })) => {
                let (secret, password) = (secret.expose_secret(), password.expose_secret());
                Some(Credential::Basic { name, secret, password })
            }
            (SchemeKind::Basic, Some(Authorization::MalformedBasic)) => {
                Some(Credential::Basic { name: "", secret: "", password: "" })
            }
            (
                SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. },
                Some(Authorization::Bearer(token)),
            ) => Some(Credential::Token(token.expose())),
            _ => None,
        };
        match credential {
            None => SchemeCredential::Missing,
            Some(_) if self.cross_site && scheme.is_cookie() => SchemeCredential::CrossSite,
            Some(credential) => SchemeCredential::Present(credential),
        }
    }
}

/// The one value of a location, if it is filled.
fn value<'r>(
    presented: &Presented<'r>,
    named: &NamedLocation,
) -> Result<Option<CredentialText<'r>>, Refusal> {
    let name = &named.name;
    match (named.location, &named.header) {
        (Location::Header, Some(header)) => {
            let values = presented.headers.get_all(header);
            at_most_one(values.map(|value| text(value.as_bytes())), "header", name)
        }
        // No request has a header of such a name.
        (Location::Header, None) => Ok(None),
        (Location::Query, _) => at_most_one(query(presented.query, name), "query parameter", name),
        (Location::Cookie, _) => at_most_one(cookies(presented, name), "cookie", name),
    }
}

/// A value that is not UTF-8 is replaced by something that cannot be a key.
fn text(bytes: &[u8]) -> CredentialText<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => CredentialText::Plain(text.trim()),
        Err(_) => CredentialText::Decoded(String::from_utf8_lossy(bytes).trim().into()),
    }
}

/// Decoded like a form: `+` is a space, and keys hold neither.
fn query<'r>(query: &'r str, name: &str) -> impl Iterator<Item = CredentialText<'r>> {
    let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(move |(key, _)| key == name);
    pairs.map(|(_, value)| match value {
        Cow::Borrowed(value) => CredentialText::Plain(value),
        Cow::Owned(value) => CredentialText::Decoded(value.into()),
    })
}

/// Read by hand because a cookie jar keeps one of two cookies of the same name, which must be refused.
fn cookies<'r>(presented: &Presented<'r>, name: &str) -> impl Iterator<Item = CredentialText<'r>> {
    let lines = presented.headers.get_all(header::COOKIE);
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let key = halves.next()?.trim_ascii();
        (key == name.as_bytes()).then(|| text(halves.next().unwrap_or_default()))
    })
}

/// An empty value counts as none: forms and cleared cookies send it.
fn at_most_one<'r>(
    mut values: impl Iterator<Item = CredentialText<'r>>,
    location: &str,
    name: &str,
) -> Result<Option<CredentialText<'r>>, Refusal> {
    let first = values.next();
    match values.count() {
        0 => Ok(first.filter(|value| !value.expose().is_empty())),
        more => Err(Refusal::filled_repeatedly(location, name, more + 1)),
    }
}

/// `Authorization`, if it is of a scheme that the operation takes; another one is none of its credentials.
fn authorization<'r>(
    presented: &Presented<'r>,
    locations: &Locations,
) -> Result<Option<Authorization<'r>>, Refusal> {
    let is_bearer = |scheme: &str| locations.bearer && scheme.eq_ignore_ascii_case("bearer");
    let is_basic = |scheme: &str| locations.basic && scheme.eq_ignore_ascii_case("basic");
    let is_taken = |value: CredentialText<'_>| {
        let (scheme, _) = halves(value.expose());
        is_bearer(scheme) || is_basic(scheme)
    };
    let lines = || presented.headers.get_all(header::AUTHORIZATION);
    let Some(first) = lines().next() else { return Ok(None) };
    match lines().count() {
        1 => {}
        count if lines().any(|line| is_taken(text(line.as_bytes()))) => {
            return Err(Refusal::filled_repeatedly("header", "Authorization", count));
        }
        _ => return Ok(None),
    }
    let value = text(first.as_bytes());
    let (scheme, rest) = halves(value.expose());
    Ok(if rest.is_empty() {
        None
    } else if is_bearer(scheme) {
        Some(Authorization::Bearer(value.map(|value| halves(value).1)))
    } else if is_basic(scheme) {
        basic(rest)
    } else {
        None
    })
}

/// The scheme, and what follows it.
fn halves(value: &str) -> (&str, &str) {
    let space = value.bytes().position(|byte| byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at_checked(space).unwrap_or((value, ""));
    (scheme, rest.trim())
}

/// `name:secret` (RFC 7617 §2). Swagger UI sends an empty pair for an empty form: that is no credential.
fn basic(encoded: &str) -> Option<Authorization<'static>> {
    let decoded = STANDARD.decode(encoded).unwrap_or_default();
    let pair = String::from_utf8_lossy(&decoded);
    let Some((name, secret)) = pair.split_once(':') else {
        return Some(Authorization::MalformedBasic);
    };
    if name.is_empty() && secret.is_empty() {
        return None;
    }
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let password = secret.into();
    Some(Authorization::Basic { name: decode(name), secret: decode(secret).into(), password })
}
