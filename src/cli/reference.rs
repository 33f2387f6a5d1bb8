//! `hallpass reference`: prints docs/reference.md, each table from the definitions that the program works with.

use std::{fmt::Write as _, io::Write as _, process::ExitCode};

use clap::{Arg, ArgAction, Command};

use crate::{
    cli::manual,
    config::{
        document_settings::DocumentSettings,
        raw_settings::RawSettings,
        variables::{InApplication, VARIABLES, Variable},
    },
    policy::{
        operation::Operation,
        requirement::{Alternative, Requirement},
    },
    roster::roster::Roster,
    server::{http::code::Code, metrics, own_document::own_document, prepare::prepare_with_roster},
};

/// A key that expires soon has all metrics of keys. The hash is that of no secret.
const ROSTER: &str = r#"
[clients.example]
[[clients.example.keys]]
id = "000000000000"
hash = "$2b$10$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde"
created = 2026-01-01T00:00:00Z
"#;

const INTRODUCTION: &str = "\
# Reference

This page is the output of `hallpass reference`; a test compares them. [The guide](guide.md) and
[operations](operations.md) explain how the parts work together.
";

/// A heading, what has to be known beside the table, and the head of the table.
struct Section {
    title: &'static str,
    notes: &'static str,
    head: &'static [&'static str],
}

const COMMANDS: Section = Section {
    title: "Commands",
    notes: "`hallpass help COMMAND` prints the same, for many commands with examples. `hallpass serve` writes `listening on http://ADDRESS:PORT` \
            as the first line\nto stdout, also with port 0, and its log to stderr.",
    head: &["command", "argument", "meaning"],
};
const EXIT_CODES_SECTION: Section =
    Section { title: "Exit codes", notes: "", head: &["code", "meaning"] };
const SETTINGS: Section = Section {
    title: "Settings",
    notes: "Flags override the environment, the environment overrides `.env`, `.env` overrides the defaults. Everything that\n\
            is wrong is reported at once, before anything listens. Durations are numbers with `s`, `m`, `h` or `d`. The last\n\
            column says whether a variable counts in an application that makes its gate by `Gate::from_env`.",
    head: &["variable", "default", "meaning", "in an application"],
};
const OPERATIONS: Section = Section {
    title: "Operations",
    notes: "`GET /openapi.json` has the bodies and examples. The bodies of `/token`, `/introspect` and `/revoke` are forms; \
            `/login`\ntakes an optional JSON object with `scope`, `expires_in` (seconds, at most the configured lifetime), \
            `audience` and `cookie`.",
    head: &["operation", "credentials", "what it does"],
};
const REFUSALS: Section = Section {
    title: "Refusals",
    notes: "A refusal is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail`, `code` and \
            `request_id`. `/token`,\n`/introspect` and `/revoke` answer in the shape of RFC 6749 §5.2 instead: `error`, \
            from the third column or more specific\n(`invalid_grant`, `unsupported_grant_type`), and `error_description`. \
            What is not HTTP (no `Host`, a head over 128 KiB or\nwith more than 96 headers, a head that takes more than \
            5 seconds) gets a bare 400, 431 or 408 from the parser.",
    head: &["code", "status", "OAuth2 endpoints", "when"],
};
const METRICS: Section = Section {
    title: "Metrics",
    notes: "[Operations](operations.md#metrics) has alerts and queries. Series of an API key exist if it was used since the \
            start or\nexpires within 30 days.",
    head: &["metric", "type", "labels", "meaning"],
};

pub(super) fn run() -> anyhow::Result<ExitCode> {
    write!(std::io::stdout().lock(), "{}", page()?)?;
    Ok(ExitCode::SUCCESS)
}

fn page() -> anyhow::Result<String> {
    let mut text = INTRODUCTION.to_owned();
    let exit_codes = manual::EXIT_CODES.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
    add_section(&mut text, &COMMANDS, commands());
    add_section(&mut text, &EXIT_CODES_SECTION, exit_codes);
    add_section(&mut text, &SETTINGS, settings());
    add_section(&mut text, &OPERATIONS, operations()?);
    add_section(&mut text, &REFUSALS, refusals()?);
    add_section(&mut text, &METRICS, metric_rows()?);
    Ok(text)
}

fn add_section(text: &mut String, section: &Section, rows: Vec<Vec<String>>) {
    let _ = writeln!(text, "\n## {}\n", section.title);
    if !section.notes.is_empty() {
        let _ = writeln!(text, "{}\n", section.notes);
    }
    add_row(text, section.head.iter().copied());
    add_row(text, section.head.iter().map(|_| "---"));
    for row in rows {
        add_row(text, row.iter().map(String::as_str));
    }
}

fn add_row<'c>(text: &mut String, cells: impl Iterator<Item = &'c str>) {
    for cell in cells {
        let _ = write!(text, "| {} ", cell.replace('|', "\\|").replace('\n', " "));
    }
    text.push_str("|\n");
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn commands() -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut hallpass = manual::command();
    hallpass.build();
    add_commands(&mut rows, &hallpass, "hallpass");
    rows
}

fn add_commands(rows: &mut Vec<Vec<String>>, command: &Command, name: &str) {
    let visible = |command: &&Command| !command.is_hide_set() && command.get_name() != "help";
    let mut subcommands = command.get_subcommands().filter(visible).peekable();
    if subcommands.peek().is_none() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        rows.push(vec![code(name), String::new(), about]);
        let own = |argument: &&Arg| !matches!(argument.get_id().as_str(), "help" | "version");
        for argument in command.get_arguments().filter(own) {
            rows.push(vec![String::new(), code(&usage(argument)), meaning(argument)]);
        }
    }
    for subcommand in subcommands {
        add_commands(rows, subcommand, &format!("{name} {}", subcommand.get_name()));
    }
}

fn usage(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default().join(" ");
    let again = if matches!(argument.get_action(), ArgAction::Append) { "..." } else { "" };
    match argument.get_long() {
        Some(long) if argument.get_action().takes_values() => format!("--{long} {names}{again}"),
        Some(long) => format!("--{long}"),
        None => format!("{names}{again}"),
    }
}

fn meaning(argument: &Arg) -> String {
    let mut text = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let values = argument.get_possible_values();
    if argument.get_action().takes_values() && !values.is_empty() {
        let names: Vec<_> = values.iter().map(|value| code(value.get_name())).collect();
        let _ = write!(text, ": {}", names.join(" or "));
    }
    let defaults = argument.get_default_values().iter();
    for default in defaults.filter(|_| argument.get_action().takes_values()) {
        let _ = write!(text, " (default `{}`)", default.to_string_lossy());
    }
    text
}

fn settings() -> Vec<Vec<String>> {
    let row = |variable: &Variable| {
        let in_application = match variable.in_application {
            InApplication::Counts => "yes".to_owned(),
            InApplication::AskedBy(method) => format!("by {}", code(method)),
            InApplication::HasNoEffect(instead) => format!("no: {instead}"),
        };
        vec![
            code(variable.name),
            variable.default.map(code).unwrap_or_default(),
            variable.about.to_owned(),
            in_application,
        ]
    };
    VARIABLES.iter().map(row).collect()
}

fn operations() -> anyhow::Result<Vec<Vec<String>>> {
    let settings = DocumentSettings::resolve(&RawSettings::default())?;
    let (_, policy) = own_document(&settings, &[])?;
    let row = |operation: &Operation| {
        let summary = operation.summary.clone();
        vec![
            code(&format!("{} {}", operation.method, operation.path)),
            credentials(&operation.requirement),
            summary.unwrap_or_else(|| "Show the document".to_owned()),
        ]
    };
    Ok(policy.operations().map(row).collect())
}

fn credentials(requirement: &Requirement) -> String {
    match requirement {
        Requirement::Public => "public".to_owned(),
        Requirement::Denied => "denied".to_owned(),
        Requirement::AnyOf(alternatives) => {
            alternatives.iter().map(alternative).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn alternative(alternative: &Alternative) -> String {
    if alternative.is_anonymous() {
        return "anonymous".to_owned();
    }
    let demands = alternative.demands.iter().map(|demand| {
        let roles = demand.roles.iter().map(|role| role.as_str());
        let needed: Vec<_> =
            roles.chain(demand.scopes.iter().map(|scope| scope.as_str())).collect();
        let name = code(&demand.scheme.name);
        if needed.is_empty() { name } else { format!("{name} with `{}`", needed.join(" ")) }
    });
    demands.collect::<Vec<_>>().join(" and ")
}

fn refusals() -> anyhow::Result<Vec<Vec<String>>> {
    let word = |value: serde_json::Value| code(value.as_str().unwrap_or_default());
    let row = |refusal: &Code| {
        Ok(vec![
            word(serde_json::to_value(refusal)?),
            refusal.status().as_u16().to_string(),
            word(serde_json::to_value(refusal.as_oauth())?),
            refusal.meaning().to_owned(),
        ])
    };
    Code::ALL.iter().map(row).collect()
}

fn metric_rows() -> anyhow::Result<Vec<Vec<String>>> {
    let mut raw = RawSettings::default();
    raw.set("HALLPASS_SECRET_KEY", &"0".repeat(64), "reference");
    raw.set("HALLPASS_STATE", "memory", "reference");
    let soon = jiff::Timestamp::now().saturating_add(std::time::Duration::from_secs(60))?;
    let roster = Roster::parse(&format!("{ROSTER}expires = {soon}\n"), "reference");
    let context = prepare_with_roster(&raw, roster)?.into_context("http://localhost")?;
    let mut metrics = metrics::describe(&context)?;
    metrics.sort_by(|a, b| a.name.cmp(&b.name));
    let row = |metric: metrics::MetricDescription| {
        let labels: Vec<_> = metric.labels.iter().map(|label| code(label)).collect();
        vec![code(&metric.name), metric.kind, labels.join(", "), metric.help]
    };
    Ok(metrics.into_iter().map(row).collect())
}
