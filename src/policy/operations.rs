//! Reads `paths`: every operation of the document with what it demands.
//!
//! Must not know requests.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::{
    CompileOptions, Operation, Requirement, Scheme, Undeclared, body,
    document::{Node, keep},
    paths::Template,
    schemes::{Schemes, is_token},
    security::{self, Version},
    servers,
};
use crate::diagnostics::{Diagnostic, Diagnostics};

/// The methods of a path item that have a field of their own (OpenAPI 3.1 §4.8.9).
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// A path of the document with its operations, in document order.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) template: Template,
    pub(super) operations: Vec<Operation>,
}

/// Reads all paths, and the schemes that they use.
///
/// # Errors
/// All that is wrong with the document.
pub(super) fn read(
    document: &Value,
    reading: &CompileOptions,
) -> Result<(Vec<Item>, Vec<Arc<Scheme>>), Diagnostics> {
    let document = Node::document(document);
    document.object()?;
    let version = Version::of(&document)?;
    let mut diagnostics = Diagnostics::default();
    let base = keep(servers::base(&document, reading.base.as_deref()), &mut diagnostics);
    let schemes = keep(Schemes::of(&document), &mut diagnostics).unwrap_or_else(Schemes::none);
    let mut reader =
        Reader { version, undeclared: reading.undeclared, schemes, inherited: None, diagnostics };
    if let Some(root) = document.field("security") {
        // After a fault the document is refused anyway; `Denied` keeps the operations quiet.
        reader.inherited = Some(reader.requirement(&root).unwrap_or(Requirement::Denied));
    }
    let base = Base { path: base, is_given: reading.base.is_some() };
    let items = reader.paths(&document, &base);
    reader.diagnostics.or((items, reader.schemes.into_used()))
}

/// What stands before every path.
struct Base {
    path: Option<String>,
    is_given: bool,
}

impl Base {
    fn before(&self, path: &str) -> String {
        format!("{}{path}", self.path.as_deref().unwrap_or_default())
    }

    /// The base that `servers` further down must keep to; whoever gives a base overrules them all.
    fn to_keep(&self) -> Option<&str> {
        if self.is_given { None } else { self.path.as_deref() }
    }
}

struct Reader<'d> {
    version: Version,
    undeclared: Undeclared,
    schemes: Schemes<'d>,
    inherited: Option<Requirement>,
    diagnostics: Diagnostics,
}

impl<'d> Reader<'d> {
    fn keep<T, E: Into<Diagnostics>>(&mut self, found: Result<T, E>) -> Option<T> {
        keep(found, &mut self.diagnostics)
    }

    fn paths(&mut self, document: &Node<'d>, base: &Base) -> Vec<Item> {
        let Some(paths) = document.field("paths") else {
            self.diagnostics
                .push(document.diagnostic("has no `paths`; there is nothing to enforce"));
            return Vec::new();
        };
        let mut items = Vec::new();
        let mut seen = HashMap::new();
        for (path, node) in self.keep(paths.object()).unwrap_or_default() {
            if path.starts_with("x-") {
                continue;
            }
            let node = node.called(path);
            let template = Template::parse(path)
                .and_then(|_| Template::parse(&base.before(path)))
                .map_err(|what| node.diagnostic(what));
            let operations = self.path_item(path, &node, base);
            let Some(template) = self.keep(template) else { continue };
            if let Some(equal) = seen.insert(template.clone(), path) {
                let what = format!("is the same path as `{equal}`; merge the two");
                self.diagnostics.push(node.diagnostic(what));
            }
            items.push(Item { template, operations });
        }
        items
    }

    /// The operations beside a `$ref` and those behind it count alike (OpenAPI 3.1 §4.8.9.1).
    fn path_item(&mut self, path: &str, node: &Node<'d>, base: &Base) -> Vec<Operation> {
        let mut operations: Vec<Operation> = Vec::new();
        for item in self.keep(node.clone().chain()).unwrap_or_default() {
            self.check_servers(&item, base);
            for (method, node) in self.methods(&item) {
                let node = node.called(format!("{method} {path}"));
                if operations.iter().any(|known| known.method == method) {
                    let what = "stands beside a `$ref` that leads to the same method; remove one";
                    self.diagnostics.push(node.diagnostic(what));
                }
                self.check_servers(&node, base);
                let operation = self.operation(method, base.before(path), &node);
                operations.extend(self.keep(operation));
            }
        }
        operations
    }

    fn check_servers(&mut self, node: &Node<'d>, base: &Base) {
        if let Some(base) = base.to_keep() {
            self.keep(servers::keep_to(base, node));
        }
    }

    /// TRACE is left out: it is refused whatever the document says (RFC 9110 §9.3.8 warns of it).
    fn methods(&mut self, item: &Node<'d>) -> Vec<(String, Node<'d>)> {
        let mut methods = Vec::new();
        for (key, node) in self.keep(item.object()).unwrap_or_default() {
            let is_newer = self.version >= Version::V3_2;
            if METHODS.contains(&key) || (is_newer && key == "query") {
                methods.push((key.to_ascii_uppercase(), node));
            } else if is_newer && key == "additionalOperations" {
                for (method, node) in self.keep(node.object()).unwrap_or_default() {
                    methods.extend(self.keep(additional(method, node)));
                }
            }
        }
        methods.retain(|(method, _)| method != "TRACE");
        methods
    }

    fn operation(
        &mut self,
        method: String,
        path: String,
        node: &Node<'d>,
    ) -> Result<Operation, Diagnostics> {
        node.object()?;
        if let Some(reference) = node.field("$ref") {
            let what = "an operation cannot be a `$ref`; let the path item be one";
            return Err(reference.diagnostic(what).into());
        }
        let operation_id = self.keep(node.text_field("operationId")).flatten();
        let summary = self.keep(node.text_field("summary")).flatten();
        let requirement = match node.field("security") {
            Some(security) => self.requirement(&security).unwrap_or(Requirement::Denied),
            None => self.inherit(node)?,
        };
        Ok(Operation {
            position: 0, // until all of them are there
            method,
            path,
            operation_id: operation_id.map(str::to_owned),
            summary: summary.map(str::to_owned),
            requirement,
            body: body::required(node),
        })
    }

    fn requirement(&mut self, security: &Node<'d>) -> Option<Requirement> {
        let requirement = security::requirement(security, self.version, &mut self.schemes);
        self.keep(requirement)
    }

    fn inherit(&self, node: &Node<'d>) -> Result<Requirement, Diagnostic> {
        match (&self.inherited, self.undeclared) {
            (Some(requirement), _) => Ok(requirement.clone()),
            (None, Undeclared::Public) => Ok(Requirement::Public),
            (None, Undeclared::Deny) => Ok(Requirement::Denied),
            (None, Undeclared::Refuse) => Err(node.diagnostic(
                "has no `security`; say which credentials it takes, or `security: []` if anybody may",
            )),
        }
    }
}

/// OpenAPI 3.2, Path Item Object, `additionalOperations`: methods that have no field of their own.
fn additional<'d>(method: &str, node: Node<'d>) -> Result<(String, Node<'d>), Diagnostic> {
    let has_field = |field: &&str| field.eq_ignore_ascii_case(method);
    if !is_token(method) {
        return Err(node.diagnostic(format!("`{method}` is no method (RFC 9110 §9.1); correct it")));
    }
    if METHODS.iter().chain(&["query"]).any(has_field) {
        let what = format!("`{method}` has a field of its own in the path item; move it there");
        return Err(node.diagnostic(what));
    }
    Ok((method.to_owned(), node))
}
