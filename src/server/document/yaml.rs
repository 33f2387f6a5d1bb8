//! The document as YAML that YAML 1.1 readers understand too.

use jiff::Timestamp;
use serde_json::Value;

/// Serialises a document.
///
/// YAML 1.1 readers, as most of Python's, take a plain scalar that looks like a time for a date: those are quoted.
///
/// # Errors
/// The document cannot be serialised.
pub(crate) fn to_yaml(document: &Value) -> Result<String, yaml_serde::Error> {
    let plain = yaml_serde::to_string(document)?;
    let mut yaml = String::with_capacity(plain.len());
    // The lines of a block scalar are deeper than the line that begins it.
    let mut block = None;
    for line in plain.lines() {
        let depth = line.len() - line.trim_start().len();
        if block.is_some_and(|begin| depth > begin || line.trim().is_empty()) {
            yaml.push_str(line);
        } else {
            block = line.ends_with(['|', '>', '-', '+']).then_some(depth);
            let scalar = line.rfind(": ").or(line.rfind("- ")).map_or(0, |at| at + 2);
            let (before, scalar) = line.split_at_checked(scalar).unwrap_or((line, ""));
            match scalar.parse::<Timestamp>() {
                Ok(_) => yaml.extend([before, "'", scalar, "'"]),
                Err(_) => yaml.push_str(line),
            }
        }
        yaml.push('\n');
    }
    Ok(yaml)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_quoted_and_everything_else_is_left_alone() {
        let document = json!({
            "example": "2026-11-25T10:00:00Z",
            "list": ["2026-11-25T10:00:00Z", "2026"],
            "text": "two lines\nat: 2026-11-25T10:00:00Z\n",
            "key: 2026-11-25T10:00:00Z": 1,
        });
        let yaml = to_yaml(&document).unwrap();
        assert!(yaml.contains("example: '2026-11-25T10:00:00Z'\n"), "{yaml}");
        assert!(yaml.contains("- '2026-11-25T10:00:00Z'\n"), "{yaml}");
        assert!(yaml.contains("  at: 2026-11-25T10:00:00Z\n"), "{yaml}");
        assert_eq!(yaml_serde::from_str::<Value>(&yaml).unwrap(), document);
    }
}
