//! The log on stderr: when lines are written, in which order and format.

use std::{
    fs::{self, File},
    io,
    process::Stdio,
    thread,
};

use serde_json::Value;

use crate::support::{
    folder::Folder,
    running_service::{RunningService, agent},
};

/// A `serve --dev` that logs to the file `log`.
struct LoggedService {
    folder: Folder,
    service: RunningService,
    key: String,
}

impl LoggedService {
    fn with(settings: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        let mut command = folder.command("serve --dev --bind 127.0.0.1:0");
        command.envs(settings.iter().copied());
        command.stderr(File::create(folder.path("log")).unwrap());
        let mut service = RunningService::spawn(&mut command);
        let key = service.line().trim_end().replace("api key: ", "");
        Self { folder, service, key }
    }

    /// The log so far.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path("log")).unwrap()
    }

    /// The status of the answer to a GET.
    fn get(&self, path: &str) -> u16 {
        status_of(&format!("{}{path}", self.service.address))
    }

    fn login(&self) -> u16 {
        let login = ureq::post(format!("{}/login", self.service.address));
        login.header("X-API-Key", &self.key).send_empty().unwrap().status().as_u16()
    }

    /// Stops the service and returns the whole log.
    fn log_at_the_end(mut self) -> String {
        assert_eq!(self.service.stop_with("TERM").code(), Some(0));
        self.log()
    }
}

/// The status of the answer to a GET.
fn status_of(address: &str) -> u16 {
    agent().get(address).call().unwrap().status().as_u16()
}

#[test]
fn audit_lines_are_written_before_the_answer_is_sent() {
    let logged = LoggedService::with(&[]);
    for _ in 0..5 {
        assert_eq!(logged.get("/nothing"), 404);
        assert_eq!(logged.login(), 200);
        let log = logged.log();
        // Its own access line may follow later; those of earlier requests come first.
        let last =
            log.rsplit_once(" audit login sub=demo ").expect("the audit line of the login").0;
        assert!(last.contains(" access GET /nothing 404 "), "{log}");
        let accesses = last.matches(" access ").count();
        assert_eq!(accesses, last.matches(" audit refused GET /nothing ").count() * 2 - 1, "{log}");
    }
}

#[test]
fn the_last_access_line_is_written_before_the_exit() {
    for format in ["text", "json"] {
        // Lines that are flushed at once would flush the access line too.
        let only = ("HALLPASS_LOG", "access=info");
        let logged = LoggedService::with(&[("HALLPASS_LOG_FORMAT", format), only]);
        assert_eq!(logged.get("/health/live"), 200);
        let log = logged.log_at_the_end();
        assert_eq!(log.matches("/health/live").count(), 1, "{log}");
    }
}

#[test]
fn every_line_of_a_json_log_is_an_object() {
    let logged = LoggedService::with(&[("HALLPASS_LOG_FORMAT", "json"), ("HALLPASS_LOG", "debug")]);
    assert_eq!(logged.login(), 200);
    assert_eq!(logged.get("/%22%0a%1b?api_key=x"), 404);
    let key_id = logged.key[3..15].to_owned();
    let log = logged.log_at_the_end();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        for name in ["time", "level", "target", "message"] {
            assert!(line[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {line}");
        }
        let time: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
        assert!(time <= jiff::Timestamp::now(), "{line}");
    }
    let one = |target: &str, member: &str, value: &str| {
        let mut found = lines.iter().filter(|line| line["target"] == target);
        found.find(|line| line[member] == value).unwrap_or_else(|| panic!("{value}: {log}"))
    };
    let login = one("audit", "event", "login");
    assert_eq!((&login["sub"], &login["scheme"]), (&"demo".into(), &"apiKey".into()));
    assert_eq!((&login["key_id"], &login["peer"]), (&key_id.into(), &"127.0.0.1".into()));
    assert!(login["jti"].is_string() && login["level"] == "INFO", "{login}");
    let refused = one("audit", "event", "refused");
    assert_eq!((&refused["code"], &refused["method"]), (&"not_found".into(), &"GET".into()));
    assert!(refused.get("key_id").is_none() && refused["path"] == "/%22%0a%1b", "{refused}");
    for (path, status, audit) in [("/login", 200, login), ("/%22%0a%1b", 404, refused)] {
        let access = one("access", "path", path);
        assert_eq!((&access["status"], &access["peer"]), (&status.into(), &"127.0.0.1".into()));
        assert_eq!(access["request_id"], audit["request_id"]);
        assert!(access["duration_ms"].as_f64().is_some_and(|time| time > 0.0), "{access}");
    }
}

#[test]
fn errors_at_the_start_are_lines_of_a_json_log() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let (json, secret) = (("HALLPASS_LOG_FORMAT", "json"), super::SECRET);
    for (environment, env, roster, parts) in [
        (
            &[json, ("HALLPASS_DOCS", "maybe")][..],
            "foo bar\n",
            "",
            &["HALLPASS_DOCS", "SECRET_KEY", ".env:1"][..],
        ),
        (
            &[("HALLPASS_LOG", "off")],
            "HALLPASS_LOG_FORMAT=json\n",
            "rolls = 1\n",
            &["roster.toml:1: "],
        ),
        (&[json, secret], "HALLPASS_DOCS\n", "", &[".env:1: "]),
        (&[json, secret, ("HALLPASS_BIND", &taken)], "", "", &["cannot listen"]),
        (&[json, secret, ("HALLPASS_METRICS_BIND", &taken)], "", "", &["cannot show metrics"]),
    ] {
        let folder = Folder::with_roster(roster);
        folder.write(".env", env);
        let mut serve = vec![("HALLPASS_BIND", "127.0.0.1:0"), ("HALLPASS_STATE", "memory")];
        serve.extend(environment);
        let outcome = folder.run_with(&serve, "serve").failure();
        let lines: Vec<Value> =
            outcome.err.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        for part in parts {
            let found = lines.iter().find(|line| line["message"].as_str().unwrap().contains(part));
            let level = if *part == ".env:1" { "WARN" } else { "ERROR" };
            assert_eq!(found.unwrap_or_else(|| panic!("{part}: {lines:?}"))["level"], level);
        }
    }
}

#[test]
fn filters_apply_to_access_and_audit_lines() {
    for (filter, access, audit) in [
        ("info,access=off", false, true),
        ("info,audit=off", true, false),
        ("info,access=warn,audit=error", false, false),
        ("off", false, false),
    ] {
        let logged = LoggedService::with(&[("HALLPASS_LOG", filter)]);
        assert_eq!(logged.login(), 200);
        assert_eq!(logged.get("/request"), 401);
        let log = logged.log_at_the_end();
        assert_eq!(log.contains(" access "), access, "{filter}:\n{log}");
        assert_eq!(log.contains(" audit "), audit, "{filter}:\n{log}");
        assert_eq!(log.contains("told to stop"), filter != "off", "{filter}:\n{log}");
    }
}

#[test]
fn a_blocked_log_drops_and_counts_lines_instead_of_blocking_requests() {
    // Lines that any peer can cause. The last request writes an access line only.
    for (filter, line, more) in
        [("info,audit=off", " access GET /", 1), ("info,access=off", " audit refused GET /", 0)]
    {
        let folder = Folder::new();
        let mut command = folder.command("serve --dev --bind 127.0.0.1:0");
        command.env("HALLPASS_LOG", filter).stderr(Stdio::piped());
        let mut service = RunningService::spawn(&mut command);
        let address = format!("{}/{}", service.address, "x".repeat(8_000));
        let asked = 400;
        for _ in 0..asked {
            assert_eq!(status_of(&address), 404);
        }
        let stderr = service.stderr();
        let log = thread::spawn(move || io::read_to_string(stderr).unwrap());
        // Requests are still answered.
        assert_eq!(status_of(&format!("{}/health/live", service.address)), 200);
        assert_eq!(service.stop_with("TERM").code(), Some(0));
        let log = log.join().unwrap();
        let written = log.matches(line).count();
        let losses = log.lines().filter(|line| line.contains(" lines were dropped"));
        let number =
            |line: &str| line.split(' ').find_map(|word| word.parse::<usize>().ok()).unwrap();
        let lost: usize = losses.clone().map(number).sum();
        assert!(lost > 0 && written + lost == asked + more, "{written} written, {lost} lost");
        assert!(losses.into_iter().all(|line| line.contains(" WARN ")));
    }
}
