//! A running service whose roster is changed.

use std::{
    fs,
    io::{Read, Write},
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use base64::Engine;
use serde_json::Value;

use crate::support::{
    api_key::ApiKey,
    running_service::{RunningService, agent, send},
};

pub(super) const SIGNING_SECRET: &str = "tests-only-signing-secret-0123456789abcdef";
/// A change takes effect within two seconds; busy machines get more time.
const DEADLINE: Duration = Duration::from_secs(20);

/// A running `hallpass serve` over a roster with the client `billing`, its key and a token.
pub(super) struct Service {
    pub(super) directory: tempfile::TempDir,
    running: RunningService,
    log: Arc<Mutex<String>>,
    pub(super) key: String,
    pub(super) token: String,
}

/// The program with a clean environment, in a directory.
pub(super) fn program(directory: &tempfile::TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass"));
    command.args(arguments).current_dir(directory.path()).env_clear();
    command
}

impl Service {
    pub(super) fn start() -> Self {
        Self::over(tempfile::tempdir().unwrap(), &["--bind", "127.0.0.1:0"])
    }

    pub(super) fn over(directory: tempfile::TempDir, arguments: &[&str]) -> Self {
        let key = ApiKey::generate();
        let roster = format!("[clients.billing]\nroles = []\n\n{}", key.entry("billing"));
        fs::write(directory.path().join("roster.toml"), roster).unwrap();
        let mut running = RunningService::spawn(
            program(&directory, &[&["serve"], arguments].concat())
                .env("HALLPASS_SECRET_KEY", SIGNING_SECRET)
                .env("HALLPASS_STATE", "memory")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        let key = match arguments.contains(&"--dev") {
            true => running.line().trim_end().replace("api key: ", ""),
            false => key.as_str().to_owned(),
        };
        let log = collected(running.stderr());
        let mut service = Self { directory, running, log, key, token: String::new() };
        service.token = service.logged_in().unwrap();
        service
    }

    pub(super) fn roster(&self) -> PathBuf {
        self.directory.path().join("roster.toml")
    }

    pub(super) fn text(&self) -> String {
        fs::read_to_string(self.roster()).unwrap()
    }

    /// Replaces the roster by a new file.
    pub(super) fn rename(&self, text: &str) {
        let new = self.directory.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.roster()).unwrap();
    }

    pub(super) fn hang_up(&self) {
        self.running.signal("HUP");
    }

    pub(super) fn logged_in(&self) -> Option<String> {
        let (status, body) = self.send("POST", "/login", ("X-API-Key", &self.key));
        (status == 200).then(|| body["access_token"].as_str().unwrap().to_owned())
    }

    /// A token of a user as the service would issue it: the client's token with other claims, signed again.
    pub(super) fn token_of_user(&self, name: &str) -> String {
        let header = jsonwebtoken::decode_header(&self.token).unwrap();
        let payload = self.token.split('.').nth(1).unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
        let mut claims: Value = serde_json::from_slice(&claims).unwrap();
        claims["sub"] = name.into();
        claims["client_id"] = name.into();
        claims["jti"] = "0123456789abcdefghijkl".into();
        claims.as_object_mut().unwrap().remove("key_id").unwrap();
        let key = jsonwebtoken::EncodingKey::from_secret(SIGNING_SECRET.as_bytes());
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    /// Status and body of `/token` for a user's password (RFC 6749 §4.3).
    pub(super) fn password_login(&self, user: &str, password: &str) -> (u16, Value) {
        let form = [("grant_type", "password"), ("username", user), ("password", password)];
        let mut answer =
            agent().post(format!("{}/token", self.running.address)).send_form(form).unwrap();
        let body = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&body).unwrap())
    }

    /// The status of a request with the token.
    pub(super) fn with_token(&self) -> u16 {
        let bearer = format!("Bearer {}", self.token);
        self.send("GET", "/request", ("Authorization", &bearer)).0
    }

    /// `status` of `/health/ready`.
    pub(super) fn ready(&self) -> String {
        let (status, body) = self.send("GET", "/health/ready", ("Accept", "*/*"));
        assert_eq!((status, body.as_object().unwrap().len()), (200, 1));
        body["status"].as_str().unwrap().to_owned()
    }

    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        (name, value): (&str, &str),
    ) -> (u16, Value) {
        let url = format!("{}{path}", self.running.address);
        let (status, body) = send(method, &url, (name, value)).unwrap();
        (status, serde_json::from_str(&body).unwrap())
    }

    pub(super) fn eventually(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < DEADLINE, "{what}: not yet; log:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }
}

/// Collects the output of a process in a thread.
fn collected(mut from: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&log);
    thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = from.read(&mut part) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&part[..length]));
        }
    });
    log
}

/// Runs `hallpass user` with this on stdin.
pub(super) fn user(directory: &tempfile::TempDir, arguments: &[&str], stdin: &str) -> Output {
    let mut child = program(directory, &[&["user"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may exit without reading stdin.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}
