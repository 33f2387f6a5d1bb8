//! Reads `paths`: the operations of every path item and their requirements.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    oauth::http_token::is_http_token,
    policy::{
        base_path::BasePath,
        compile_options::{CompileOptions, Undeclared, WrittenIn},
        node::Node,
        operation::Operation,
        paths::Template,
        request_body,
        requirement::Requirement,
        scheme::Scheme,
        security::{self, Version},
        security_schemes::SecuritySchemes,
    },
};

/// The methods of a path item that have a field of their own (OpenAPI 3.1 §4.8.9).
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

const UNDECLARED_IN_RUST: &str = "has no `security`; write `security((\"bearer\" = []))` in the annotation of its \
    handler for everybody with a token, or `security()` to make it public";
const UNDECLARED_IN_JSON: &str = "has no `security`; write `\"security\": [{ \"bearer\": [] }]` for everybody with a token, or \
    `\"security\": []` to make it public";

/// A path template with its operations, in document order.
#[derive(Debug)]
pub(super) struct PathItem {
    pub(super) template: Template,
    pub(super) operations: Vec<Operation>,
}

/// Reads all path items, and the schemes that their operations use.
pub(super) fn read(
    document: &Value,
    options: &CompileOptions,
) -> Result<(Vec<PathItem>, Vec<Arc<Scheme>>), Diagnostics> {
    let document = Node::root(document);
    document.object()?;
    let version = Version::read(&document)?;
    let mut diagnostics = Diagnostics::default();
    let base = BasePath::resolve(&document, options.base.as_deref());
    let base = diagnostics.keep(base).unwrap_or_default();
    let schemes = SecuritySchemes::new(&document, options);
    let schemes = diagnostics.keep(schemes).unwrap_or_default();
    let inherited = match options.undeclared {
        Undeclared::Refuse => None,
        Undeclared::Deny => Some(Requirement::Denied),
        Undeclared::Public => Some(Requirement::Public),
    };
    let mut reader = Reader {
        version,
        base,
        schemes,
        inherited,
        undeclared: match options.written_in {
            WrittenIn::Rust => UNDECLARED_IN_RUST,
            WrittenIn::Json => UNDECLARED_IN_JSON,
        },
        operation_ids: options.refuses_oversights.then(HashMap::new),
        diagnostics,
    };
    if let Some(security) = document.field("security") {
        reader.inherited = Some(reader.requirement(&security));
    }
    let mut items = reader.path_items(&document);
    for page in &options.pages {
        let page = reader.page(page, &mut items);
        reader.diagnostics.keep(page);
    }
    let operations = items.iter_mut().flat_map(|item| &mut item.operations);
    operations.enumerate().for_each(|(position, operation)| operation.position = position);
    reader.diagnostics.or((items, reader.schemes.into_used()))
}

struct Reader<'d> {
    version: Version,
    base: BasePath,
    schemes: SecuritySchemes<'d>,
    /// The requirement of operations without `security`.
    inherited: Option<Requirement>,
    /// What is said of an operation that has none.
    undeclared: &'static str,
    /// The operation that has an id; none where an id may be there twice.
    operation_ids: Option<HashMap<&'d str, String>>,
    diagnostics: Diagnostics,
}

impl<'d> Reader<'d> {
    fn path_items(&mut self, document: &Node<'d>) -> Vec<PathItem> {
        let Some(paths) = document.field("paths") else {
            let what = "has no `paths`: there is nothing to enforce";
            self.diagnostics.push(document.diagnostic(what));
            return Vec::new();
        };
        let mut items: Vec<PathItem> = Vec::new();
        let mut seen = HashMap::new();
        for (path, node) in self.diagnostics.keep(paths.object()).unwrap_or_default() {
            if path.starts_with("x-") {
                continue;
            }
            let node = node.labelled(path);
            let template = Template::parse(path)
                .and_then(|_| Template::parse(&self.base.join(path)))
                .map_err(|what| node.diagnostic(what));
            let operations = self.operations(path, &node);
            let Some(template) = self.diagnostics.keep(template) else { continue };
            let (at, first) = *seen.entry(template.clone()).or_insert((items.len(), path));
            match items.get_mut(at) {
                Some(item) if self.operation_ids.is_none() => self.merge(item, operations, &node),
                Some(_) => {
                    let what = format!("is the same path as `{first}`; merge the two");
                    self.diagnostics.push(node.diagnostic(what));
                }
                None => items.push(PathItem { template, operations }),
            }
        }
        items
    }

    /// Adds the operations of a path item whose path differs only in the names of parameters. OpenAPI forbids such
    /// paths, and several well-known services have them.
    fn merge(&mut self, item: &mut PathItem, operations: Vec<Operation>, node: &Node<'d>) {
        for operation in operations {
            let mut known = item.operations.iter();
            match known.find(|known| known.method == operation.method) {
                Some(known) if known.requirement == operation.requirement => {}
                Some(known) => {
                    let (method, path) = (&operation.method, &operation.path);
                    let what = format!(
                        "has another `security` than {method} {}, and both are one path: parameter names tell no paths \
                         apart; give both the same, or remove one",
                        known.path
                    );
                    let node = node.clone().labelled(format!("{method} {path}"));
                    self.diagnostics.push(node.diagnostic(what));
                }
                None => item.operations.push(operation),
            }
        }
    }

    /// Adds the public `GET` of a page, unless the document decides about it.
    fn page(&mut self, page: &str, items: &mut Vec<PathItem>) -> Result<(), Diagnostic> {
        let full = self.base.join(page);
        let template = Template::parse(&full).map_err(|what| Diagnostic::new(page, what))?;
        let operation = Operation {
            position: 0,
            method: "GET".to_owned(),
            path: full,
            operation_id: None,
            summary: None,
            requirement: Requirement::Public,
            body: None,
        };
        match items.iter_mut().find(|item| item.template == template) {
            Some(item) => {
                let decides = |one: &Operation| ["GET", "HEAD"].contains(&one.method.as_str());
                if item.operations.iter().any(decides) {
                    return Ok(());
                }
                item.operations.push(operation);
            }
            None => items.push(PathItem { template, operations: vec![operation] }),
        }
        Ok(())
    }

    /// The operations of a path item, both those beside its `$ref` and those of the target (OpenAPI 3.1 §4.8.9.1).
    fn operations(&mut self, path: &str, node: &Node<'d>) -> Vec<Operation> {
        let mut operations: Vec<Operation> = Vec::new();
        for item in self.diagnostics.keep(node.clone().ref_chain()).unwrap_or_default() {
            self.diagnostics.keep(self.base.check(&item));
            self.refuse_matrix_parameters(&item);
            for (method, node) in self.methods(&item) {
                let node = node.labelled(format!("{method} {path}"));
                if operations.iter().any(|known| known.method == method) {
                    let what = "is declared both beside a `$ref` and in its target; remove one";
                    self.diagnostics.push(node.diagnostic(what));
                }
                self.diagnostics.keep(self.base.check(&node));
                self.refuse_matrix_parameters(&node);
                let operation = self.operation(method, self.base.join(path), &node);
                operations.extend(self.diagnostics.keep(operation));
            }
        }
        operations
    }

    /// A parameter `;id=7` in a path: servers cut at `;` or do not, so no such path is ever allowed to pass.
    fn refuse_matrix_parameters(&mut self, node: &Node<'d>) {
        // Our own documents are matched as the router does it.
        if self.operation_ids.is_some() {
            return;
        }
        let parameters = node.field("parameters").map(|parameters| parameters.array());
        for parameter in self.diagnostics.keep(parameters.transpose()).flatten().unwrap_or_default()
        {
            let Some(parameter) = self.diagnostics.keep(parameter.resolved()) else { continue };
            if parameter
                .field("style")
                .is_some_and(|style| style.text().is_ok_and(|style| style == "matrix"))
            {
                let what =
                    "has `style: matrix`, and a path with `;` is never allowed; use another style";
                self.diagnostics.push(parameter.diagnostic(what));
            }
        }
    }

    /// All methods but TRACE, which is never allowed (RFC 9110 §9.3.8).
    fn methods(&mut self, item: &Node<'d>) -> Vec<(String, Node<'d>)> {
        let mut methods = Vec::new();
        for (key, node) in self.diagnostics.keep(item.object()).unwrap_or_default() {
            let is_newer = self.version >= Version::V3_2;
            if METHODS.contains(&key) || (is_newer && key == "query") {
                methods.push((key.to_ascii_uppercase(), node));
            } else if is_newer && key == "additionalOperations" {
                for (method, node) in self.diagnostics.keep(node.object()).unwrap_or_default() {
                    methods.extend(self.diagnostics.keep(additional(method, node)));
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
        let operation_id = self.diagnostics.keep(node.text_field("operationId")).flatten();
        let ids = self.operation_ids.as_mut().zip(operation_id);
        let known =
            ids.and_then(|(ids, id)| Some((ids.insert(id, format!("{method} {path}"))?, id)));
        if let Some((other, id)) = known {
            let what =
                format!("has the operation id `{id}` of {other}; give each an id of its own");
            self.diagnostics.push(node.diagnostic(what));
        }
        let summary = self.diagnostics.keep(node.text_field("summary")).flatten();
        let requirement = match (node.field("security"), &self.inherited) {
            (Some(security), _) => self.requirement(&security),
            (None, Some(inherited)) => inherited.clone(),
            (None, None) => return Err(node.diagnostic(self.undeclared).into()),
        };
        Ok(Operation {
            position: 0,
            method,
            path,
            operation_id: operation_id.map(str::to_owned),
            summary: summary.map(str::to_owned),
            requirement,
            body: request_body::required(node),
        })
    }

    /// The requirement; [`Requirement::Denied`] after an error, which refuses the whole document.
    fn requirement(&mut self, security: &Node<'d>) -> Requirement {
        let requirement = security::read(security, self.version, &mut self.schemes);
        let requirement = self.diagnostics.keep(requirement).unwrap_or(Requirement::Denied);
        if self.operation_ids.is_some() {
            self.refuse_oversights(security, &requirement);
        }
        requirement
    }

    fn refuse_oversights(&mut self, security: &Node<'d>, requirement: &Requirement) {
        let alternatives = requirement.alternatives();
        for (alternative, (one, other)) in
            alternatives.iter().filter_map(|one| Some((one, one.conflict()?)))
        {
            let what = format!(
                "nobody can meet the alternative `{alternative}`: both `{}` and `{}` need the header `Authorization`; \
                 make them two alternatives, or send one of them elsewhere",
                one.name, other.name
            );
            self.diagnostics.push(security.diagnostic(what));
        }
        let superfluous = requirement.superfluous();
        if let Some((one, other)) =
            superfluous.and_then(|(one, other)| alternatives.get(one).zip(alternatives.get(other)))
        {
            let what = format!(
                "whoever meets the alternative `{one}` meets `{other}` too, so it keeps nobody out; remove one of the \
                 two (merging two documents joins theirs)"
            );
            self.diagnostics.push(security.diagnostic(what));
        }
    }
}

/// A method of `additionalOperations`, which have no field of their own (OpenAPI 3.2, Path Item Object).
fn additional<'d>(method: &str, node: Node<'d>) -> Result<(String, Node<'d>), Diagnostic> {
    let has_field = |field: &&str| field.eq_ignore_ascii_case(method);
    if !is_http_token(method) {
        let what = format!("`{method}` is not a method (RFC 9110 §9.1); correct it");
        Err(node.diagnostic(what))
    } else if METHODS.iter().chain(&["query"]).any(has_field) {
        let what = format!("`{method}` has a field of its own in the path item; move it there");
        Err(node.diagnostic(what))
    } else {
        Ok((method.to_owned(), node))
    }
}
