//! What operators watch: warnings of what expires, metrics of followed files, alerts and the dashboard, trace ids.

use std::{collections::BTreeSet, fmt::Write, fs, path::Path};

use jiff::{Timestamp, ToSpan, civil::Date};
use serde_json::Value;

use crate::{
    metrics::{ON, scrape},
    support::{
        accounts::{Accounts, key_id},
        folder::Folder,
        metrics_text::Scrape,
        running_service::RunningService,
        server::{Server, eventually, program},
    },
    tls::Pair,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn today() -> Date {
    Timestamp::now().to_string()[..10].parse().unwrap()
}

#[test]
fn what_expires_within_a_week_is_warned_about_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let today = today();
    let (soon, later) = (Pair::until(today + 5.days()), Pair::until(today + 9.days()));
    soon.write(directory.path());
    let files = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
    let files = files.each_ref().map(|file| file.to_str().unwrap());
    fs::write(files[0], soon.certificate.clone() + &later.certificate).unwrap();
    let server =
        Server::start_with(&[("HALLPASS_TLS_CERT", files[0]), ("HALLPASS_TLS_KEY", files[1])]);
    let log = server.log_until("the warnings", |log| log.contains("of soon expires in "));
    let warnings: Vec<_> =
        log.lines().filter(|line| line.contains(" WARN ") && line.contains("expire")).collect();
    let certificate = format!("{}:1: the certificate expires in 4d", files[0]);
    let key = format!("API key {} of soon expires in ", key_id(server.accounts.key("soon")));
    assert_eq!(warnings.len(), 2, "{log}");
    assert!(warnings[0].contains(&certificate), "{}", warnings[0]);
    assert!(warnings[1].contains(&key), "{}", warnings[1]);
    assert!(warnings[1].contains("`hallpass key rotate soon`"), "{}", warnings[1]);
}

#[test]
fn the_warnings_of_many_keys_are_a_bounded_number_of_lines() {
    let mut roster = String::new();
    let hash = Accounts::new().roster;
    let hash = hash.lines().find(|line| line.starts_with("hash = ")).unwrap();
    for number in 0..50 {
        let expires = Timestamp::now() + (number + 1).hours();
        writeln!(
            roster,
            "[clients.c{number}]\n[[clients.c{number}.keys]]\nid = '{number:012}'\n{hash}\n\
             created = 2026-01-01T00:00:00Z\nexpires = {expires:.0}"
        )
        .unwrap();
    }
    let folder = Folder::with_roster(&roster);
    let mut serve = folder.command("serve --bind 127.0.0.1:0");
    let secret = ("HALLPASS_SECRET_KEY", "0123456789abcdefghijABCDEFGHIJ-_.~!");
    let log = fs::File::create(folder.path("log")).unwrap();
    serve.envs([secret, ("HALLPASS_STATE", "memory")]).stderr(log);
    let _service = RunningService::spawn(&mut serve);
    let log = eventually("the last warning", || {
        Some(folder.read("log")).filter(|log| log.contains(" more expire within 7d"))
    });
    assert_eq!(log.matches("API key ").count(), 20, "{log}");
    assert!(log.contains("and 30 more expire within 7d: `hallpass check --expiring 7d`"), "{log}");
    assert!(log.contains(" of c0 expires in ") && log.contains(" of c19 expires in "), "{log}");
}

#[test]
fn metrics_tell_of_followed_files_and_certificates() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let end = today() + 40.days();
    let (first, second) = (Pair::until(end), Pair::until(end + 9.days()));
    first.write(directory.path());
    let policy = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\n";
    fs::write(path("policy.yaml"), policy).unwrap();
    let settings = [
        ("HALLPASS_TLS_CERT", path("cert.pem")),
        ("HALLPASS_TLS_KEY", path("key.pem")),
        ("HALLPASS_POLICY", path("policy.yaml")),
    ];
    let mut settings: Vec<_> = settings.iter().map(|(name, it)| (*name, it.as_str())).collect();
    settings.push(ON);
    let server = Server::start_with(&settings);
    let value = |scrape: &Scrape, name: &str| scrape.value(&format!("hallpass_{name}"), &[]);
    let broken = |scrape: &Scrape| {
        ["tls_broken", "policy_broken", "roster_broken", "degraded"]
            .map(|name| value(scrape, name).unwrap())
    };
    let seconds = |date: Date| {
        let midnight: Timestamp = format!("{date}T00:00:00Z").parse().unwrap();
        Some(midnight.as_second() as f64)
    };
    let fresh = scrape(&server);
    assert_eq!(broken(&fresh), [0.0; 4]);
    let expiry = "tls_certificate_expiry_timestamp_seconds";
    assert_eq!(value(&fresh, expiry), seconds(end));
    let now = Timestamp::now().as_second() as f64;
    let loaded = |scrape: &Scrape, file: &str| {
        value(scrape, &format!("{file}_loaded_timestamp_seconds")).unwrap()
    };
    for file in ["tls", "policy", "roster"] {
        assert!((now - 60.0..=now).contains(&loaded(&fresh, file)), "{file}");
    }

    fs::write(path("cert.pem"), "broken").unwrap();
    fs::write(path("policy.yaml"), "broken").unwrap();
    let both = eventually("both are broken", || {
        Some(scrape(&server)).filter(|scrape| broken(scrape) == [1.0, 1.0, 0.0, 1.0])
    });
    assert_eq!(value(&both, expiry), seconds(end), "of the certificate in use");
    for file in ["tls", "policy"] {
        assert_eq!(loaded(&both, file), loaded(&fresh, file), "{file}");
    }

    second.write(directory.path());
    fs::write(path("policy.yaml"), format!("{policy}# corrected\n")).unwrap();
    let good = eventually("both are good", || {
        Some(scrape(&server)).filter(|scrape| broken(scrape) == [0.0; 4])
    });
    assert_eq!(value(&good, expiry), seconds(end + 9.days()));
    for file in ["tls", "policy"] {
        assert!(loaded(&good, file) > loaded(&fresh, file), "{file}");
    }
}

#[test]
fn metrics_of_files_that_are_not_set_are_absent() {
    let scrape = scrape(&Server::start_with(&[ON]));
    for name in ["tls_broken", "tls_loaded_timestamp_seconds", "policy_loaded_timestamp_seconds"] {
        assert_eq!(scrape.value(&format!("hallpass_{name}"), &[]), None, "{name}");
    }
    let expiry = "hallpass_tls_certificate_expiry_timestamp_seconds";
    assert_eq!(scrape.value(expiry, &[]), None, "an alert would fire for 0");
}

/// The lines of the log about the request with this id, once its access line is there.
fn lines(log: impl Fn() -> String, id: &str) -> Vec<String> {
    eventually("the access line", || {
        let ours: Vec<_> =
            log().lines().filter(|line| line.contains(id)).map(str::to_owned).collect();
        ours.iter().any(|line| line.contains("access")).then_some(ours)
    })
}

#[test]
fn a_traceparent_reaches_access_and_audit_lines() {
    for format in ["text", "json"] {
        let server = Server::start_with(&[("HALLPASS_LOG_FORMAT", format)]);
        let traceparent = format!("00-{TRACE}-{SPAN}-01");
        let anonymous = server.anonymous();
        for (request, status) in [
            (server.key("reader").post("/login"), 200),
            (anonymous.get("/request"), 401),
            (anonymous.get("/nothing"), 404),
        ] {
            let answer = request.header("traceparent", traceparent.as_str()).expect(status);
            let id = answer.header("x-request-id").unwrap();
            let lines = lines(|| server.log(), id);
            assert_eq!(lines.len(), 2, "{lines:?}");
            for line in lines {
                let found = match format {
                    "text" => line.ends_with(&format!(" trace_id={TRACE} span_id={SPAN}")),
                    _ => {
                        let line: Value = serde_json::from_str(&line).unwrap();
                        line["trace_id"] == TRACE && line["span_id"] == SPAN
                    }
                };
                assert!(found, "{line}");
            }
        }
    }
}

#[test]
fn a_missing_or_malformed_traceparent_leaves_no_trace_in_the_log() {
    for format in ["text", "json"] {
        let server = Server::start_with(&[("HALLPASS_LOG_FORMAT", format)]);
        let long = format!("00-{TRACE}-{SPAN}-01{}", "f".repeat(8000));
        let forged = format!("00-{TRACE}-{SPAN}-01 trace_id=planted");
        let upper = format!("00-{}-{SPAN}-01", TRACE.to_uppercase());
        let unknown = format!("ff-{TRACE}-{SPAN}-01");
        for value in ["", "planted", &long, &forged, &upper, &unknown] {
            let answer =
                server.anonymous().get("/request").header("traceparent", value).expect(401);
            let lines = lines(|| server.log(), answer.header("x-request-id").unwrap());
            let text = lines.concat();
            assert!(!text.contains("trace_id") && !text.contains("span_id"), "{text}");
            assert!(!text.contains("planted"), "{text}");
        }
        let good = format!("00-{TRACE}-{SPAN}-01");
        let twice = server.anonymous().get("/request").header("traceparent", good.as_str());
        let answer = twice.header("traceparent", good.as_str()).expect(401);
        let lines = lines(|| server.log(), answer.header("x-request-id").unwrap());
        assert!(!lines.concat().contains("trace_id"), "{lines:?}");
    }
}

fn committed(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The metrics of the program's reference, each with its labels.
fn known_metrics() -> Vec<(String, Vec<String>)> {
    let dir = tempfile::tempdir().unwrap();
    let output = program(dir.path(), &["reference"]).output().unwrap();
    let reference = String::from_utf8(output.stdout).unwrap();
    let rows = reference.split_once("\n## Metrics\n").unwrap().1.lines();
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let rows = rows.filter(|row| row.starts_with("| `hallpass_")).map(cells);
    rows.map(|row| (row[1].trim_matches('`').to_owned(), names(&row[3]))).collect()
}

/// The words of a query: names of metrics, labels and functions. Texts in quotes and durations are none.
fn words(query: &str) -> BTreeSet<String> {
    let code: String = query.split('"').step_by(2).collect();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = code.split(|c| !is_name(c)).filter(|word| word.starts_with(char::is_alphabetic));
    words.map(str::to_owned).collect()
}

/// Fails if a query names a metric that the program does not have, or a label that none of its metrics has.
fn assert_known(query: &str, known: &[(String, Vec<String>)]) {
    let words = words(query);
    let metrics: Vec<_> = words.iter().filter(|word| word.starts_with("hallpass_")).collect();
    let mut labels = BTreeSet::from(["instance", "job", "le"]);
    for metric in &metrics {
        let ends = ["_bucket", "_sum", "_count"].map(|end| metric.strip_suffix(end));
        let names = [Some(metric.as_str())].into_iter().chain(ends).flatten();
        let found = known.iter().find(|(name, _)| names.clone().any(|ours| ours == name));
        let found = found.unwrap_or_else(|| panic!("{metric} is no metric of hallpass: {query}"));
        labels.extend(found.1.iter().map(String::as_str));
    }
    assert!(!metrics.is_empty() || query.contains("up{job"), "{query}");
    let language = [
        "and",
        "by",
        "histogram_quantile",
        "increase",
        "instance",
        "min",
        "max",
        "max_over_time",
        "or",
        "rate",
        "sort",
        "sum",
        "time",
        "topk",
        "up",
        "__rate_interval",
    ];
    for word in words.iter().filter(|word| !metrics.contains(word)) {
        let is_known = labels.contains(word.as_str()) || language.contains(&word.as_str());
        assert!(is_known, "{word} is no label of these metrics: {query}");
    }
}

#[test]
fn alerts_and_dashboard_query_metrics_and_labels_that_exist() {
    let known = known_metrics();
    assert!(known.len() > 20, "{known:?}");
    let alerts: Value = yaml_serde::from_str(&committed("docs/deploy/alerts.yaml")).unwrap();
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    let dashboard: Value = serde_json::from_str(&committed("docs/deploy/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter();
    let queries: Vec<_> =
        rules.iter().chain(targets).map(|rule| rule["expr"].as_str().unwrap()).collect();
    assert!(queries.len() > 25, "{queries:?}");
    queries.iter().for_each(|query| assert_known(query, &known));
    for variable in variables.filter(|variable| variable["type"] == "query") {
        let query = variable["query"].as_str().unwrap().strip_prefix("label_values").unwrap();
        assert_known(query, &known);
    }
    // The manual shows queries too.
    let manual = committed("docs/operations.md");
    let blocks = manual.split("```promql\n").skip(1);
    for query in blocks.flat_map(|block| block.split("```").next().unwrap().lines()) {
        assert_known(query, &known);
    }
    for wrong in ["sum(hallpass_nothing_total)", "sum by (colour) (hallpass_requests_total)"] {
        let refused = std::panic::catch_unwind(|| assert_known(wrong, &known));
        assert!(refused.is_err(), "{wrong}");
    }
}
