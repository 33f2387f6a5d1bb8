//! The parsed document as a tree whose nodes know where they stand.
//!
//! Must not know what OpenAPI says about any of them.

use std::ptr;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::diagnostics::{Diagnostic, Diagnostics};

/// A value of the document, its JSON pointer, and what a person calls the part around it.
#[derive(Debug, Clone)]
pub(super) struct Node<'d> {
    root: &'d Value,
    value: &'d Value,
    label: String,
    pointer: String,
}

impl<'d> Node<'d> {
    /// The whole document.
    pub(super) fn document(root: &'d Value) -> Self {
        Self { root, value: root, label: "document".to_owned(), pointer: "#".to_owned() }
    }

    /// The same node under the name that its problems, and those of all nodes below, will bear.
    pub(super) fn called(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// As it stands in the document.
    pub(super) fn value(&self) -> &'d Value {
        self.value
    }

    /// The member `key`; none where there is no such member or where this is no object.
    pub(super) fn field(&self, key: &str) -> Option<Self> {
        self.value.get(key).map(|value| self.step(key, value))
    }

    /// The members in document order.
    ///
    /// # Errors
    /// The value is no object.
    pub(super) fn object(&self) -> Result<Vec<(&'d str, Self)>, Diagnostic> {
        let members = self.value.as_object().ok_or_else(|| self.unlike("an object"))?;
        Ok(members.iter().map(|(key, value)| (key.as_str(), self.step(key, value))).collect())
    }

    /// The elements.
    ///
    /// # Errors
    /// The value is no array.
    pub(super) fn array(&self) -> Result<Vec<Self>, Diagnostic> {
        let elements = self.value.as_array().ok_or_else(|| self.unlike("an array"))?;
        let step = |(index, value)| self.step(&format!("{index}"), value);
        Ok(elements.iter().enumerate().map(step).collect())
    }

    /// The text.
    ///
    /// # Errors
    /// The value is no string.
    pub(super) fn text(&self) -> Result<&'d str, Diagnostic> {
        self.value.as_str().ok_or_else(|| self.unlike("a string"))
    }

    /// The text of the member `key`, where there is one.
    ///
    /// # Errors
    /// The member is no string.
    pub(super) fn text_field(&self, key: &str) -> Result<Option<&'d str>, Diagnostic> {
        self.field(key).map(|field| field.text()).transpose()
    }

    /// This node, the one its `$ref` leads to, the one whose `$ref` that leads to, and so on.
    ///
    /// # Errors
    /// A `$ref` leads out of the document, nowhere, or in a circle.
    pub(super) fn chain(self) -> Result<Vec<Self>, Diagnostic> {
        let mut next = self.referenced()?;
        let mut chain = vec![self];
        while let Some(node) = next {
            if chain.iter().any(|seen| ptr::eq(seen.value, node.value)) {
                return Err(node.diagnostic("its `$ref` leads back to itself; break the circle"));
            }
            next = node.referenced()?;
            chain.push(node);
        }
        Ok(chain)
    }

    fn referenced(&self) -> Result<Option<Self>, Diagnostic> {
        let Some(reference) = self.field("$ref") else { return Ok(None) };
        let text = reference.text()?;
        let Some(fragment) = text.strip_prefix('#') else {
            return Err(reference.diagnostic(format!(
                "`{text}` leads to another file; bundle the document into one file"
            )));
        };
        let target = percent_decode_str(fragment)
            .decode_utf8()
            .ok()
            .and_then(|pointer| Some((self.root.pointer(&pointer)?, format!("#{pointer}"))));
        let Some((value, pointer)) = target else {
            return Err(
                reference.diagnostic(format!("`{text}` leads nowhere; correct the pointer"))
            );
        };
        Ok(Some(Self { root: self.root, value, label: self.label.clone(), pointer }))
    }

    /// A problem of this node; `what` says what is wrong and how to mend it.
    pub(super) fn diagnostic(&self, what: impl Into<String>) -> Diagnostic {
        Diagnostic::new(format!("{} ({})", self.label, self.pointer), what)
    }

    fn unlike(&self, wanted: &str) -> Diagnostic {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.diagnostic(format!("is {found}; make it {wanted}"))
    }

    /// RFC 6901 §3: `~` and `/` in a key are escaped.
    fn step(&self, key: &str, value: &'d Value) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        let pointer = format!("{}/{key}", self.pointer);
        Self { root: self.root, value, label: self.label.clone(), pointer }
    }
}

/// The value that was found; otherwise what is wrong with it joins the other problems.
pub(super) fn keep<T, E: Into<Diagnostics>>(
    found: Result<T, E>,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    found.map_err(|more| diagnostics.extend(more.into())).ok()
}
