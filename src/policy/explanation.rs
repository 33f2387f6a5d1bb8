//! The policy as text: a table of all operations, and the details of one.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    compiled::Policy,
    operation::Operation,
    request_body::RequestBody,
    requirement::{Alternative, Demand, Requirement},
    scheme::{Location, SchemeKind},
};

/// Every operation in document order with the credentials, roles and scopes it takes. Neighbouring alternatives
/// with the same roles and scopes share a line.
pub(crate) fn table(policy: &Policy) -> String {
    let head = ["OPERATION", "CREDENTIALS", "ROLES", "SCOPES"].map(str::to_owned);
    let mut rows = vec![head];
    for operation in policy.operations() {
        let name = printable(&format!("{} {}", operation.method, operation.path));
        match &operation.requirement {
            Requirement::Public => rows.push([name.as_str(), "PUBLIC", "", ""].map(str::to_owned)),
            Requirement::Denied => rows.push([name.as_str(), "DENIED", "", ""].map(str::to_owned)),
            Requirement::AnyOf(alternatives) => rows.extend(group(name, alternatives)),
        }
    }
    aligned(&rows)
}

type Row = [String; 4];

fn group(name: String, alternatives: &[Alternative]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for alternative in alternatives {
        let [credentials, roles, scopes] = columns(alternative);
        match rows.last_mut() {
            Some([_, last, r, s]) if (&*r, &*s) == (&roles, &scopes) => {
                last.push_str(" or ");
                last.push_str(&credentials);
            }
            Some(_) => rows.push([String::new(), format!("or {credentials}"), roles, scopes]),
            None => rows.push([name.clone(), credentials, roles, scopes]),
        }
    }
    rows
}

/// Credentials, roles and scopes of an alternative.
fn columns(alternative: &Alternative) -> [String; 3] {
    let demands = &alternative.demands;
    let names: Vec<_> = demands.iter().map(|demand| printable(&demand.scheme.name)).collect();
    let credentials = if names.is_empty() { "anonymous".to_owned() } else { names.join(" + ") };
    // With several credentials the column says which of them must have the role.
    let words = |of: fn(&Demand) -> Vec<&str>| {
        let lists = demands.iter().filter(|demand| !of(demand).is_empty()).map(|demand| {
            let list = of(demand).join(", ");
            if names.len() > 1 {
                format!("{}: {list}", printable(&demand.scheme.name))
            } else {
                list
            }
        });
        lists.collect::<Vec<_>>().join("; ")
    };
    [credentials, words(roles), words(scopes)]
}

fn roles(demand: &Demand) -> Vec<&str> {
    demand.roles.iter().map(|role| role.as_str()).collect()
}

fn scopes(demand: &Demand) -> Vec<&str> {
    demand.scopes.iter().map(|scope| scope.as_str()).collect()
}

fn aligned(rows: &[Row]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2), 0];
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// What one operation demands, where each credential is sent, and a curl command to try it.
pub(crate) fn details(operation: &Operation, base_url: &str) -> String {
    let mut text = format!("{} {}", operation.method, printable(&operation.path));
    if let Some(summary) = &operation.summary {
        let _ = write!(text, ": {}", printable(summary));
    }
    text.push('\n');
    let alternatives = operation.requirement.alternatives();
    match (&operation.requirement, alternatives.len()) {
        (Requirement::Public, _) => text.push_str("public: no credential is read\n"),
        (Requirement::Denied, _) => {
            text.push_str("denied: the document declares no `security` for it\n");
            return text;
        }
        (Requirement::AnyOf(_), 1) => text.push_str("needs\n"),
        (Requirement::AnyOf(_), _) => text.push_str("needs one of\n"),
    }
    for alternative in alternatives {
        let _ = writeln!(text, "- {}", sentence(alternative));
        for demand in &alternative.demands {
            let _ = writeln!(text, "    {}", printable(&location(&demand.scheme.kind)));
        }
    }
    let first = alternatives.iter().find(|alternative| !alternative.is_anonymous());
    let _ = writeln!(text, "\n{}", printable(&curl(operation, first, base_url)));
    text
}

fn sentence(alternative: &Alternative) -> String {
    let [credentials, roles, scopes] = columns(alternative);
    if alternative.is_anonymous() {
        return "anonymous: no credential is needed, but an invalid one is refused".to_owned();
    }
    let mut text = credentials;
    for (word, list) in [("roles", roles), ("scopes", scopes)] {
        if !list.is_empty() {
            let _ = write!(text, ", {word} {list}");
        }
    }
    if alternative.demands.len() > 1 {
        text.push_str(" (all at once, for the same subject)");
    }
    text
}

fn location(kind: &SchemeKind) -> String {
    match kind {
        SchemeKind::ApiKey { location: Location::Header, name } => format!("header {name}"),
        SchemeKind::ApiKey { location: Location::Query, name } => format!("query {name}"),
        SchemeKind::ApiKey { location: Location::Cookie, name } => format!("cookie {name}"),
        SchemeKind::Bearer | SchemeKind::OAuth2 => "Authorization: Bearer <token>".to_owned(),
        SchemeKind::OpenIdConnect { url } => format!("Authorization: Bearer <token of {url}>"),
        SchemeKind::Basic => "Authorization: Basic <name and secret>".to_owned(),
    }
}

fn curl(operation: &Operation, alternative: Option<&Alternative>, base_url: &str) -> String {
    let method = match operation.method.as_str() {
        "GET" => String::new(),
        "HEAD" => " --head".to_owned(),
        other => format!(" -X {}", shell(other, "")),
    };
    let mut options = String::new();
    let mut query = Vec::new();
    for demand in alternative.iter().flat_map(|alternative| &alternative.demands) {
        match &demand.scheme.kind {
            SchemeKind::ApiKey { location: Location::Header, name } => {
                let _ = write!(options, " -H {}", shell(&format!("{name}: "), "$API_KEY"));
            }
            SchemeKind::ApiKey { location: Location::Query, name } => query.push(name),
            SchemeKind::ApiKey { location: Location::Cookie, name } => {
                let _ = write!(options, " -b {}", shell(&format!("{name}="), "$API_KEY"));
            }
            SchemeKind::Basic => options.push_str(" -u \"$CLIENT_ID:$API_KEY\""),
            SchemeKind::Bearer | SchemeKind::OAuth2 | SchemeKind::OpenIdConnect { .. } => {
                options.push_str(" -H \"Authorization: Bearer $TOKEN\"");
            }
        }
    }
    options.push_str(&operation.body.as_ref().map_or_else(String::new, body));
    let mut url = shell(&format!("{}{}", base_url.trim_end_matches('/'), operation.path), "");
    for (position, name) in query.into_iter().enumerate() {
        let mark = if position == 0 { '?' } else { '&' };
        url.push_str(&shell(&format!("{mark}{name}="), "$API_KEY"));
    }
    format!("curl{method}{options} {url}")
}

/// The options that send a body. What the reader fills in is a shell variable named after the field.
fn body(body: &RequestBody) -> String {
    let fields = match body {
        RequestBody::Json(value) => {
            let json = shell(&value.to_string(), "");
            return format!(" -H \"Content-Type: application/json\" -d {json}");
        }
        RequestBody::Form(fields) => fields,
    };
    let mut options = String::new();
    for (name, value) in fields {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC).to_string().replace("%5F", "_");
        let _ = match value {
            Some(value) => {
                let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
                let value = value.to_string().replace("%5F", "_");
                write!(options, " -d {}", shell(&format!("{name}={value}"), ""))
            }
            None => {
                let as_variable = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
                let variable: String = name.to_ascii_uppercase().chars().map(as_variable).collect();
                let word = shell(&format!("{name}="), &format!("${variable}"));
                write!(options, " --data-urlencode {word}")
            }
        };
    }
    options
}

/// A shell word of a literal and a variable. The literal may come from an untrusted document, so it is quoted
/// unless it is plain.
fn shell(literal: &str, variable: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_./:=".contains(c);
    let is_bare = !literal.is_empty() && variable.is_empty() && !literal.contains(' ');
    match literal.chars().all(is_plain) {
        true if is_bare => literal.to_owned(),
        true => format!("\"{literal}{variable}\""),
        false if variable.is_empty() => format!("'{}'", literal.replace('\'', r"'\''")),
        false => format!("'{}'\"{variable}\"", literal.replace('\'', r"'\''")),
    }
}

/// Replaces control characters, which a terminal would interpret.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
