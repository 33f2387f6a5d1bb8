//! The base path: what precedes every path of a document (OpenAPI 3.1 §4.8.5, Server Object).

use serde_json::Value;

use crate::{diagnostics::Diagnostic, policy::node::Node};

const FIX: &str = "set HALLPASS_POLICY_BASE to the path that requests really have";

const FIX_OF_OWN: &str =
    "set it with `SiteBuilder::base` to what precedes the paths in requests, or to \"\"";

/// The base path of an application's own document: that on which its `servers` agree.
///
/// # Errors
/// They do not agree, or leave it open.
pub(crate) fn of_servers(document: &Value) -> Result<String, Diagnostic> {
    let path = path_of_servers(&Node::root(document), None, FIX_OF_OWN)?;
    Ok(path.unwrap_or_default().to_owned())
}

/// The base path of a document. Hosts are not compared.
#[derive(Debug, Default)]
pub(super) struct BasePath {
    path: String,
    /// The `servers` of path items and operations must agree with it.
    is_from_servers: bool,
}

impl BasePath {
    /// The configured base path, or the one on which the document's `servers` agree.
    pub(super) fn resolve(
        document: &Node<'_>,
        configured: Option<&str>,
    ) -> Result<Self, Diagnostic> {
        let Some(configured) = configured else {
            let path = path_of_servers(document, None, FIX)?.unwrap_or_default().to_owned();
            return Ok(Self { path, is_from_servers: true });
        };
        let path = configured.trim_end_matches('/');
        let is_path = configured.starts_with('/') && !path.contains(['{', '}', '?', '#']);
        if !configured.is_empty() && !is_path {
            let what = format!("`{configured}` is not a path; write one like `/api/v1`");
            return Err(Diagnostic::new("HALLPASS_POLICY_BASE", what));
        }
        Ok(Self { path: path.to_owned(), is_from_servers: false })
    }

    /// `path` with the base path in front.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }

    /// Requires that the `servers` of a path item or operation have the base path.
    pub(super) fn check(&self, node: &Node<'_>) -> Result<(), Diagnostic> {
        if self.is_from_servers {
            path_of_servers(node, Some(&self.path), FIX)?;
        }
        Ok(())
    }
}

/// The one path that the `servers` of a node have; it must be `expected`, if that is given.
fn path_of_servers<'d>(
    node: &Node<'d>,
    expected: Option<&'d str>,
    fix: &str,
) -> Result<Option<&'d str>, Diagnostic> {
    let mut common = expected;
    let servers = node.field("servers").map(|servers| servers.array()).transpose()?;
    for server in servers.unwrap_or_default() {
        server.object()?;
        let url = server.text_field("url")?;
        let url = url.ok_or_else(|| server.diagnostic("has no `url`; add it"))?;
        let Some(path) = path_of(url) else {
            let what = format!("`{url}` leaves the path of the server open; {fix}");
            return Err(server.diagnostic(what));
        };
        if common.is_some_and(|common| common != path) {
            let what = format!("`{url}` has another path than the servers before it; {fix}");
            return Err(server.diagnostic(what));
        }
        common = Some(path);
    }
    Ok(common)
}

/// The path without a trailing slash; `None` if the URL alone does not determine it: it has a variable in the
/// path, or is relative to the URL of the document.
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
