//! One operation of a document.

use std::borrow::Cow;

use crate::policy::{request_body::RequestBody, requirement::Requirement};

/// A method of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// Its index in `Policy::operations`: per-operation tables are indexed by it.
    pub position: usize,
    /// The method in upper case, as requests send it.
    pub method: String,
    /// The path template as the document writes it, with the base path in front.
    pub path: String,
    pub operation_id: Option<String>,
    pub summary: Option<String>,
    pub requirement: Requirement,
    /// The example of its body, where a body is required.
    pub body: Option<RequestBody>,
}

impl Operation {
    /// Its id, or method and path where it has none.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        match &self.operation_id {
            Some(id) => id.into(),
            None => format!("{} {}", self.method, self.path).into(),
        }
    }
}
