//! A path for each operation: the examples of the document, or made-up values, stand for the parameters.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::policy::{
    compiled::{Lookup, Policy},
    operation::Operation,
    paths::decoded,
};

/// What is percent-encoded in the value of a parameter.
pub(super) const VALUE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is percent-encoded in the literals of a template.
const LITERAL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Values for parameters without an example.
const MADE_UP: [&str; 4] = ["example", "1", "A", "zz9"];

/// References that a parameter is followed through.
const REFERENCES: usize = 8;

/// The path of a request that the policy has this operation for; none where it takes every such path for another one.
pub(super) fn example_path(
    policy: &Policy,
    document: &Value,
    operation: &Operation,
) -> Option<String> {
    let parameters = parameters(document, operation);
    let example = |name: &str| {
        let mut named = parameters
            .iter()
            .filter(|one| member(one, "name") == name && member(one, "in") == "path");
        named.next().and_then(|parameter| value(document, parameter))
    };
    let by_the_document =
        filled(&operation.path, |name| example(name).unwrap_or_else(|| MADE_UP[0].to_owned()));
    let made_up = MADE_UP.iter().map(|value| filled(&operation.path, |_| (*value).to_owned()));
    std::iter::once(by_the_document).chain(made_up).find(|path| {
        let found = policy.find(&operation.method, &decoded(path));
        matches!(found, Lookup::Operation(found) if found.position == operation.position)
    })
}

/// A template with values for its parameters, percent-encoded.
pub(super) fn filled(template: &str, value: impl Fn(&str) -> String) -> String {
    // Every second part is a name.
    let parts = template.split(['{', '}']).enumerate().map(|(at, part)| match at % 2 {
        0 => utf8_percent_encode(part, LITERAL).to_string(),
        _ => utf8_percent_encode(&value(part), VALUE).to_string(),
    });
    parts.collect()
}

/// The parameters of an operation, before those of its path.
fn parameters<'d>(document: &'d Value, operation: &Operation) -> Vec<&'d Value> {
    let item = resolved(document, member(member(document, "paths"), &operation.path));
    let method = operation.method.to_ascii_lowercase();
    let lists = [member(item, &method), item].map(|one| member(one, "parameters"));
    let listed = lists.into_iter().filter_map(Value::as_array).flatten();
    listed.map(|parameter| resolved(document, parameter)).collect()
}

/// A member of an object, or null.
fn member<'d>(value: &'d Value, name: &str) -> &'d Value {
    value.get(name).unwrap_or(&Value::Null)
}

/// What a `$ref` into the document leads to.
fn resolved<'d>(document: &'d Value, mut value: &'d Value) -> &'d Value {
    for _ in 0..REFERENCES {
        let pointer =
            member(value, "$ref").as_str().and_then(|reference| reference.strip_prefix('#'));
        match pointer.and_then(|pointer| document.pointer(pointer)) {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}

/// A value of a parameter.
fn value(document: &Value, parameter: &Value) -> Option<String> {
    let schema = resolved(document, member(parameter, "schema"));
    let first = |list: &Value| match list {
        Value::Array(list) => list.first().cloned(),
        Value::Object(list) => list.values().next().map(|one| member(one, "value").clone()),
        _ => None,
    };
    let written = [
        Some(member(parameter, "example").clone()),
        first(member(parameter, "examples")),
        Some(member(schema, "example").clone()),
        first(member(schema, "examples")),
        Some(member(schema, "default").clone()),
        first(member(schema, "enum")),
        Some(member(schema, "minimum").clone()),
    ];
    let text = |value: Value| match value {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    };
    let made_up = || match (member(schema, "type").as_str()?, member(schema, "format").as_str()) {
        ("integer" | "number", _) => Some("1"),
        ("boolean", _) => Some("true"),
        (_, Some("uuid")) => Some("00000000-0000-4000-8000-000000000000"),
        (_, Some("date")) => Some("2026-01-01"),
        (_, Some("date-time")) => Some("2026-01-01T00:00:00Z"),
        _ => None,
    };
    written.into_iter().flatten().find_map(text).or_else(|| made_up().map(str::to_owned))
}
