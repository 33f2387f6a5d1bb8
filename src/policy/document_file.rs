//! Documents of other services: JSON or YAML, from a file or stdin.
//!
//! What a reader of JSON or YAML usually lets pass and other readers understand differently is an error here: members
//! with the same name, and YAML's merge keys and tags.

use std::{cell::Cell, fmt, io, path::Path};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::{
    diagnostics::{Diagnostic, Diagnostics, printable},
    files::file_content::FileContent,
    policy::{compile_options::CompileOptions, compiled::Policy},
};

/// Bounds what a document becomes in memory: a few lines of YAML with aliases can stand for gigabytes.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Bounds the reading for the lines of diagnostics, in bytes.
const MAX_READ_FOR_LINES: usize = 16 * 1024 * 1024;

/// What a value takes beside its text, in bytes.
const VALUE_BYTES: usize = 64;

/// Reads and compiles the document at `path`; `-` is stdin. The file may be a pipe.
///
/// # Errors
/// It cannot be read, and whatever [`compile`] refuses.
pub(crate) fn read(path: &str, options: &CompileOptions) -> Result<Policy, Diagnostics> {
    let (name, content) = match path {
        "-" => ("stdin", FileContent::read_stdin()),
        path => (path, FileContent::read_once(Path::new(path))),
    };
    let content = content.map_err(|error: io::Error| unreadable(name, &error))?;
    compile(name, content.bytes(), options)
}

/// Why a document cannot be read. Frameworks serve theirs, so that people write its URL.
pub(crate) fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    let what = match name.contains("://") {
        true => "is a URL; save the document with `curl -o openapi.json URL`, and give that file"
            .to_owned(),
        false => format!("cannot be read: {error}"),
    };
    Diagnostic::new(printable(name), what)
}

/// Compiles an OpenAPI 3.0, 3.1 or 3.2 document in JSON or YAML; `name` is shown in diagnostics, which are free of
/// control characters.
///
/// # Errors
/// It is neither, is Swagger 2.0, or cannot be enforced.
pub(crate) fn compile(
    name: &str,
    bytes: &[u8],
    options: &CompileOptions,
) -> Result<Policy, Diagnostics> {
    let name = printable(name);
    let document = parse(&name, bytes)?;
    if document.get("swagger").is_some() {
        let what = "is Swagger 2.0; convert it to OpenAPI 3, for example with \
                    `npx swagger2openapi FILE --outfile openapi.json`, and give that file";
        return Err(Diagnostic::new(name, what).into());
    }
    Policy::compile(&document, options).map_err(|found| located(&found, &name, bytes))
}

/// The diagnostics of a document with its name, and the line as long as that is cheap: each line costs a reading.
fn located(found: &Diagnostics, name: &str, bytes: &[u8]) -> Diagnostics {
    let lines = MAX_READ_FOR_LINES / bytes.len().max(1);
    let mut located = Diagnostics::default();
    for (at, diagnostic) in found.iter().enumerate() {
        let place = printable(&diagnostic.location);
        // Nodes of the document end with their pointer; the base path is a setting.
        let pointer =
            diagnostic.location.rsplit_once(" (#").and_then(|(_, it)| it.strip_suffix(')'));
        let place = match pointer {
            Some(pointer) => {
                let line = if at < lines { line_of(bytes, pointer) } else { None };
                let line = line.map(|line| format!(":{line}")).unwrap_or_default();
                format!("{name}{line}: {place}")
            }
            None => place,
        };
        located.push(Diagnostic::new(place, printable(&diagnostic.message)));
    }
    located
}

/// The line of the value that a JSON pointer leads to.
fn line_of(bytes: &[u8], pointer: &str) -> Option<usize> {
    let keys: Vec<_> =
        pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    let (bytes, is_yaml) = content(bytes)?;
    if is_yaml {
        let error = LineOf(&keys).deserialize(yaml_serde::Deserializer::from_slice(bytes)).err()?;
        return error.location().map(|at| at.line());
    }
    let error =
        LineOf(&keys).deserialize(&mut serde_json::Deserializer::from_slice(bytes)).err()?;
    Some(error.line())
}

/// Stops with an error, which has the line, at the value under these keys.
struct LineOf<'k>(&'k [String]);

impl<'de> DeserializeSeed<'de> for LineOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// What it does not visit is an error.
impl<'de> Visitor<'de> for LineOf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Some((index, rest)) = self.0.split_first() else {
            return Err(de::Error::custom("it is here"));
        };
        for _ in 0..index.parse().unwrap_or(0) {
            elements.next_element::<IgnoredAny>()?;
        }
        elements.next_element_seed(LineOf(rest)).map(drop)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.0.split_first() else {
            return Err(de::Error::custom("it is here"));
        };
        while let Some(key) = members.next_key::<String>()? {
            if key == *wanted {
                return members.next_value_seed(LineOf(rest));
            }
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// The document without a byte order mark, and whether it is YAML; `None` if it is empty.
fn content(bytes: &[u8]) -> Option<(&[u8], bool)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
    Some((bytes, *first != b'{'))
}

/// The value of a document in JSON or YAML.
fn parse(name: &str, bytes: &[u8]) -> Result<Value, Diagnostic> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
        return Err(Diagnostic::new(name, "is UTF-16; save it as UTF-8"));
    }
    let Some((bytes, is_yaml)) = content(bytes) else {
        return Err(Diagnostic::new(name, "is empty; give an OpenAPI document in JSON or YAML"));
    };
    let left = Cell::new(MAX_BYTES);
    let seed = Values { left: &left, is_yaml };
    let (parsed, line, text) = if seed.is_yaml {
        match seed.deserialize(yaml_serde::Deserializer::from_slice(bytes)) {
            Ok(value) => return Ok(value),
            Err(error) => ("YAML", error.location().map(|at| at.line()), error.to_string()),
        }
    } else {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        match seed.deserialize(&mut json).and_then(|value| json.end().map(|()| value)) {
            Ok(value) => return Ok(value),
            Err(error) => ("JSON", Some(error.line()), error.to_string()),
        }
    };
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let what = format!("cannot be read as {parsed}: {}", printable(text));
    Err(Diagnostic::new(format!("{name}{line}"), what))
}

/// Builds a value, within a number of bytes.
#[derive(Clone, Copy)]
struct Values<'l> {
    left: &'l Cell<usize>,
    is_yaml: bool,
}

impl Values<'_> {
    fn take<E: de::Error>(&self, text_bytes: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(text_bytes + VALUE_BYTES);
        let what = format!("it takes more than {} MiB of memory", MAX_BYTES / 1024 / 1024);
        self.left.set(left.ok_or_else(|| E::custom(what))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without a tag")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        self.take(0).map(|()| value.into())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.take(0).map(|()| value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.take(0).map(|()| value.into())
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Value, E> {
        self.visit_string(value.to_string())
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Value, E> {
        self.visit_string(value.to_string())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        self.take(0).map(|()| Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        self.take(text.len()).map(|()| text.into())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.take(0).map(|()| Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        self.take(0)?;
        let mut found = Vec::new();
        while let Some(element) = elements.next_element_seed(self)? {
            found.push(element);
        }
        Ok(found.into())
    }

    /// Keys of YAML that are no strings, such as the status codes of responses, become their text.
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.take(0)?;
        let mut found = Map::new();
        while let Some(key) = members.next_key_seed(Key { values: self, before: &found })? {
            found.insert(key, members.next_value_seed(self)?);
        }
        Ok(found.into())
    }
}

/// Reads the name of a member. It is checked here because the error then has its line.
struct Key<'l, 'm> {
    values: Values<'l>,
    before: &'m Map<String, Value>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<String, E> {
        self.values.take(key.len())?;
        if self.before.contains_key(key) {
            return Err(E::custom(format!("`{key}` is there twice; remove one")));
        }
        if self.values.is_yaml && key == "<<" {
            return Err(E::custom("the merge key `<<` is not YAML 1.2; write its members out"));
        }
        Ok(key.to_owned())
    }
}
