//! Several documents as one.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::diagnostics::{Diagnostic, Diagnostics};

/// What references to schemas begin with.
const SCHEMAS: &str = "#/components/schemas/";

/// Adds the operations and components of another document; what `document` has already stays.
///
/// # Errors
/// Each operation that both have with different `security`: the one that is left out may be the one that was meant.
pub(crate) fn merge(
    document: &mut Map<String, Value>,
    other: Map<String, Value>,
) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    for (name, theirs) in other {
        match (name.as_str(), theirs) {
            ("paths", Value::Object(items)) => {
                let Some(paths) = object(document, "paths") else { continue };
                for (path, item) in items {
                    add_item(paths, path, item, &mut diagnostics);
                }
            }
            ("components", Value::Object(sections)) => {
                let Some(components) = object(document, "components") else { continue };
                for (section, entries) in sections {
                    let known = components.entry(section).or_insert_with(|| json!({}));
                    if let (Some(known), Value::Object(entries)) = (known.as_object_mut(), entries)
                    {
                        for (name, entry) in entries {
                            known.entry(name).or_insert(entry);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    diagnostics.or(())
}

fn add_item(
    paths: &mut Map<String, Value>,
    path: String,
    item: Value,
    diagnostics: &mut Diagnostics,
) {
    let Some(known) = paths.get_mut(&path).and_then(Value::as_object_mut) else {
        paths.insert(path, item);
        return;
    };
    let Value::Object(fields) = item else { return };
    for (method, operation) in fields {
        match known.get(&method) {
            Some(first) if first.get("security") != operation.get("security") => {
                let operation = format!("{} {path}", method.to_ascii_uppercase());
                let what =
                    "is documented twice, with different `security`; leave one of the two out";
                diagnostics.push(Diagnostic::new(operation, what));
            }
            Some(_) => {}
            None => {
                known.insert(method, operation);
            }
        }
    }
}

fn object<'d>(
    document: &'d mut Map<String, Value>,
    name: &str,
) -> Option<&'d mut Map<String, Value>> {
    document.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

/// Leaves out the schemas that nothing in the document refers to.
pub(crate) fn retain_used_schemas(document: &mut Map<String, Value>) {
    let mut used = BTreeSet::new();
    let mut waiting: Vec<&Value> = document.get("paths").into_iter().collect();
    let schemas = document.get("components").and_then(|components| components.get("schemas"));
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(members) => {
                let reference = members.get("$ref").and_then(Value::as_str);
                let name = reference.and_then(|it| it.strip_prefix(SCHEMAS));
                if let Some(name) = name.filter(|name| used.insert((*name).to_owned())) {
                    waiting.extend(schemas.and_then(|schemas| schemas.get(name)));
                }
                waiting.extend(members.values());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    let schemas =
        document.get_mut("components").and_then(|components| components.get_mut("schemas"));
    if let Some(schemas) = schemas.and_then(Value::as_object_mut) {
        schemas.retain(|name, _| used.contains(name));
    }
}

/// Gives those operation ids and schemas of `ours` other names that `theirs` has too.
pub(crate) fn rename_taken(ours: &mut Map<String, Value>, theirs: &Map<String, Value>) {
    rename_operations(ours, theirs);
    rename_schemas(ours, theirs);
}

fn rename_operations(ours: &mut Map<String, Value>, theirs: &Map<String, Value>) {
    let items = theirs.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let operations = items.filter_map(Value::as_object).flat_map(Map::values);
    let ids: Vec<&Value> = operations.filter_map(|one| one.get("operationId")).collect();
    let items =
        ours.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    let operations = items.filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    for id in operations.filter_map(|operation| operation.get_mut("operationId")) {
        if ids.contains(&&*id)
            && let Some(name) = id.as_str()
        {
            *id = format!("hallpass_{name}").into();
        }
    }
}

fn rename_schemas(ours: &mut Map<String, Value>, theirs: &Map<String, Value>) {
    let schemas = |document: &Map<String, Value>| {
        let schemas = document.get("components").and_then(|components| components.get("schemas"));
        schemas.and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (known, mut own) = (schemas(theirs), schemas(ours));
    let taken: Vec<String> = own
        .iter()
        .filter(|(name, schema)| known.get(*name).is_some_and(|theirs| theirs != *schema))
        .map(|(name, _)| name.clone())
        .collect();
    if taken.is_empty() {
        return;
    }
    for name in &taken {
        if let Some(schema) = own.shift_remove(name) {
            own.insert(renamed(name), schema);
        }
    }
    if let Some(components) = object(ours, "components") {
        components.insert("schemas".to_owned(), Value::Object(own));
    }
    let mut waiting: Vec<&mut Value> = ours.values_mut().collect();
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get_mut("$ref")
                    && let Some(name) = reference.strip_prefix(SCHEMAS)
                    && taken.iter().any(|taken| taken == name)
                {
                    *reference = format!("{SCHEMAS}{}", renamed(name));
                }
                waiting.extend(members.values_mut());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
}

fn renamed(schema: &str) -> String {
    format!("Hallpass{schema}")
}
