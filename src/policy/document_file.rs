//! Documents of other services: JSON or YAML, from a file or stdin.
//!
//! What a reader of JSON or YAML usually lets pass and other readers understand differently is an error here: members
//! with the same name, and YAML's merge keys and tags.

use std::{cell::Cell, io, path::Path};

use serde::de::DeserializeSeed;
use serde_json::Value;

use crate::{
    diagnostics::{Diagnostic, Diagnostics, printable},
    files::file_content::FileContent,
    policy::{
        compile_options::CompileOptions,
        compiled::Policy,
        document_line::line_of,
        document_value::{Part, Values},
    },
};

/// Bounds the reading for the lines of diagnostics, in bytes.
const MAX_READ_FOR_LINES: usize = 16 * 1024 * 1024;

/// Bounds the flow collections inside each other: the time that the YAML library takes grows with the square of it.
const MAX_NESTING: usize = 1000;

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
    compile_part(name, content.bytes(), Part::Whole, options)
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
/// control characters. The operations have no bodies.
///
/// # Errors
/// It is neither, is Swagger 2.0, or cannot be enforced.
pub(crate) fn compile(
    name: &str,
    bytes: &[u8],
    options: &CompileOptions,
) -> Result<Policy, Diagnostics> {
    // A `$ref` may lead anywhere, and a diagnostic has its line: what fails is read again, all of it.
    compile_part(name, bytes, Part::Document, options)
        .or_else(|_| compile_part(name, bytes, Part::Whole, options))
}

fn compile_part(
    name: &str,
    bytes: &[u8],
    part: Part,
    options: &CompileOptions,
) -> Result<Policy, Diagnostics> {
    let name = printable(name);
    let document = parse(&name, bytes, part)?;
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
                let content = content(bytes).filter(|_| at < lines);
                let line = content.and_then(|(text, is_yaml)| line_of(text, is_yaml, pointer));
                let line = line.map(|line| format!(":{line}")).unwrap_or_default();
                format!("{name}{line}: {place}")
            }
            None => place,
        };
        located.push(Diagnostic::new(place, printable(&diagnostic.message)));
    }
    located
}

/// The document without a byte order mark, and whether it is YAML; `None` if it is empty.
fn content(bytes: &[u8]) -> Option<(&[u8], bool)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
    Some((bytes, *first != b'{'))
}

/// The value of a document in JSON or YAML.
fn parse(name: &str, bytes: &[u8], part: Part) -> Result<Value, Diagnostic> {
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
        return Err(Diagnostic::new(name, "is UTF-16; save it as UTF-8"));
    }
    let Some((bytes, is_yaml)) = content(bytes) else {
        return Err(Diagnostic::new(name, "is empty; give an OpenAPI document in JSON or YAML"));
    };
    let left = Cell::default();
    let seed = Values::new(&left, is_yaml, part);
    let (parsed, line, text) = if is_yaml {
        if let Some(line) = too_deep(bytes) {
            let what = format!("has more than {MAX_NESTING} collections inside each other");
            return Err(Diagnostic::new(format!("{name}:{line}"), what));
        }
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

/// The line where YAML has too many flow collections (`[`, `{`) inside each other. What block scalars contain may count
/// too, and no text leaves so many brackets open.
fn too_deep(yaml: &[u8]) -> Option<usize> {
    let is_space = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    let (mut depth, mut at) = (0_usize, 0);
    // A quote inside a word begins no quoted scalar, and a bracket inside a plain scalar no collection.
    let mut may_start = true;
    while let Some((byte, rest)) = yaml.get(at..).and_then(<[u8]>::split_first) {
        at += 1;
        match byte {
            b'[' | b'{' if may_start || depth > 0 => (depth, may_start) = (depth + 1, true),
            b']' | b'}' => (depth, may_start) = (depth.saturating_sub(1), false),
            b'\'' | b'"' if may_start => at += quoted(*byte, rest),
            // An anchor or tag.
            b'&' | b'!' if may_start => {
                at += rest.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
            }
            b'#' if is_space(at.checked_sub(2).and_then(|before| yaml.get(before))) => {
                at += rest.iter().take_while(|byte| **byte != b'\n').count();
            }
            b'\n' => may_start = true,
            b',' | b':' | b'-' | b'?' => may_start = depth > 0 || is_space(rest.first()),
            b' ' | b'\t' | b'\r' => {}
            _ => may_start = false,
        }
        if depth > MAX_NESTING {
            let before = yaml.iter().take(at);
            return Some(1 + before.filter(|byte| **byte == b'\n').count());
        }
    }
    None
}

/// The length of the rest of a quoted scalar. A quote that is doubled in it begins the next one, which does no harm.
fn quoted(quote: u8, rest: &[u8]) -> usize {
    let mut is_escaped = false;
    let is_inside = |byte: &&u8| {
        let is_end = **byte == quote && !is_escaped;
        is_escaped = quote == b'"' && **byte == b'\\' && !is_escaped;
        !is_end
    };
    rest.iter().take_while(is_inside).count() + 1
}
