//! OpenAPI 3.0 as 3.1, in which hallpass describes its own operations.

use serde_json::{Map, Value, json};

/// Members whose values are examples, not schemas.
const EXAMPLES: [&str; 5] = ["example", "examples", "default", "enum", "const"];

/// Makes a document of OpenAPI 3.0 one of 3.1: what schemas say of `null` and of exclusive bounds is written otherwise.
pub(crate) fn upgrade(document: &mut Map<String, Value>) {
    let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("3.0.") {
        return;
    }
    document.insert("openapi".to_owned(), json!("3.1.0"));
    document.values_mut().for_each(upgrade_schemas);
}

fn upgrade_schemas(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                match value {
                    // Its members are named by the author of the document.
                    Value::Object(named) if name == "properties" => {
                        named.values_mut().for_each(upgrade_schemas);
                    }
                    value if !EXAMPLES.contains(&name.as_str()) => upgrade_schemas(value),
                    _ => {}
                }
            }
            for (exclusive, bound) in
                [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")]
            {
                match members.get(exclusive) {
                    Some(Value::Bool(true)) => {
                        if let Some(limit) = members.shift_remove(bound) {
                            members.insert(exclusive.to_owned(), limit);
                        }
                    }
                    Some(Value::Bool(false)) => {
                        members.shift_remove(exclusive);
                    }
                    _ => {}
                }
            }
            if let Some(Value::Bool(is_nullable)) = members.get("nullable").cloned() {
                members.shift_remove("nullable");
                if is_nullable {
                    allow_null(members);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(upgrade_schemas),
        _ => {}
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut)
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    match schema.get_mut("type") {
        Some(kind @ Value::String(_)) => *kind = json!([kind.clone(), "null"]),
        Some(_) => {}
        None => {
            let other = Value::Object(std::mem::take(schema));
            schema.insert("anyOf".to_owned(), json!([other, { "type": "null" }]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upgraded(schema: Value) -> Value {
        let mut document =
            json!({ "openapi": "3.0.3", "components": { "schemas": { "It": schema } } });
        upgrade(document.as_object_mut().unwrap());
        assert_eq!(document["openapi"], "3.1.0");
        document["components"]["schemas"]["It"].clone()
    }

    #[test]
    fn null_and_exclusive_bounds_are_written_as_in_3_1() {
        for (before, after) in [
            (json!({ "type": "string" }), json!({ "type": "string" })),
            (json!({ "type": "string", "nullable": false }), json!({ "type": "string" })),
            (json!({ "type": "string", "nullable": true }), json!({ "type": ["string", "null"] })),
            (
                json!({ "type": "string", "enum": ["a"], "nullable": true }),
                json!({ "type": ["string", "null"], "enum": ["a", null] }),
            ),
            (
                json!({ "allOf": [{ "$ref": "#/x" }], "nullable": true }),
                json!({ "anyOf": [{ "allOf": [{ "$ref": "#/x" }] }, { "type": "null" }] }),
            ),
            (
                json!({ "type": "integer", "minimum": 0, "exclusiveMinimum": true, "exclusiveMaximum": false }),
                json!({ "type": "integer", "exclusiveMinimum": 0 }),
            ),
            (
                json!({ "properties": { "a": { "type": "string", "nullable": true } } }),
                json!({ "properties": { "a": { "type": ["string", "null"] } } }),
            ),
            (
                json!({ "properties": { "example": { "type": "string", "nullable": true } } }),
                json!({ "properties": { "example": { "type": ["string", "null"] } } }),
            ),
            (
                json!({ "example": { "nullable": true } }),
                json!({ "example": { "nullable": true } }),
            ),
        ] {
            assert_eq!(upgraded(before.clone()), after, "{before}");
        }
    }

    #[test]
    fn other_versions_stay_as_they_are() {
        for version in ["3.1.0", "3.2.0", "2.0"] {
            let before = json!({ "openapi": version, "x": { "type": "string", "nullable": true } });
            let mut after = before.clone();
            upgrade(after.as_object_mut().unwrap());
            assert_eq!(after, before);
        }
    }
}
