//! Reads `security` (OpenAPI 3.1 §4.8.30, Security Requirement Object).

use std::sync::Arc;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    oauth::{Role, Scope},
    policy::{
        node::Node,
        requirement::{Alternative, Demand, Requirement},
        security_schemes::{SecuritySchemes, UsedScheme},
    },
};

/// The minor versions of OpenAPI, whose rules differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    /// Lists under schemes without scopes must be empty.
    V3_0,
    /// Such lists name roles.
    V3_1,
    /// As 3.1; path items have more methods.
    V3_2,
}

impl Version {
    /// Reads `openapi`.
    pub(super) fn read(document: &Node<'_>) -> Result<Self, Diagnostic> {
        if document.field("swagger").is_some() {
            let what = "is Swagger 2.0, which is not supported; convert it to OpenAPI 3, for example with \
                        `npx swagger2openapi FILE` or at https://editor.swagger.io (Edit, Convert to OpenAPI 3)";
            return Err(document.diagnostic(what));
        }
        let what = "has no `openapi` version; write for example `openapi: 3.1.0`";
        let node = document.field("openapi").ok_or_else(|| document.diagnostic(what))?;
        let text = node.text()?;
        let is_patch = |p: &str| !p.is_empty() && p.bytes().all(|byte| byte.is_ascii_digit());
        match text.rsplit_once('.').filter(|(_, patch)| is_patch(patch)) {
            Some(("3.0", _)) => Ok(Self::V3_0),
            Some(("3.1", _)) => Ok(Self::V3_1),
            Some(("3.2", _)) => Ok(Self::V3_2),
            _ => {
                let what =
                    format!("the version `{text}` is not supported; use 3.0.x, 3.1.x or 3.2.x");
                Err(node.diagnostic(what))
            }
        }
    }
}

/// Reads a `security` array. Whatever in it is malformed, undeclared or cannot be enforced is an error.
pub(super) fn read(
    security: &Node<'_>,
    version: Version,
    schemes: &mut SecuritySchemes<'_>,
) -> Result<Requirement, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut alternatives = Vec::new();
    for alternative in security.array()? {
        let mut demands = Vec::new();
        for (name, list) in diagnostics.keep(alternative.object()).unwrap_or_default() {
            demands.extend(diagnostics.keep(demand(name, &list, version, schemes)));
        }
        alternatives.push(Alternative { demands });
    }
    diagnostics.or(match alternatives.is_empty() {
        true => Requirement::Public,
        false => Requirement::AnyOf(alternatives),
    })
}

fn demand(
    name: &str,
    list: &Node<'_>,
    version: Version,
    schemes: &mut SecuritySchemes<'_>,
) -> Result<Demand, Diagnostics> {
    let used = schemes.resolve(name, list)?;
    let words = list.array()?;
    let (mut roles, mut scopes) = (Vec::new(), Vec::new());
    if used.scheme.kind.has_scopes() {
        scopes = all(&words, |text| scope(text, &used))?;
    } else if version == Version::V3_0 && !words.is_empty() {
        let what = format!(
            "OpenAPI 3.0 has no roles: the list of `{name}` must be empty; \
             empty it or make the document 3.1"
        );
        return Err(list.diagnostic(what).into());
    } else {
        roles = all(&words, |text| Role::parse(text).map_err(|error| error.to_string()))?;
    }
    Ok(Demand { scheme: Arc::clone(&used.scheme), roles, scopes })
}

/// Parses each word of a list.
fn all<W>(
    words: &[Node<'_>],
    parse: impl Fn(&str) -> Result<W, String>,
) -> Result<Vec<W>, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let mut found = Vec::new();
    for node in words {
        let word = node.text().and_then(|text| {
            parse(text).map_err(|error| node.diagnostic(format!("{error}; correct it")))
        });
        found.extend(diagnostics.keep(word));
    }
    diagnostics.or(found)
}

/// Parses a scope, which must be declared where the document lists scopes.
fn scope(text: &str, used: &UsedScheme) -> Result<Scope, String> {
    if used.scopes.as_ref().is_some_and(|known| !known.contains(text)) {
        let name = &used.scheme.name;
        return Err(format!("no flow of `{name}` declares the scope `{text}`; declare it"));
    }
    Scope::parse(text).map_err(|error| error.to_string())
}
