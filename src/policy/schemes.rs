//! The schemes that a document declares: the ways in which a credential may be sent.
//!
//! Must not know how a credential is read or proven.

use std::{collections::HashSet, sync::Arc};

use super::document::Node;
use crate::diagnostics::Diagnostic;

/// A way of sending a credential (OpenAPI 3.1 §4.8.27, Security Scheme Object).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scheme {
    /// The name under which requirements demand it.
    pub name: Arc<str>,
    /// Where the credential stands and what it is.
    pub kind: SchemeKind,
    /// Its number among the schemes that the document uses, from 0.
    pub index: usize,
}

/// What kind of credential a scheme carries, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SchemeKind {
    /// A key under a name of its own.
    ApiKey {
        /// The part of the request.
        place: Location,
        /// The name of the header, query parameter or cookie.
        name: String,
    },
    /// `Authorization: Bearer` (RFC 6750 §2.1).
    Bearer,
    /// `Authorization: Basic` (RFC 7617).
    Basic,
    /// A bearer token with scopes (RFC 6749).
    OAuth2,
    /// A bearer token with scopes, of one OpenID provider.
    OpenIdConnect {
        /// The discovery URL, as the document writes it.
        url: String,
    },
}

impl SchemeKind {
    /// Whether the list of a requirement names scopes; under all other schemes it names roles.
    pub(crate) fn has_scopes(&self) -> bool {
        matches!(self, Self::OAuth2 | Self::OpenIdConnect { .. })
    }
}

/// The part of a request that holds an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Location {
    /// A header field; its name knows no case (RFC 9110 §5.1).
    Header,
    /// A parameter of the query.
    Query,
    /// A cookie (RFC 6265).
    Cookie,
}

/// A scheme that is in use, and the scopes its flows declare; none where they cannot be known.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) scheme: Arc<Scheme>,
    pub(super) scopes: Option<HashSet<String>>,
}

/// `#/components/securitySchemes`, read as far as requirements use it.
#[derive(Debug)]
pub(super) struct Schemes<'d> {
    declared: Vec<(&'d str, Node<'d>)>,
    used: Vec<Arc<Declared>>,
}

impl<'d> Schemes<'d> {
    /// The declared schemes of a document; each is read when a requirement names it.
    ///
    /// # Errors
    /// `components` or `securitySchemes` is no object.
    pub(super) fn of(document: &Node<'d>) -> Result<Self, Diagnostic> {
        let components = document.field("components").map(|node| node.called("components"));
        if let Some(components) = &components {
            components.object()?;
        }
        let schemes = components.and_then(|components| components.field("securitySchemes"));
        let declared = schemes.map(|schemes| schemes.object()).transpose()?.unwrap_or_default();
        Ok(Self { declared, used: Vec::new() })
    }

    /// No scheme at all.
    pub(super) fn none() -> Self {
        Self { declared: Vec::new(), used: Vec::new() }
    }

    /// The scheme that the requirement at `user` names.
    ///
    /// # Errors
    /// Nothing is declared under the name, or nothing that can be enforced.
    pub(super) fn named(
        &mut self,
        name: &str,
        user: &Node<'_>,
    ) -> Result<Arc<Declared>, Diagnostic> {
        if let Some(known) = self.used.iter().find(|known| *known.scheme.name == *name) {
            return Ok(Arc::clone(known));
        }
        let Some((_, node)) = self.declared.iter().find(|(declared, _)| *declared == name) else {
            return Err(user.diagnostic(format!(
                "the scheme `{name}` is not declared; declare it in #/components/securitySchemes"
            )));
        };
        let (kind, scopes) = read(node.clone().called(format!("scheme `{name}`")))
            .map_err(|fault| user.diagnostic(format!("{}: {}", fault.location, fault.message)))?;
        let scheme = Scheme { name: name.into(), kind, index: self.used.len() };
        let declared = Arc::new(Declared { scheme: Arc::new(scheme), scopes });
        self.used.push(Arc::clone(&declared));
        Ok(declared)
    }

    /// All schemes in use, in the order of their numbers.
    pub(super) fn into_used(self) -> Vec<Arc<Scheme>> {
        self.used.iter().map(|declared| Arc::clone(&declared.scheme)).collect()
    }
}

type Read = (SchemeKind, Option<HashSet<String>>);

fn read(node: Node<'_>) -> Result<Read, Diagnostic> {
    let scheme = node.clone().chain()?.pop().unwrap_or(node);
    scheme.object()?;
    let kind = match required(&scheme, "type")? {
        "apiKey" => api_key(&scheme)?,
        "http" => http(&scheme)?,
        "oauth2" => return Ok((SchemeKind::OAuth2, Some(flow_scopes(&scheme)?))),
        "openIdConnect" => {
            SchemeKind::OpenIdConnect { url: required(&scheme, "openIdConnectUrl")?.to_owned() }
        }
        other => {
            return Err(scheme.diagnostic(format!(
                "the type `{other}` cannot be enforced; use apiKey, http, oauth2 or openIdConnect"
            )));
        }
    };
    Ok((kind, None))
}

fn required<'d>(scheme: &Node<'d>, key: &str) -> Result<&'d str, Diagnostic> {
    let text = scheme.text_field(key)?.filter(|text| !text.is_empty());
    text.ok_or_else(|| scheme.diagnostic(format!("has no `{key}`; add it")))
}

fn api_key(scheme: &Node<'_>) -> Result<SchemeKind, Diagnostic> {
    let place = match required(scheme, "in")? {
        "header" => Location::Header,
        "query" => Location::Query,
        "cookie" => Location::Cookie,
        other => {
            let what = format!("`in: {other}` is no place; use header, query or cookie");
            return Err(scheme.diagnostic(what));
        }
    };
    let name = required(scheme, "name")?;
    if place != Location::Query && !is_token(name) {
        let what = format!("`name: {name}` cannot name a header or cookie (RFC 9110 §5.6.2)");
        return Err(scheme.diagnostic(what));
    }
    Ok(SchemeKind::ApiKey { place, name: name.to_owned() })
}

/// HTTP scheme names know no case (RFC 9110 §11.1).
fn http(scheme: &Node<'_>) -> Result<SchemeKind, Diagnostic> {
    let name = required(scheme, "scheme")?;
    if name.eq_ignore_ascii_case("bearer") {
        Ok(SchemeKind::Bearer)
    } else if name.eq_ignore_ascii_case("basic") {
        Ok(SchemeKind::Basic)
    } else {
        let what = format!("the http scheme `{name}` cannot be enforced; use bearer or basic");
        Err(scheme.diagnostic(what))
    }
}

fn flow_scopes(scheme: &Node<'_>) -> Result<HashSet<String>, Diagnostic> {
    let mut declared = HashSet::new();
    let flows = scheme.field("flows").map(|flows| flows.object()).transpose()?.unwrap_or_default();
    for (key, flow) in flows {
        if key.starts_with("x-") {
            continue;
        }
        flow.object()?;
        if let Some(scopes) = flow.field("scopes") {
            declared.extend(scopes.object()?.into_iter().map(|(scope, _)| scope.to_owned()));
        }
    }
    Ok(declared)
}

/// RFC 9110 §5.6.2, the grammar of header names, cookie names and methods.
pub(super) fn is_token(text: &str) -> bool {
    let mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}
