//! What is wrong with a JSON body, in words of JSON: serde speaks of Rust's types.

use serde_json::Error;

/// What is wrong, as a sentence for whoever sent the body.
pub(crate) fn explain(error: &Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    if !error.is_data() {
        return format!("The body is not JSON: there is a mistake at {place}.");
    }
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    format!("The body is not what this operation takes: {}, at {place}.", plain(what))
}

fn plain(what: &str) -> String {
    if let Some(field) = what.strip_prefix("missing field ") {
        format!("the field {field} is missing")
    } else if let Some(field) = what.strip_prefix("duplicate field ") {
        format!("the field {field} is there twice")
    } else if let Some((field, expected)) = split(what, "unknown field ") {
        format!("the field {field} is not known, expected {expected}")
    } else if let Some((found, expected)) = split(what, "unknown variant ") {
        format!("{found} is not known, expected {expected}")
    } else if let Some((found, expected)) = split(what, "invalid type: ") {
        format!("expected {}, found {}", kind(expected), kind(found))
    } else if let Some((found, expected)) = split(what, "invalid value: ") {
        format!("expected {}, found another value, {found}", kind(expected))
    } else {
        what.to_owned()
    }
}

/// What was found and what is expected.
fn split<'w>(what: &'w str, beginning: &str) -> Option<(&'w str, &'w str)> {
    what.strip_prefix(beginning)?.rsplit_once(", expected ")
}

/// The kind of JSON that serde's `word` stands for, without the value; `word` itself where it is not known.
fn kind(word: &str) -> &str {
    match word.split(['`', '"']).next().unwrap_or_default().trim_end() {
        "string" | "a string" | "character" | "a character" => "a string",
        "boolean" | "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" | "integer" => "a whole number",
        "f32" | "f64" | "floating point" => "a number",
        "sequence" | "a sequence" => "an array",
        "map" | "a map" => "an object",
        name if name.starts_with("struct ") => "an object",
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "nothing reads what cannot be read")]
    struct Body {
        name: String,
        count: u32,
        balance: Option<i64>,
        price: Option<f64>,
        paid: Option<bool>,
        tags: Option<Vec<String>>,
        more: Option<BTreeMap<String, String>>,
        inner: Option<Inner>,
        unit: Option<Unit>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "nothing reads what cannot be read")]
    struct Inner {
        x: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Unit {
        Hour,
        Day,
    }

    #[test]
    fn the_words_are_those_of_json() {
        for (body, what) in [
            ("{", "The body is not JSON: there is a mistake at line 1, column 1."),
            ("{\"name\": x}", "The body is not JSON: there is a mistake at line 1, column 10."),
            ("{\"name\": \"a\"}", "the field `count` is missing, at line 1, column 13."),
            ("{\"name\": \"a\", \"name\": \"b\"}", "the field `name` is there twice"),
            ("{\"nam\": \"a\"}", "the field `nam` is not known, expected one of `name`, `count`"),
            ("{\"name\": 1}", "expected a string, found a whole number, at line 1, column 10."),
            ("{\"name\": {}}", "expected a string, found an object"),
            ("{\"name\": []}", "expected a string, found an array"),
            ("{\"name\": null}", "expected a string, found null"),
            ("{\"name\": true}", "expected a string, found true or false"),
            (
                "{\"count\": \"x, expected y\"}",
                "expected a whole number that is not negative, found a string",
            ),
            (
                "{\"count\": -1}",
                "expected a whole number that is not negative, found another value, integer `-1`",
            ),
            ("{\"count\": 1.5}", "expected a whole number that is not negative, found a number"),
            ("{\"balance\": \"1\"}", "expected a whole number, found a string"),
            ("{\"price\": \"1\"}", "expected a number, found a string"),
            ("{\"paid\": 1}", "expected true or false, found a whole number"),
            ("{\"tags\": {}}", "expected an array, found an object"),
            ("{\"more\": []}", "expected an object, found an array"),
            ("{\"inner\": 1}", "expected an object, found a whole number"),
            ("{\"unit\": \"week\"}", "`week` is not known, expected `hour` or `day`"),
            ("1", "expected an object, found a whole number"),
        ] {
            let told = explain(&serde_json::from_str::<Body>(body).unwrap_err());
            assert!(told.contains(what), "{body}: {told}");
            assert!(!told.contains("struct") && !told.contains("u32"), "{told}");
        }
    }
}
