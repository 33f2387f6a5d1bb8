//! The policy as text: a table or JSON of all operations, and the details of one.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::{
    diagnostics::printable,
    policy::{
        compiled::Policy,
        operation::Operation,
        request_body::RequestBody,
        requirement::{Alternative, Demand, Requirement},
        scheme::{CredentialKind, Location, SchemeKind},
    },
};

/// What is percent-encoded in a form.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_');

/// Every operation in document order with the credentials, roles and scopes it takes. Neighbouring alternatives
/// with the same roles and scopes share a line.
pub(crate) fn table(policy: &Policy) -> String {
    let mut rows = vec![["OPERATION", "CREDENTIALS", "ROLES", "SCOPES"].map(str::to_owned)];
    for operation in policy.operations() {
        let name = printable(&format!("{} {}", operation.method, operation.path));
        match &operation.requirement {
            Requirement::Public => rows.push([name.as_str(), "public", "", ""].map(str::to_owned)),
            Requirement::Denied => rows.push([name.as_str(), "denied", "", ""].map(str::to_owned)),
            Requirement::AnyOf(alternatives) => rows.extend(group(name, alternatives)),
        }
    }
    aligned(&rows)
}

/// Operations as a list in JSON: of each its method, path, access and alternatives.
pub(crate) fn json<'p>(operations: impl Iterator<Item = &'p Operation>) -> Value {
    operations.map(entry).collect()
}

fn entry(operation: &Operation) -> Value {
    let alternatives = operation.requirement.alternatives();
    let access = match &operation.requirement {
        Requirement::Public => "public",
        Requirement::Denied => "denied",
        Requirement::AnyOf(_) if alternatives.iter().any(Alternative::is_anonymous) => "optional",
        Requirement::AnyOf(_) => "protected",
    };
    let demand = |demand: &Demand| {
        let roles: Vec<_> = demand.roles.iter().map(|role| role.as_str()).collect();
        let scopes: Vec<_> = demand.scopes.iter().map(|scope| scope.as_str()).collect();
        json!({ "scheme": demand.scheme.name.as_ref(), "roles": roles, "scopes": scopes })
    };
    let alternatives: Vec<Vec<Value>> =
        alternatives.iter().map(|one| one.demands.iter().map(demand).collect()).collect();
    json!({
        "method": operation.method,
        "path": operation.path,
        "access": access,
        "alternatives": alternatives,
    })
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
        let lists = demands.iter().zip(&names).map(|(demand, name)| (name, of(demand).join(", ")));
        let lists = lists.filter(|(_, list)| !list.is_empty());
        let lists = lists
            .map(|(name, list)| if names.len() > 1 { format!("{name}: {list}") } else { list });
        lists.collect::<Vec<_>>().join("; ")
    };
    let roles = words(|demand| demand.roles.iter().map(|role| role.as_str()).collect());
    let scopes = words(|demand| demand.scopes.iter().map(|scope| scope.as_str()).collect());
    [credentials, roles, scopes]
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
    text.push_str(match (&operation.requirement, alternatives.len()) {
        (Requirement::Public, _) => "public: no credential is read\n",
        (Requirement::Denied, _) => "denied: the document declares no `security` for it\n",
        (Requirement::AnyOf(_), 1) => "needs\n",
        (Requirement::AnyOf(_), _) => "needs one of\n",
    });
    for alternative in alternatives {
        let _ = writeln!(text, "- {}", sentence(alternative));
        for demand in &alternative.demands {
            let _ = writeln!(text, "    {}", printable(&location(&demand.scheme.kind)));
        }
    }
    if operation.requirement != Requirement::Denied {
        let first = alternatives.iter().find(|alternative| !alternative.is_anonymous());
        let _ = writeln!(text, "\n{}", printable(&curl(operation, first, base_url)));
    }
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
        SchemeKind::ApiKey { location, name } => format!("{} {name}", location.as_str()),
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
        let is_token = demand.scheme.credential == CredentialKind::Token;
        let variable = if is_token { "$TOKEN" } else { "$API_KEY" };
        match &demand.scheme.kind {
            SchemeKind::ApiKey { location: Location::Header, name } => {
                let _ = write!(options, " -H {}", shell(&format!("{name}: "), variable));
            }
            SchemeKind::ApiKey { location: Location::Query, name } => query.push(name),
            SchemeKind::ApiKey { location: Location::Cookie, name } => {
                let _ = write!(options, " -b {}", shell(&format!("{name}="), variable));
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
        let name = utf8_percent_encode(name, FORM);
        let _ = match value {
            Some(value) => {
                let value = utf8_percent_encode(value, FORM);
                write!(options, " -d {}", shell(&format!("{name}={value}"), ""))
            }
            None => {
                let variable = name.to_string().to_ascii_uppercase();
                let variable = variable.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
                let word = shell(&format!("{name}="), &format!("${variable}"));
                write!(options, " --data-urlencode {word}")
            }
        };
    }
    options
}

/// A shell word of a literal and a variable. The literal may come from an untrusted document, so it is quoted
/// unless it is plain.
pub(crate) fn shell(literal: &str, variable: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_./:=".contains(c);
    let is_bare = !literal.is_empty() && variable.is_empty() && !literal.contains(' ');
    match literal.chars().all(is_plain) {
        true if is_bare => literal.to_owned(),
        true => format!("\"{literal}{variable}\""),
        false if variable.is_empty() => format!("'{}'", literal.replace('\'', r"'\''")),
        false => format!("'{}'\"{variable}\"", literal.replace('\'', r"'\''")),
    }
}
