//! May they? An OpenAPI document, read as operations with requirements, gives the decision.
//!
//! Must not know credentials, keys, HTTP types or the time.

mod body;
mod decision;
mod document;
pub(crate) mod explain;
mod operations;
mod paths;
mod requirement;
mod schemes;
mod security;
mod servers;
#[cfg(test)]
mod tests;

use std::{ops::Range, sync::Arc};

use serde_json::Value;

use self::paths::Paths;
use crate::diagnostics::Diagnostics;

pub(crate) use self::{
    body::RequestBody,
    decision::{Authentication, Authentications, Decision, Evaluation, Forbidden},
    paths::decoded,
    requirement::{Alternative, Demand, Requirement},
    schemes::{Location, Scheme, SchemeKind},
};

/// A compiled document: which operations there are and what each demands.
#[derive(Debug)]
pub(crate) struct Policy {
    operations: Vec<Operation>,
    known: Vec<Known>,
    paths: Paths,
    schemes: Vec<Arc<Scheme>>,
}

/// A path of the document: its operations by position, and the methods they answer to.
#[derive(Debug)]
struct Known {
    operations: Range<usize>,
    allow: String,
}

/// One method of one path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Its place among [`Policy::operations`]: what is kept for each of them is found by it.
    pub position: usize,
    /// As it is sent.
    pub method: String,
    /// The path template as the document writes it, behind the base.
    pub path: String,
    /// `operationId`.
    pub operation_id: Option<String>,
    /// `summary`.
    pub summary: Option<String>,
    /// What it demands.
    pub requirement: Requirement,
    /// The body that it cannot do without.
    pub body: Option<RequestBody>,
}

/// How a document is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompileOptions {
    /// What a missing `security` means.
    pub undeclared: Undeclared,
    /// What stands before every path; none means: what `servers` says.
    pub base: Option<String>,
}

impl CompileOptions {
    /// How our own document is read: everything must be declared, and paths stand as they are.
    pub(crate) fn own() -> Self {
        Self { undeclared: Undeclared::Refuse, base: Some(String::new()) }
    }
}

/// What it means that neither an operation nor the root has `security`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undeclared {
    /// A problem.
    Refuse,
    /// The operation is denied, and [`Policy::undeclared`] lists it.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "forward-auth reads documents of other services")
    )]
    Deny,
    /// The operation is public.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "forward-auth reads documents of other services")
    )]
    Public,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookup<'p> {
    /// A documented operation. For HEAD it may be the one of GET.
    Operation(&'p Operation),
    /// The path is documented, the method is not (RFC 9110 §15.5.6).
    MethodNotAllowed {
        /// The value of `Allow`.
        allow: &'p str,
    },
    /// No template of the document matches the path.
    NotFound,
}

impl Policy {
    /// Reads an OpenAPI 3.0, 3.1 or 3.2 document.
    ///
    /// # Errors
    /// All problems at once, each with a JSON pointer: whatever is malformed, contradictory or
    /// demands what cannot be enforced. Nothing that bears on a decision is skipped.
    pub(crate) fn compile(document: &Value, reading: &CompileOptions) -> Result<Self, Diagnostics> {
        let (items, schemes) = operations::read(document, reading)?;
        let mut policy =
            Self { operations: Vec::new(), known: Vec::new(), paths: Paths::default(), schemes };
        let mut templates = Vec::new();
        for item in items {
            let first = policy.operations.len();
            let allow = allow(&item.operations);
            let operations = item.operations.into_iter().zip(first..);
            policy.operations.extend(
                operations.map(|(operation, position)| Operation { position, ..operation }),
            );
            policy.known.push(Known { operations: first..policy.operations.len(), allow });
            templates.push(item.template);
        }
        policy.paths = Paths::of(templates);
        Ok(policy)
    }

    /// The operation that a request asks for.
    ///
    /// `path` is the router's own, see [`decoded`]. A concrete path goes before a templated one;
    /// letters, methods and trailing slashes are compared exactly; TRACE is never allowed.
    pub(crate) fn find(&self, method: &str, path: &str) -> Lookup<'_> {
        match self.paths.find(path).and_then(|position| self.known.get(position)) {
            Some(known) => self.choose(method, known),
            None => Lookup::NotFound,
        }
    }

    /// As [`Policy::find`], for a person who writes either a path or a template of the document.
    pub(crate) fn look_up(&self, method: &str, path: &str) -> Lookup<'_> {
        let is_named =
            |known: &&Known| self.all(known).iter().any(|operation| operation.path == path);
        match self.known.iter().find(is_named) {
            Some(known) => self.choose(method, known),
            None => self.find(method, &decoded(path)),
        }
    }

    /// All operations in document order, without those of TRACE.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter()
    }

    /// The operations that are denied because nothing was declared for them.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "forward-auth reads documents of other services")
    )]
    pub(crate) fn undeclared(&self) -> impl Iterator<Item = &Operation> {
        self.operations().filter(|operation| operation.requirement == Requirement::Denied)
    }

    /// The schemes that operations or the root demand, in the order of their index.
    pub(crate) fn schemes(&self) -> &[Arc<Scheme>] {
        &self.schemes
    }

    fn all(&self, known: &Known) -> &[Operation] {
        self.operations.get(known.operations.clone()).unwrap_or_default()
    }

    fn choose<'p>(&'p self, method: &str, known: &'p Known) -> Lookup<'p> {
        let answering =
            |method| self.all(known).iter().find(|operation| operation.method == method);
        let head = || if method == "HEAD" { answering("GET") } else { None };
        match answering(method).or_else(head) {
            Some(operation) => Lookup::Operation(operation),
            None => Lookup::MethodNotAllowed { allow: &known.allow },
        }
    }
}

/// RFC 9110 §10.2.1.
fn allow(operations: &[Operation]) -> String {
    let mut methods: Vec<&str> = operations.iter().map(|one| one.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}
