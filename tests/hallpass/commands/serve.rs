//! `hallpass serve`: start, first lines on stdout, exit.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::Stdio,
};

use super::{SECRET, TAIL};
use crate::support::{
    folder::Folder,
    running_service::{RunningService, end_of, signal},
};

#[test]
fn serve_without_a_roster_fails_and_names_init() {
    let folder = Folder::new();
    let outcome = folder.run_with(&[SECRET], "serve --bind 127.0.0.1:0").failure();
    outcome.stderr_contains(&["roster.toml: ", "`hallpass init`"]);
    assert!(folder.names().is_empty());
}

#[test]
fn dev_prints_address_key_and_curl_commands_and_writes_no_file() {
    let folder = Folder::new();
    let mut service = RunningService::start(&folder, "serve --dev --bind 127.0.0.1:0");
    let address = service.address.clone();
    let second = service.line();
    let key = second.strip_prefix("api key: ").expect("the key is next").trim_end();
    assert_eq!(service.line(), format!("swagger ui: {address}/docs/\n"));
    let lines: Vec<_> = std::iter::repeat_with(|| service.line()).take(7).collect();
    let curls: Vec<_> = lines.iter().filter(|line| line.contains("curl ")).collect();
    assert!(curls.len() >= 3 && curls.iter().all(|line| line.contains(&address)), "{lines:?}");
    assert!(curls[0].contains(key) && curls[0].contains("/login"), "{lines:?}");

    let mut answer = ureq::post(format!("{address}/login"))
        .header("X-API-Key", key)
        .send_empty()
        .expect("the printed key logs in");
    let body = answer.body_mut().read_to_string().unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["roles"], serde_json::json!(["admin", "reader"]));
    let token = format!("Bearer {}", body["access_token"].as_str().unwrap());
    let clients = ureq::get(format!("{address}/clients")).header("Authorization", token);
    assert_eq!(clients.call().unwrap().status(), 200);
    assert_eq!(ureq::get(format!("{address}/docs/")).call().unwrap().status(), 200);

    assert!(folder.names().is_empty(), "while it runs: {:?}", folder.names());
    assert_eq!(service.stop_with("INT").code(), Some(0));
    assert!(folder.names().is_empty(), "afterwards: {:?}", folder.names());
}

#[test]
fn the_curl_commands_of_dev_work_in_a_shell() {
    let has_curl = std::process::Command::new("curl").arg("--version").output();
    if has_curl.is_err() {
        return;
    }
    let folder = Folder::new();
    let mut service = RunningService::start(&folder, "serve --dev --bind 127.0.0.1:0");
    let lines: Vec<_> = std::iter::repeat_with(|| service.line()).take(9).collect();
    let script: String = lines.iter().filter(|line| line.contains("curl ")).cloned().collect();
    let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains(r#""sub":"demo""#), "{script}\n{stdout}");
    assert!(!stdout.contains("\"status\":4"), "{script}\n{stdout}");
}

#[test]
fn two_dev_services_have_different_keys() {
    let folder = Folder::new();
    let line = "serve --dev --bind 127.0.0.1:0";
    let keys = [0, 1].map(|_| RunningService::start(&folder, line).line());
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn dev_listens_on_loopback_only_unless_told_otherwise() {
    let flag = |bind: &str| format!("serve --dev --bind {bind}");
    for bind in ["0.0.0.0:0", "[::]:0", "[::ffff:0.0.0.0]:0", "192.0.2.1:8080", "10.0.0.1:0"] {
        let environment = [("HALLPASS_BIND", bind)];
        let env = format!("HALLPASS_BIND={bind}\n");
        for (env, environment, line, location) in [
            ("", &[][..], &*flag(bind), "--bind: "),
            ("", &environment, "serve --dev", "environment: "),
            (&*env, &[], "serve --dev", ".env:1: "),
        ] {
            let folder = Folder::new();
            folder.write(".env", env);
            let outcome = folder.run_with(environment, line).failure();
            outcome.stderr_contains(&[location, "HALLPASS_BIND", "--dev-anywhere"]);
        }
    }
    let folder = Folder::new();
    for bind in ["127.0.0.1:0", "127.9.9.9:0", "[::ffff:127.0.0.1]:0"] {
        RunningService::start(&folder, &flag(bind));
    }
    RunningService::start(&folder, "serve --dev --dev-anywhere --bind 0.0.0.0:0");
    let both = folder.run_with(&[("HALLPASS_DOCS", "maybe")], &flag("0.0.0.0:0")).failure();
    both.stderr_contains(&["--dev-anywhere", "HALLPASS_DOCS"]);
    let folder = Folder::with_roster("");
    folder.run_with(&[SECRET], "serve --dev-anywhere --bind 127.0.0.1:0").usage_error();
}

#[test]
fn a_port_in_use_is_refused_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = Folder::with_roster("");
    for dev in ["--dev", ""] {
        let outcome = folder.run_with(&[SECRET], &format!("serve {dev} --bind {address}"));
        outcome.failure().stderr_contains(&["cannot listen", &address, "--bind 127.0.0.1:0"]);
    }
}

#[test]
fn a_metrics_port_in_use_is_refused_before_serving() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let environment = [SECRET, ("HALLPASS_METRICS_BIND", &address)];
    let outcome = Folder::with_roster("").run_with(&environment, "serve --bind 127.0.0.1:0");
    let shown = format!("cannot show metrics on {address}");
    outcome.failure().stderr_contains(&[&shown, "HALLPASS_METRICS_BIND", "127.0.0.1:0"]);
}

#[test]
fn a_roster_with_which_nobody_can_log_in_is_warned_about() {
    let user = format!("[users.alice]\npassword = '$2b$12${TAIL}'\n");
    let disabled = format!("{user}disabled = true\n");
    for (roster, is_warned) in [("", true), (&*user, false), (&disabled, true)] {
        let folder = Folder::with_roster(roster);
        let mut serve = folder.command("serve --bind 127.0.0.1:0");
        serve.envs([SECRET, ("HALLPASS_STATE", "memory")]);
        let log = RunningService::spawn(&mut serve).stop_and_read_stderr();
        assert_eq!(log.contains("holds no usable API key"), is_warned, "{log}");
    }
}

#[test]
fn repeated_warnings_are_cut_and_counted() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let line = format!("serve --bind {}", taken.local_addr().unwrap());
    for (users, more) in [(20, None), (25, Some("and 5 more warnings: `hallpass check` shows all"))]
    {
        let user = |n: usize| format!("[users.u{n}]\npassword = '$2b$04${TAIL}'\n");
        let folder = Folder::with_roster(&(0..users).map(user).collect::<String>());
        let outcome = folder.run_with(&[SECRET], &line).failure();
        let warnings = outcome.err.lines().filter(|line| line.contains("has the bcrypt cost 4"));
        assert_eq!(warnings.count(), 20, "{outcome:?}");
        let last = outcome.err.lines().find(|line| line.contains("more warnings"));
        assert_eq!(last.map(|line| line.ends_with(more.unwrap_or("-"))), more.map(|_| true));
        let shown = folder.run_with(&[SECRET], "check").success().out;
        assert_eq!(shown.lines().filter(|line| line.contains("(a warning)")).count(), users);
    }
}

#[test]
fn a_malformed_address_is_refused_with_an_example() {
    let folder = Folder::with_roster("");
    for bind in ["8080", "localhost", "127.0.0.1", "127.0.0.1:65536", "999.1.1.1:1", "[::1:80"] {
        for dev in ["--dev", ""] {
            let outcome = folder.run_with(&[SECRET], &format!("serve {dev} --bind {bind}"));
            outcome.failure().stderr_contains(&["--bind: ", bind, "127.0.0.1:8080"]);
        }
    }
    folder.run("serve --bind").usage_error();
}

#[test]
fn a_signal_right_after_the_first_line_exits_with_code_0() {
    let folder = Folder::new();
    for name in ["TERM", "INT", "TERM", "INT"] {
        let mut service = RunningService::start(&folder, "serve --dev --bind 127.0.0.1:0");
        assert_eq!(service.stop_with(name).code(), Some(0), "SIG{name}");
    }
}

#[test]
fn serve_keeps_running_when_stdout_is_closed() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let folder = Folder::new();
    let mut command = folder.command("serve --dev --bind 127.0.0.1:0");
    // The first line on stdout cannot be read, so the address comes from actix' log.
    command.env("HALLPASS_LOG", "info,actix_server=info");
    let mut child = command.stdout(Stdio::from(writer)).spawn().unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let mut lines = log.lines().map(Result::unwrap);
    let address = lines.find_map(|line| Some(line.split_once("listening on: ")?.1.to_owned()));
    let address = address.expect("it listens");
    let answer = ureq::get(format!("http://{address}/health/live")).call().unwrap();
    assert_eq!(answer.status(), 200);
    signal(&child, "TERM");
    let rest = std::thread::spawn(move || lines.count());
    assert_eq!(end_of(&mut child).code(), Some(0));
    rest.join().unwrap();
}
