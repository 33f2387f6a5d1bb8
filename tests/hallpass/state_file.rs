//! Revocations survive kill -9, a full disk and a second process. Only answers of the service are looked at.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::support::{
    api_key::ApiKey,
    running_service::{RunningService, send},
    server::eventually,
};

/// A directory with a roster, and the key of its one client.
struct ServiceDir {
    dir: TempDir,
    key: String,
}

impl ServiceDir {
    fn new() -> Self {
        let key = ApiKey::generate();
        let dir = tempfile::tempdir().unwrap();
        let roster = format!("[clients.billing]\n{}", key.entry("billing"));
        fs::write(dir.path().join("roster.toml"), roster).unwrap();
        Self { dir, key: key.as_str().to_owned() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The issuer is set, because a restart binds another port and tokens must stay valid.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HALLPASS_SECRET_KEY", "a secret of the tests, 32 bytes and more")
            .env("HALLPASS_ISSUER", "http://issuer.test")
            .stderr(Stdio::null());
        command
    }

    fn hallpass(&self, arguments: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_hallpass"), arguments)
    }

    fn serve(&self) -> Service {
        Service::start(self.hallpass(&["serve", "--bind", "127.0.0.1:0"]))
    }

    /// Runs a command to its end.
    fn run(&self, arguments: &[&str]) -> Output {
        self.hallpass(arguments).stderr(Stdio::piped()).output().unwrap()
    }
}

/// A running service; dropping it sends SIGKILL.
struct Service(RunningService);

impl Service {
    fn start(mut command: Command) -> Self {
        Self(RunningService::spawn(command.stdout(Stdio::piped())))
    }

    fn login(&self, key: &str) -> String {
        let url = format!("{}/login", self.0.address);
        let (status, body) = send("POST", &url, ("X-API-Key", key)).unwrap();
        assert_eq!(status, 200, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    fn logout(&self, token: &str) -> (u16, String) {
        logout(&self.0.address, token).unwrap()
    }

    /// Waits until the service says that it is `ok` or `degraded`.
    fn wait_until(&self, status: &str) {
        eventually(status, || {
            let url = format!("{}/health/ready", self.0.address);
            let (_, body) = send("GET", &url, ("Accept", "*/*")).unwrap();
            body.contains(&format!("\"{status}\"")).then_some(())
        });
    }

    /// Whether the token is accepted; any other refusal than `invalid_token` fails the test.
    fn accepts(&self, token: &str) -> bool {
        let (url, bearer) = (format!("{}/request", self.0.address), format!("Bearer {token}"));
        let (status, body) = send("GET", &url, ("Authorization", &bearer)).unwrap();
        assert!(status == 200 || status == 401 && body.contains("\"invalid_token\""), "{body}");
        status == 200
    }
}

fn logout(address: &str, token: &str) -> Result<(u16, String), ureq::Error> {
    let (url, bearer) = (format!("{address}/logout"), format!("Bearer {token}"));
    send("POST", &url, ("Authorization", &bearer))
}

#[test]
fn an_answered_logout_survives_kill_9() {
    let dir = ServiceDir::new();
    let mut service = dir.serve();
    let control = service.login(&dir.key);
    for round in 0..30 {
        let token = service.login(&dir.key);
        assert!(service.accepts(&token));
        assert_eq!(service.logout(&token).0, 200);
        drop(service);
        service = dir.serve();
        assert!(!service.accepts(&token), "round {round}");
        assert!(service.accepts(&control), "round {round}");
    }
}

#[test]
fn every_answered_logout_survives_a_kill_during_others() {
    let dir = ServiceDir::new();
    for answers in 1..=8 {
        let service = dir.serve();
        let tokens: Vec<_> = (0..12).map(|_| service.login(&dir.key)).collect();
        let (sender, answered) = mpsc::channel();
        let threads: Vec<_> = tokens
            .into_iter()
            .map(|token| {
                let (sender, address) = (sender.clone(), service.0.address.clone());
                thread::spawn(move || {
                    if matches!(logout(&address, &token), Ok((200, _))) {
                        sender.send(token).unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let mut ended: Vec<_> = answered.iter().take(answers).collect();
        drop(service);
        for thread in threads {
            thread.join().unwrap();
        }
        ended.extend(answered.iter());
        assert!(ended.len() >= answers);
        let service = dir.serve();
        for token in &ended {
            assert!(!service.accepts(token), "one of {} answered", ended.len());
        }
    }
}

/// A limit on the size of files simulates a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_logout_on_a_full_disk_fails_and_is_stored_later() {
    let dir = ServiceDir::new();
    let line =
        format!("trap '' XFSZ; exec {} serve --bind 127.0.0.1:0", env!("CARGO_BIN_EXE_hallpass"));
    let mut command = dir.command("sh", &["-c", &line]);
    command.stderr(Stdio::piped());
    let service = Service::start(command);
    let limit = |bytes: &str| {
        let pid = service.0.id().to_string();
        let limit = ["--pid", &pid, &format!("--fsize={bytes}:unlimited")];
        assert!(Command::new("prlimit").args(limit).status().unwrap().success());
    };
    let (first, second) = (service.login(&dir.key), service.login(&dir.key));
    limit("0");
    let (status, body) = service.logout(&first);
    assert_eq!(status, 500, "{body}");
    assert!(body.contains("\"internal_error\"") && !body.contains("redb"), "{body}");
    assert!(!service.accepts(&first), "it is refused nevertheless");
    limit("unlimited");
    assert_eq!(service.logout(&second).0, 200);
    let log = service.0.stop_and_read_stderr();
    let told = log.lines().find(|line| line.contains(" refused POST /logout ")).expect(&log);
    for part in [" ERROR audit ", "a restart would forget it", "hallpass.redb", "make room"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let service = dir.serve();
    assert!(!service.accepts(&first) && !service.accepts(&second));
}

#[test]
fn the_last_use_of_a_key_survives_kill_9() {
    let dir = ServiceDir::new();
    let admin = ApiKey::generate();
    let roster = fs::read_to_string(dir.path().join("roster.toml")).unwrap();
    let more = format!("[clients.admin]\nroles = ['admin']\n{}", admin.entry("admin"));
    fs::write(dir.path().join("roster.toml"), format!("{roster}{more}")).unwrap();
    let service = dir.serve();
    service.login(&dir.key);
    let last_used = |service: &Service| {
        let bearer = format!("Bearer {}", service.login(admin.as_str()));
        let url = format!("{}/clients", service.0.address);
        let (status, body) = send("GET", &url, ("Authorization", &bearer)).unwrap();
        assert_eq!(status, 200, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let clients = body["clients"].as_array().unwrap();
        let billing = clients.iter().find(|client| client["name"] == "billing").unwrap();
        billing["keys"][0]["last_used"].as_str().map(str::to_owned)
    };
    let known = last_used(&service).expect("it was used");
    // It is recorded every 5 seconds; nothing that can be seen tells when.
    thread::sleep(Duration::from_secs(7));
    drop(service);
    let service = dir.serve();
    let found = eventually("the use is read", || last_used(&service));
    assert_eq!(found, known);
}

#[test]
fn two_services_do_not_share_a_state_file() {
    let dir = ServiceDir::new();
    let service = dir.serve();
    let other = dir.run(&["serve", "--bind", "127.0.0.1:0"]);
    let output = String::from_utf8(other.stderr).unwrap();
    assert_eq!(other.status.code(), Some(1));
    assert!(output.contains("HALLPASS_STATE: hallpass.redb is in use"), "{output}");
    assert!(other.stdout.is_empty());
    assert!(dir.run(&["check"]).status.success(), "check needs no lock");
    drop(service);
    dir.serve();
}

#[test]
fn a_foreign_state_file_is_refused_and_not_changed() {
    let dir = ServiceDir::new();
    let file = dir.path().join("hallpass.redb");
    fs::write(&file, "other content").unwrap();
    let refused = dir.run(&["serve", "--bind", "127.0.0.1:0"]);
    let output = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(output.contains("HALLPASS_STATE: hallpass.redb is no state file"), "{output}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "other content");
}

#[test]
fn an_empty_or_cut_state_file_is_refused_by_serve_and_by_check() {
    let dir = ServiceDir::new();
    let file = dir.path().join("hallpass.redb");
    let service = dir.serve();
    let token = service.login(&dir.key);
    assert_eq!(service.logout(&token).0, 200);
    drop(service);
    let whole = fs::read(&file).unwrap();
    for (bytes, what) in
        [(&[][..], "is empty: "), (&whole[..4096], "is damaged "), (b"x", "is no ")]
    {
        fs::write(&file, bytes).unwrap();
        let refused = dir.run(&["serve", "--bind", "127.0.0.1:0"]);
        let checked = dir.run(&["check"]);
        for (code, output) in
            [(refused.status.code(), refused.stderr), (checked.status.code(), checked.stdout)]
        {
            let output = String::from_utf8(output).unwrap();
            assert_eq!(code, Some(1), "{output}");
            assert!(output.contains(&format!("HALLPASS_STATE: hallpass.redb {what}")), "{output}");
        }
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    fs::write(&file, &whole).unwrap();
    assert!(dir.run(&["check"]).status.success());
    assert_eq!(fs::read(&file).unwrap(), whole, "check changes nothing");
    assert!(!dir.serve().accepts(&token));
}

#[test]
fn a_state_file_that_is_gone_or_changed_while_serving_is_a_fault_until_it_is_back() {
    let dir = ServiceDir::new();
    let (file, aside) = (dir.path().join("hallpass.redb"), dir.path().join("aside"));
    type Change = fn(&Path, &Path);
    let changes: [(&str, Change); 4] = [
        ("was removed while in use", |file, aside| fs::rename(file, aside).unwrap()),
        ("was replaced while in use", |file, aside| {
            fs::rename(file, aside).unwrap();
            fs::copy(aside, file).unwrap();
        }),
        ("was changed by another program", |file, aside| {
            fs::copy(file, aside).unwrap();
            fs::write(file, "").unwrap();
        }),
        ("was changed by another program", |file, aside| {
            fs::copy(file, aside).unwrap();
            fs::OpenOptions::new().write(true).open(file).unwrap().set_len(4096).unwrap();
        }),
    ];
    for (what, change) in changes {
        let mut command = dir.hallpass(&["serve", "--bind", "127.0.0.1:0"]);
        command.stderr(Stdio::piped());
        let service = Service::start(command);
        let tokens = [(); 3].map(|()| service.login(&dir.key));
        assert_eq!(service.logout(&tokens[0]).0, 200);
        service.wait_until("ok");
        change(&file, &aside);
        service.wait_until("degraded");
        let (status, body) = service.logout(&tokens[1]);
        assert!(status == 500 && body.contains("\"internal_error\""), "{what}: {status} {body}");
        assert!(!service.accepts(&tokens[1]), "{what}: it is refused nevertheless");
        if what.contains("changed") {
            fs::copy(&aside, &file).unwrap();
        } else {
            fs::rename(&aside, &file).unwrap();
        }
        service.wait_until("ok");
        assert_eq!(service.logout(&tokens[2]).0, 200, "{what}");
        let log = service.0.stop_and_read_stderr();
        assert!(log.contains(&format!("HALLPASS_STATE: hallpass.redb {what}")), "{log}");
        assert!(log.contains("revocations are kept again"), "{log}");
        let service = dir.serve();
        for token in &tokens {
            assert!(!service.accepts(token), "{what}: what could not be kept was kept later");
        }
    }
}

#[test]
fn check_does_not_disturb_a_service_that_writes() {
    let dir = ServiceDir::new();
    let service = dir.serve();
    let tokens: Vec<_> = (0..40).map(|_| service.login(&dir.key)).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for token in &tokens {
                assert_eq!(service.logout(token).0, 200);
            }
        });
        for _ in 0..10 {
            let checked = dir.run(&["check"]);
            assert!(checked.status.success(), "{checked:?}");
        }
    });
    service.wait_until("ok");
}

/// A library in front of the system's own, which sets the clock of a program that is started with it, but not the one
/// that measures how long it runs.
#[cfg(target_os = "linux")]
const WRONG_CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, time);
    const char *ahead = getenv("SECONDS_AHEAD");
    if (clock == CLOCK_REALTIME && ahead) time->tv_sec += atol(ahead);
    return result;
}
"#;

#[cfg(target_os = "linux")]
#[test]
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn clocks_that_differ_or_are_wrong_for_a_while_neither_refuse_nor_revive_tokens() {
    let dir = ServiceDir::new();
    fs::write(dir.path().join("clock.c"), WRONG_CLOCK).unwrap();
    let library = dir.path().join("clock.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o", "clock.so", "clock.c", "-ldl"]).current_dir(dir.path());
    if !cc.output().is_ok_and(|made| made.status.success()) {
        eprintln!("LEFT OUT: no C compiler, so no clock can be set for the program");
        return;
    }
    let serve_ahead = |seconds: i64| {
        let mut command = dir.hallpass(&["serve", "--bind", "127.0.0.1:0"]);
        command.env("LD_PRELOAD", &library).env("SECONDS_AHEAD", seconds.to_string());
        Service::start(command)
    };
    let service = serve_ahead(8);
    let (revoked, ahead) = (service.login(&dir.key), service.login(&dir.key));
    assert_eq!(service.logout(&revoked).0, 200);
    drop(service);
    let service = serve_ahead(10 * 366 * 24 * 3600);
    let far_ahead = service.login(&dir.key);
    for _ in 0..3 {
        assert_eq!(service.logout(&service.login(&dir.key)).0, 200);
    }
    drop(service);
    let service = dir.serve();
    assert!(!service.accepts(&revoked), "a start with a wrong clock has forgotten it");
    assert!(service.accepts(&ahead), "another clock may be eight seconds ahead");
    assert!(!service.accepts(&far_ahead));
}

#[test]
fn a_missing_directory_of_the_state_file_is_told_alike_by_check_and_serve_and_is_not_made() {
    let dir = ServiceDir::new();
    assert!(dir.run(&["check"]).status.success());
    assert!(!dir.path().join("hallpass.redb").exists());
    let told = |command: &str| {
        let mut command = dir.hallpass(&[command, "--bind", "127.0.0.1:0"]);
        command.env("HALLPASS_STATE", "no/dir/state").stderr(Stdio::piped());
        let missing = command.output().unwrap();
        assert_eq!(missing.status.code(), Some(1));
        String::from_utf8([missing.stdout, missing.stderr].concat()).unwrap()
    };
    for output in [told("check"), told("serve")] {
        let what = "HALLPASS_STATE: no/dir/state cannot be made, since there is no directory no/dir: make it";
        assert!(output.contains(what), "{output}");
    }
    assert!(!dir.path().join("no").exists());
}

#[test]
fn state_in_memory_is_lost_on_restart() {
    let dir = ServiceDir::new();
    let serve = || {
        let mut command = dir.hallpass(&["serve", "--bind", "127.0.0.1:0"]);
        command.env("HALLPASS_STATE", "memory");
        Service::start(command)
    };
    let service = serve();
    let token = service.login(&dir.key);
    assert_eq!(service.logout(&token).0, 200);
    assert!(!service.accepts(&token));
    drop(service);
    assert!(serve().accepts(&token));
    assert!(!dir.path().join("hallpass.redb").exists());
}
