//! The path that stands before every path of a document (OpenAPI 3.1 §4.8.5, Server Object).
//!
//! Must not know hosts: which machine serves the document is the operator's affair.

use super::document::Node;
use crate::diagnostics::Diagnostic;

const MEND: &str = "set HALLPASS_POLICY_BASE to the path that requests really have";

/// The base that the operator gave, or the one that `servers` of the document agree on.
///
/// # Errors
/// The given one is no path, or the document leaves open which it is.
pub(super) fn base(document: &Node<'_>, given: Option<&str>) -> Result<String, Diagnostic> {
    let Some(given) = given else { return agreed(document, None) };
    let path = given.trim_end_matches('/');
    if given.is_empty() || (given.starts_with('/') && !path.contains(['{', '}', '?', '#'])) {
        return Ok(path.to_owned());
    }
    let what = format!("`{given}` is no path; write one like `/api/v1`");
    Err(Diagnostic::new("HALLPASS_POLICY_BASE", what))
}

/// Whether the `servers` of a path item or an operation, where it has any, keep to `base`.
///
/// # Errors
/// One of them has another path, or leaves open which.
pub(super) fn keep_to(base: &str, node: &Node<'_>) -> Result<(), Diagnostic> {
    agreed(node, Some(base)).map(drop)
}

fn agreed(node: &Node<'_>, outer: Option<&str>) -> Result<String, Diagnostic> {
    let mut agreed = outer.map(str::to_owned);
    if let Some(servers) = node.field("servers") {
        for server in servers.array()? {
            server.object()?;
            let url = server.text_field("url")?;
            let url = url.ok_or_else(|| server.diagnostic("has no `url`; add it"))?;
            let Some(path) = path_of(url) else {
                let what = format!("`{url}` leaves open under which path it serves; {MEND}");
                return Err(server.diagnostic(what));
            };
            if agreed.as_ref().is_some_and(|agreed| agreed != path) {
                let what = format!("`{url}` has another path than the servers before it; {MEND}");
                return Err(server.diagnostic(what));
            }
            agreed = Some(path.to_owned());
        }
    }
    Ok(agreed.unwrap_or_default())
}

/// The path without a trailing slash; none where the text alone does not tell it: a variable in the
/// path, or a reference that is relative to wherever the document was fetched from.
fn path_of(url: &str) -> Option<&str> {
    if url.contains(['?', '#']) {
        return None;
    }
    let path = match url.split_once("//") {
        Some((scheme, rest)) if scheme.is_empty() || is_scheme(scheme) => {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("")
        }
        _ if url.starts_with('/') => url,
        _ => return None,
    };
    let path = path.trim_end_matches('/');
    (!path.contains(['{', '}'])).then_some(path)
}

fn is_scheme(text: &str) -> bool {
    text.strip_suffix(':').is_some_and(|scheme| !scheme.contains('/'))
}
