//! The compiled document, and how a request finds its operation.

use std::{borrow::Cow, sync::Arc};

use serde_json::Value;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    policy::{
        compile_options::CompileOptions,
        operation::Operation,
        path_items::{self, PathItem},
        paths::decoded,
        requirement::Requirement,
        scheme::Scheme,
        template_tree::TemplateTree,
    },
};

/// All operations of a document with their requirements.
#[derive(Debug)]
pub(crate) struct Policy {
    /// By the position of their template in the tree.
    items: Vec<Item>,
    templates: TemplateTree,
    schemes: Vec<Arc<Scheme>>,
}

/// The operations of one path template.
#[derive(Debug)]
pub(super) struct Item {
    /// Its template with the base path in front; without an operation, the names of the parameters are numbers.
    pub(super) path: String,
    pub(super) operations: Vec<Operation>,
    /// The value of `Allow`.
    allow: String,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup<'p> {
    /// A documented operation. For HEAD it may be the one of GET.
    Operation(&'p Operation),
    /// The path is documented, the method is not (RFC 9110 §15.5.6).
    MethodNotAllowed { allow: &'p str },
    /// No template of the document matches the path.
    NotFound,
}

impl Policy {
    /// Compiles an OpenAPI 3.0, 3.1 or 3.2 document.
    ///
    /// # Errors
    /// Whatever is malformed, contradictory or cannot be enforced, all at once. Nothing that bears on a decision is
    /// skipped.
    pub(crate) fn compile(document: &Value, options: &CompileOptions) -> Result<Self, Diagnostics> {
        let (path_items, schemes) = path_items::read(document, options)?;
        let item = |PathItem { template, operations }: PathItem| {
            let first = operations.first();
            let path = first.map_or_else(|| template.numbered(), |one| one.path.clone());
            (template, Item { path, allow: allow(&operations), operations })
        };
        let (templates, items): (Vec<_>, _) = path_items.into_iter().map(item).unzip();
        let templates = TemplateTree::new(templates);
        templates.check().map_err(|what| Diagnostic::new("document (#/paths)", what))?;
        Ok(Self { items, templates, schemes })
    }

    /// The operation that a request asks for.
    ///
    /// `path` is decoded as the router does it, see [`decoded`]. A concrete path goes before a templated one.
    /// Letters, methods and trailing slashes are compared exactly. TRACE is never allowed.
    pub(crate) fn find(&self, method: &str, path: &str) -> Lookup<'_> {
        match self.item(path) {
            Some(item) => item.find(method),
            None => Lookup::NotFound,
        }
    }

    /// The template that a decoded path goes to.
    pub(super) fn item(&self, path: &str) -> Option<&Item> {
        self.templates.find(path).and_then(|position| self.items.get(position))
    }

    /// Whether a server could run another operation than that of [`Policy::find`]: one that ignores case, does not
    /// decode, decodes everything, or tries crossing templates (`/{a}/b` and `/a/{b}`) in another order. `path` is not
    /// decoded yet. Crossing templates whose requirements are the same do no harm.
    pub(crate) fn is_ambiguous(&self, method: &str, path: &str) -> bool {
        let decoded = decoded(path);
        let found = self.templates.find(&decoded);
        if let Cow::Owned(_) = decoded {
            let raw = self.templates.find(path);
            if raw.is_some() && raw != found {
                return true;
            }
        }
        let requirement = |position: usize| match self.items.get(position)?.find(method) {
            Lookup::Operation(operation) => Some(&operation.requirement),
            _ => None,
        };
        let wanted = found.and_then(requirement);
        let differs =
            |other| requirement(other).is_some_and(|requirement| Some(requirement) != wanted);
        self.templates.is_ambiguous(&decoded, found, differs)
    }

    /// As [`Policy::find`], for a person who writes either an undecoded path or a template of the document.
    pub(crate) fn look_up(&self, method: &str, path: &str) -> Lookup<'_> {
        let has_path =
            |item: &&Item| item.operations.iter().any(|operation| operation.path == path);
        match self.items.iter().find(has_path) {
            Some(item) => item.find(method),
            None => self.find(method, &decoded(path)),
        }
    }

    /// The templates in document order, those without an operation too: they take paths from others.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter()
    }

    /// All operations in document order, without those of TRACE.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.items.iter().flat_map(|item| &item.operations)
    }

    /// The operations that are denied because the document has no `security` for them.
    pub(crate) fn undeclared(&self) -> impl Iterator<Item = &Operation> {
        self.operations().filter(|operation| operation.requirement == Requirement::Denied)
    }

    /// The schemes that the document uses, by their index.
    pub(crate) fn schemes(&self) -> &[Arc<Scheme>] {
        &self.schemes
    }
}

impl Item {
    pub(super) fn find(&self, method: &str) -> Lookup<'_> {
        let find = |method| self.operations.iter().find(|operation| operation.method == method);
        let get = || if method == "HEAD" { find("GET") } else { None };
        match find(method).or_else(get) {
            Some(operation) => Lookup::Operation(operation),
            None => Lookup::MethodNotAllowed { allow: &self.allow },
        }
    }
}

/// The value of `Allow` (RFC 9110 §10.2.1).
fn allow(operations: &[Operation]) -> String {
    let mut methods: Vec<&str> = operations.iter().map(|one| one.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}
