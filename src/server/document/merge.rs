//! Several documents as one.

use serde_json::{Map, Value, json};

use crate::diagnostics::{Diagnostic, Diagnostics};

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
