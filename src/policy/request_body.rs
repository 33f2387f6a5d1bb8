//! The example of the body that an operation requires. It does not bear on decisions, so nothing in it is an error.

use serde_json::{Map, Value};

use crate::policy::node::Node;

/// An example of a required body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestBody {
    /// `application/x-www-form-urlencoded`: names and values; the reader fills in what is `None`.
    Form(Vec<(String, Option<String>)>),
    /// `application/json`.
    Json(Value),
}

/// The body of an operation, if it is required and the document has an example of it.
pub(super) fn required(operation: &Node<'_>) -> Option<RequestBody> {
    let body = resolved(operation.field("requestBody")?)?;
    if body.field("required").and_then(|required| required.value().as_bool()) != Some(true) {
        return None;
    }
    let content = body.field("content")?;
    if let Some(form) = content.field("application/x-www-form-urlencoded") {
        let fields = example(&form)?;
        let field = |(name, value): (&String, &Value)| {
            let value = match value {
                Value::Null => None,
                Value::String(text) => {
                    let is_real = !text.is_empty() && !text.ends_with("...");
                    (is_real && !is_secret(&form, name)).then(|| text.clone())
                }
                value => Some(value.to_string()),
            };
            (name.clone(), value)
        };
        return Some(RequestBody::Form(fields.as_object()?.iter().map(field).collect()));
    }
    example(&content.field("application/json")?).map(RequestBody::Json)
}

/// The example of a secret is not a real one.
fn is_secret(media_type: &Node<'_>, name: &str) -> bool {
    let schema = media_type.field("schema").and_then(resolved);
    let property = schema.and_then(|schema| schema.field("properties")?.field(name));
    let format = property.and_then(resolved).and_then(|property| property.field("format"));
    format.is_some_and(|format| format.text().is_ok_and(|text| text == "password"))
}

/// The example of a media type, of its schema, or of what the schema requires.
fn example(media_type: &Node<'_>) -> Option<Value> {
    let given = |node: &Node<'_>| {
        let first = |list: Node<'_>| list.array().ok()?.first().map(|node| node.value().clone());
        let example = node.field("example").map(|example| example.value().clone());
        example.or_else(|| node.field("examples").and_then(first))
    };
    if let Some(example) = given(media_type) {
        return Some(example);
    }
    let schema = resolved(media_type.field("schema")?)?;
    if let Some(example) = given(&schema) {
        return Some(example);
    }
    let mut members = Map::new();
    for name in schema.field("required")?.array().ok()? {
        let name = name.text().ok()?;
        let property = schema.field("properties").and_then(|properties| properties.field(name));
        let example = property.and_then(resolved).and_then(|property| given(&property));
        members.insert(name.to_owned(), example.unwrap_or_default());
    }
    Some(Value::Object(members))
}

fn resolved(node: Node<'_>) -> Option<Node<'_>> {
    node.resolved().ok()
}
