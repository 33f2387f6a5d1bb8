//! Reads `components.securitySchemes`, as far as requirements use it.

use std::{collections::HashSet, sync::Arc};

use crate::{
    diagnostics::Diagnostic,
    oauth::http_token::is_http_token,
    policy::{
        compile_options::CompileOptions,
        node::Node,
        scheme::{Location, Scheme, SchemeKind},
    },
};

/// A scheme that a requirement uses.
#[derive(Debug)]
pub(super) struct UsedScheme {
    pub(super) scheme: Arc<Scheme>,
    /// The scopes that its flows declare; `None` if the document does not list them.
    pub(super) scopes: Option<HashSet<String>>,
}

/// The declared schemes of a document. Each is read when a requirement first names it.
#[derive(Debug, Default)]
pub(super) struct SecuritySchemes<'d> {
    declared: Vec<(&'d str, Node<'d>)>,
    session_cookie: Option<&'d str>,
    /// As [`CompileOptions::left_out`].
    left_out: Option<(&'static str, &'static str)>,
    /// By the index of the scheme.
    used: Vec<Arc<UsedScheme>>,
}

impl<'d> SecuritySchemes<'d> {
    pub(super) fn new(
        document: &Node<'d>,
        options: &'d CompileOptions,
    ) -> Result<Self, Diagnostic> {
        let components = document.field("components").map(|node| node.labelled("components"));
        if let Some(components) = &components {
            components.object()?;
        }
        let schemes = components.and_then(|components| components.field("securitySchemes"));
        let declared = schemes.map(|schemes| schemes.object()).transpose()?.unwrap_or_default();
        let (session_cookie, left_out) = (options.session_cookie.as_deref(), options.left_out);
        Ok(Self { declared, session_cookie, left_out, used: Vec::new() })
    }

    /// The scheme `name`, used by the requirement at `user`.
    pub(super) fn resolve(
        &mut self,
        name: &str,
        user: &Node<'_>,
    ) -> Result<Arc<UsedScheme>, Diagnostic> {
        if let Some(known) = self.used.iter().find(|known| *known.scheme.name == *name) {
            return Ok(Arc::clone(known));
        }
        let Some((_, node)) = self.declared.iter().find(|(declared, _)| *declared == name) else {
            let what_to_do = match self.left_out {
                Some((left_out, what_to_do)) if left_out == name => what_to_do,
                _ => "declare it in #/components/securitySchemes",
            };
            let what = format!("the scheme `{name}` is not declared; {what_to_do}");
            return Err(user.diagnostic(what));
        };
        let (kind, scopes) = read(node.clone().labelled(format!("scheme `{name}`")))
            .map_err(|error| user.diagnostic(error.to_string()))?;
        let credential = kind.credential(self.session_cookie);
        let scheme = Scheme { name: name.into(), kind, credential, index: self.used.len() };
        let used = Arc::new(UsedScheme { scheme: Arc::new(scheme), scopes });
        self.used.push(Arc::clone(&used));
        Ok(used)
    }

    /// All used schemes, by index.
    pub(super) fn into_used(self) -> Vec<Arc<Scheme>> {
        self.used.iter().map(|used| Arc::clone(&used.scheme)).collect()
    }
}

/// The kind of a scheme, and the scopes that its flows declare.
fn read(node: Node<'_>) -> Result<(SchemeKind, Option<HashSet<String>>), Diagnostic> {
    let scheme = node.resolved()?;
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
    let location = match required(scheme, "in")? {
        "header" => Location::Header,
        "query" => Location::Query,
        "cookie" => Location::Cookie,
        other => {
            let what = format!("`in: {other}` is not a location; use header, query or cookie");
            return Err(scheme.diagnostic(what));
        }
    };
    let name = required(scheme, "name")?;
    if location != Location::Query && !is_http_token(name) {
        let what = format!("`name: {name}` cannot name a header or cookie (RFC 9110 §5.6.2)");
        return Err(scheme.diagnostic(what));
    }
    Ok(SchemeKind::ApiKey { location, name: name.to_owned() })
}

/// HTTP scheme names are case-insensitive (RFC 9110 §11.1).
fn http(scheme: &Node<'_>) -> Result<SchemeKind, Diagnostic> {
    match required(scheme, "scheme")?.to_ascii_lowercase().as_str() {
        "bearer" => Ok(SchemeKind::Bearer),
        "basic" => Ok(SchemeKind::Basic),
        other => Err(scheme.diagnostic(format!(
            "the http scheme `{other}` cannot be enforced; use bearer or basic"
        ))),
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
