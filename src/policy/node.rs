//! The parsed document as a tree of nodes that know their JSON pointer.

use std::ptr;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::diagnostics::Diagnostic;

/// A value of the document, its JSON pointer, and a label for diagnostics.
#[derive(Debug, Clone)]
pub(super) struct Node<'d> {
    root: &'d Value,
    value: &'d Value,
    label: String,
    pointer: String,
}

impl<'d> Node<'d> {
    pub(super) fn root(root: &'d Value) -> Self {
        Self { root, value: root, label: "document".to_owned(), pointer: "#".to_owned() }
    }

    /// The same node with another label, which the nodes below inherit.
    pub(super) fn labelled(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    pub(super) fn value(&self) -> &'d Value {
        self.value
    }

    /// The member `key`, if this is an object that has it.
    pub(super) fn field(&self, key: &str) -> Option<Self> {
        self.value.get(key).map(|value| self.child(key, value))
    }

    /// The members of an object, in document order.
    pub(super) fn object(&self) -> Result<Vec<(&'d str, Self)>, Diagnostic> {
        let members = self.value.as_object().ok_or_else(|| self.wrong_type("an object"))?;
        Ok(members.iter().map(|(key, value)| (key.as_str(), self.child(key, value))).collect())
    }

    /// The elements of an array.
    pub(super) fn array(&self) -> Result<Vec<Self>, Diagnostic> {
        let elements = self.value.as_array().ok_or_else(|| self.wrong_type("an array"))?;
        let child = |(index, value)| self.child(&format!("{index}"), value);
        Ok(elements.iter().enumerate().map(child).collect())
    }

    pub(super) fn text(&self) -> Result<&'d str, Diagnostic> {
        self.value.as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    /// The string of the member `key`, if there is one.
    pub(super) fn text_field(&self, key: &str) -> Result<Option<&'d str>, Diagnostic> {
        self.field(key).map(|field| field.text()).transpose()
    }

    /// The node at the end of the `$ref`s that begin here; without a `$ref` this node.
    pub(super) fn resolved(&self) -> Result<Self, Diagnostic> {
        Ok(self.clone().ref_chain()?.pop().unwrap_or_else(|| self.clone()))
    }

    /// This node, the target of its `$ref`, the target of that node's `$ref`, and so on.
    ///
    /// # Errors
    /// A `$ref` leads out of the document, to nothing, or in a circle.
    pub(super) fn ref_chain(self) -> Result<Vec<Self>, Diagnostic> {
        let mut next = self.ref_target()?;
        let mut chain = vec![self];
        while let Some(node) = next {
            if chain.iter().any(|seen| ptr::eq(seen.value, node.value)) {
                return Err(node.diagnostic("its `$ref` leads back to itself; remove the circle"));
            }
            next = node.ref_target()?;
            chain.push(node);
        }
        Ok(chain)
    }

    fn ref_target(&self) -> Result<Option<Self>, Diagnostic> {
        let Some(reference) = self.field("$ref") else { return Ok(None) };
        let text = reference.text()?;
        let Some(fragment) = text.strip_prefix('#') else {
            let what = format!("`{text}` leads to another file; bundle the document into one file");
            return Err(reference.diagnostic(what));
        };
        let pointer = percent_decode_str(fragment).decode_utf8().ok();
        let target = pointer.and_then(|pointer| Some((self.root.pointer(&pointer)?, pointer)));
        let Some((value, pointer)) = target else {
            let what = format!("`{text}` leads to nothing; correct the pointer");
            return Err(reference.diagnostic(what));
        };
        Ok(Some(Self { value, pointer: format!("#{pointer}"), ..self.clone() }))
    }

    /// A diagnostic at this node; `what` says what is wrong and how to fix it.
    pub(super) fn diagnostic(&self, what: impl Into<String>) -> Diagnostic {
        Diagnostic::new(format!("{} ({})", self.label, self.pointer), what)
    }

    fn wrong_type(&self, wanted: &str) -> Diagnostic {
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

    /// `~` and `/` in a key are escaped in a JSON pointer (RFC 6901 §3).
    fn child(&self, key: &str, value: &'d Value) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Self { value, pointer: format!("{}/{key}", self.pointer), ..self.clone() }
    }
}
