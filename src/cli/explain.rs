//! `hallpass explain`: the policy as a table, as JSON or against kinds of callers; the requirement of one request; what
//! changed between two documents.

use std::{io::Write, process::ExitCode};

use clap::Args;

use crate::{
    cli::{
        settings_flags::BindFlag,
        terminal::{is_styled, with_bold_head},
    },
    config::{
        document_settings::DocumentSettings, policy_settings::DocumentReading,
        raw_settings::RawSettings, settings::Settings,
    },
    diagnostics::{Diagnostic, Diagnostics, printable},
    policy::{
        compile_options::CompileOptions,
        compiled::{Lookup, Policy},
        diff::{self, Change},
        document_file::read,
        explanation, matrix,
        operation::Operation,
    },
    server::own_document::own_document,
};

const EXAMPLES: &str = "\
Examples:
  hallpass explain                  all operations and what they require
  hallpass explain GET /clients     one request: its credentials, and a curl line
  hallpass explain POST https://auth.example.com/token
  hallpass explain --openapi openapi.yaml GET /orders/7
  git show main:openapi.yaml | hallpass explain --diff - openapi.yaml";

/// Where another service is: its document may not say.
const OTHER_SERVICE: &str = "https://api.example.com";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// The method of one request, as in: explain GET /clients
    #[arg(requires = "path")]
    method: Option<String>,
    /// The path of that request, or its URL
    path: Option<String>,
    /// Explain another service's OpenAPI file, JSON or YAML; `-` is stdin. Needs no settings
    #[arg(long, value_name = "FILE")]
    openapi: Option<String>,
    /// As JSON: a list of method, path, access and alternatives
    #[arg(long)]
    json: bool,
    /// Every operation against every kind of caller, as a Markdown table
    #[arg(long, conflicts_with_all = ["method", "json"])]
    matrix: bool,
    /// Show whose protection changed between two OpenAPI files, one of which may be `-`: exit code 1 where something is
    /// weaker, 2 where a file cannot be read
    #[arg(
        long,
        num_args = 2,
        value_names = ["OLD", "NEW"],
        conflicts_with_all = ["method", "openapi", "json", "matrix"]
    )]
    diff: Option<Vec<String>>,
    #[command(flatten)]
    bind: BindFlag,
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let raw = self.bind.apply(RawSettings::gather());
        if let Some([old, new]) = self.diff.as_deref() {
            return diff(&raw, old, new);
        }
        let (policy, base_url) = match &self.openapi {
            Some(file) => (read(file, &options(&raw)?)?, OTHER_SERVICE.to_owned()),
            None => own_policy(&raw)?,
        };
        let mut out = std::io::stdout().lock();
        let (Some(method), Some(path)) = (&self.method, &self.path) else {
            let is_styled = is_styled(&out);
            let text = match () {
                () if self.json => json(policy.operations()),
                () if self.matrix => matrix::markdown(&policy),
                () => with_bold_head(explanation::table(&policy), is_styled),
            };
            write!(out, "{text}")?;
            return Ok(ExitCode::SUCCESS);
        };
        let issuer = raw.text("HALLPASS_ISSUER").filter(|_| self.openapi.is_none());
        let (method, path) = (method.to_ascii_uppercase(), path_of(path, issuer));
        let (status, why) = match policy.look_up(&method, &path) {
            Lookup::Operation(operation) => {
                let text = match self.json {
                    true => json(std::iter::once(operation)),
                    false => explanation::details(operation, &base_url),
                };
                write!(out, "{text}")?;
                return Ok(ExitCode::SUCCESS);
            }
            Lookup::MethodNotAllowed { allow } => {
                (405, format!("this path takes {}.", printable(allow)))
            }
            Lookup::NotFound => (404, no_such_path(&policy, &method, &path)),
        };
        let behind_a_proxy = if self.openapi.is_some() { " (by /verify with 403)" } else { "" };
        let request = printable(&format!("{method} {path}"));
        let line =
            format!("{request} is refused with {status} to everybody{behind_a_proxy}: {why}");
        // If stdout is closed, the exit code still tells.
        let _ = match self.json {
            true => writeln!(out, "[]").and_then(|()| writeln!(std::io::stderr(), "{line}")),
            false => writeln!(out, "{line}"),
        };
        Ok(ExitCode::FAILURE)
    }
}

/// Trailing slashes are compared exactly; frameworks that redirect between the two forms hide the difference.
fn no_such_path(policy: &Policy, method: &str, path: &str) -> String {
    let (other, difference) = match path.strip_suffix('/') {
        Some(shorter) => (shorter.to_owned(), "without the slash at the end"),
        None => (format!("{path}/"), "with a slash at the end"),
    };
    match policy.look_up(method, &other) {
        Lookup::NotFound => {
            "the document has no such path; without a path, `hallpass explain` shows all."
                .to_owned()
        }
        _ => format!("the document has this path only {difference}."),
    }
}

/// Our own policy, and where it is served.
fn own_policy(raw: &RawSettings) -> Result<(Policy, String), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let base_url = diagnostics.keep(Settings::expected_base_url(raw));
    let settings = diagnostics.keep(DocumentSettings::resolve(raw));
    let (Some(base_url), Some(settings)) = (base_url, settings) else { return Err(diagnostics) };
    Ok((own_document(&settings, &[])?.1, base_url))
}

/// How the documents of other services are read. Other settings may be missing or wrong.
fn options(raw: &RawSettings) -> Result<CompileOptions, Diagnostics> {
    let reading = DocumentReading::resolve(raw)?;
    Ok(CompileOptions::configured(&reading, DocumentSettings::cookie_name(raw)))
}

fn json<'p>(operations: impl Iterator<Item = &'p Operation>) -> String {
    let text = format!("{:#}", explanation::json(operations));
    // JSON leaves some control characters as they are; in its strings the escapes mean the same.
    text.lines().map(|line| printable(line) + "\n").collect()
}

/// A line for each change. Whatever keeps it from comparing is wrong usage: 1 means that something is weaker.
fn diff(raw: &RawSettings, old: &str, new: &str) -> anyhow::Result<ExitCode> {
    let mut diagnostics = Diagnostics::default();
    if old == "-" && new == "-" {
        let what = "is both OLD and NEW; give one of the two as a file";
        diagnostics.push(Diagnostic::new("stdin", what));
    }
    let options = diagnostics.keep(options(raw)).filter(|_| diagnostics.is_empty());
    let mut read = |file| diagnostics.keep(read(file, options.as_ref()?));
    let (Some(old), Some(new)) = (read(old), read(new)) else {
        writeln!(std::io::stderr(), "{diagnostics}")?;
        return Ok(ExitCode::from(2));
    };
    let changes = diff::changes(&old, &new);
    let mut out = std::io::stdout().lock();
    for change in &changes {
        // If stdout is closed, the exit code still tells.
        let _ = writeln!(out, "{change}");
    }
    let is_weaker = changes.iter().any(Change::is_weaker);
    Ok(if is_weaker { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The path in what people paste: a URL, a path with a query, or one without its slash. The issuer may have a path that
/// a proxy takes away.
fn path_of(text: &str, issuer: Option<&str>) -> String {
    let behind = issuer.and_then(|issuer| text.strip_prefix(issuer.trim_end_matches('/')));
    let text = behind.filter(|path| path.starts_with('/')).unwrap_or(text);
    let host_and_path = match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => Some(rest),
        // `localhost:8080/clients`
        _ => text.split('/').next().filter(|host| host.contains(':')).map(|_| text),
    };
    let path = match host_and_path {
        Some(rest) => rest.find(['/', '?', '#']).map_or("", |at| rest.split_at(at).1),
        None => text,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("/{}", path.strip_prefix('/').unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_pasted_url_is_looked_up() {
        for (text, path) in [
            ("/clients", "/clients"),
            ("clients", "/clients"),
            ("/clients?limit=1#x", "/clients"),
            ("http://localhost:8080/clients?limit=1", "/clients"),
            ("localhost:8080/clients", "/clients"),
            ("/a:b/c", "/a:b/c"),
            ("https://auth.example.com", "/"),
            ("https://auth.example.com?x=/clients", "/"),
            ("https://[::1]:8080/a/b/", "/a/b/"),
            ("//clients", "//clients"),
            ("", "/"),
            ("/a?next=http://x/b", "/a"),
        ] {
            assert_eq!(path_of(text, None), path, "{text}");
            assert_eq!(path_of(text, Some("https://other.example/auth")), path, "{text}");
        }
        for (text, path) in [
            ("https://a.example/auth/clients?x", "/clients"),
            ("https://a.example/author", "/author"),
            ("/auth/clients", "/auth/clients"),
        ] {
            assert_eq!(path_of(text, Some("https://a.example/auth/")), path, "{text}");
        }
    }
}
