//! `hallpass explain`: the policy as a table, or the requirement of one request.

use std::{io::Write, process::ExitCode};

use clap::Args;

use crate::{
    cli::{
        settings_flags::BindFlag,
        terminal::{is_styled, with_bold_head},
    },
    config::{document_settings::DocumentSettings, raw_settings::RawSettings, settings::Settings},
    diagnostics::Diagnostics,
    policy::{compiled::Lookup, explanation},
    server::site::own_document,
};

const EXAMPLES: &str = "\
Examples:
  hallpass explain                  all operations and what they require
  hallpass explain GET /clients     one request: its credentials, and a curl line
  hallpass explain POST https://auth.example.com/token";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    /// The method of one request, as in: explain GET /clients
    #[arg(requires = "path")]
    method: Option<String>,
    /// The path of that request, or its URL
    path: Option<String>,
    #[command(flatten)]
    bind: BindFlag,
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let raw = self.bind.apply(RawSettings::gather());
        let mut diagnostics = Diagnostics::default();
        let base_url = diagnostics.keep(Settings::expected_base_url(&raw));
        let settings = diagnostics.keep(DocumentSettings::resolve(&raw));
        let (Some(base_url), Some(settings)) = (base_url, settings) else { Err(diagnostics)? };
        let (_, policy) = own_document(&settings, &[])?;
        let mut out = std::io::stdout().lock();
        let (Some(method), Some(path)) = (self.method, self.path) else {
            let table = with_bold_head(explanation::table(&policy), is_styled(&out));
            write!(out, "{table}")?;
            return Ok(ExitCode::SUCCESS);
        };
        let (method, path) =
            (method.to_ascii_uppercase(), path_of(&path, raw.text("HALLPASS_ISSUER")));
        let refusal = match policy.look_up(&method, &path) {
            Lookup::Operation(operation) => {
                write!(out, "{}", explanation::details(operation, &base_url))?;
                return Ok(ExitCode::SUCCESS);
            }
            Lookup::MethodNotAllowed { allow } => {
                format!("405 to everybody: this path takes {allow}.")
            }
            Lookup::NotFound => {
                "404 to everybody: the document has no such path; `hallpass explain` shows all."
                    .to_owned()
            }
        };
        // If stdout is closed, the exit code still tells.
        let _ = writeln!(out, "{method} {path} is refused with {refusal}");
        Ok(ExitCode::FAILURE)
    }
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
