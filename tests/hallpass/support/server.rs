//! The real program, started for one test and killed at its end.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::support::{accounts::Accounts, client::Client, raw_http::DEADLINE};

/// Signs the tokens of every server; no answer and no log line may contain it.
pub(crate) const SIGNING_SECRET: &str = "tests-only-signing-secret-0123456789abcdef";

/// A running `hallpass serve` with a directory and a roster of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) accounts: Accounts,
    pub(crate) dir: tempfile::TempDir,
    child: Mutex<Child>,
    log: Arc<Mutex<String>>,
    secrets: Mutex<Vec<(String, String)>>,
}

/// The program with a clean environment, in `dir`.
pub(crate) fn program(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass"));
    command.args(arguments).current_dir(dir).env_clear().stdin(Stdio::null());
    command
}

impl Server {
    /// A server with the usual settings.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with additional settings.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let serve = program(dir.path(), &["serve", "--bind", "127.0.0.1:0"]);
        Self::spawn(serve, dir, settings)
    }

    /// Starts another program with the same settings, such as an example.
    pub(crate) fn spawn(
        program: Command,
        dir: tempfile::TempDir,
        settings: &[(&str, &str)],
    ) -> Self {
        Self::spawn_for(Accounts::new(), program, dir, settings)
    }

    /// The same with these accounts in its roster.
    pub(crate) fn spawn_for(
        accounts: Accounts,
        mut program: Command,
        dir: tempfile::TempDir,
        settings: &[(&str, &str)],
    ) -> Self {
        std::fs::write(dir.path().join("roster.toml"), &accounts.roster).unwrap();
        let mut child = program
            .env("HALLPASS_SECRET_KEY", SIGNING_SECRET)
            .env("HALLPASS_STATE", "memory")
            // Most tests provoke refusals.
            .env("HALLPASS_RATE_LIMIT", "off")
            .env("HALLPASS_WORKERS", "2")
            // Secrets must not appear in verbose logs either.
            .env("HALLPASS_LOG", "debug")
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = collect(child.stderr.take().unwrap());
        let first = first_line(child.stdout.take().unwrap());
        let address = first.as_deref().and_then(|line| line.strip_prefix("listening on http"));
        let address = address.map(|rest| rest.trim_start_matches("s").trim_start_matches("://"));
        let Some(address) = address.and_then(|address| address.trim().parse().ok()) else {
            let _ = child.kill();
            panic!("the first line on stdout is {first:?}; log:\n{}", log.lock().unwrap());
        };
        let mut secrets = accounts.secrets();
        secrets.push(("the signing secret".to_owned(), SIGNING_SECRET.to_owned()));
        let (child, secrets) = (Mutex::new(child), Mutex::new(secrets));
        Self { address, accounts, dir, child, log, secrets }
    }

    /// A client without a credential.
    pub(crate) fn anonymous(&self) -> Client<'_> {
        Client::new(self, None)
    }

    /// A client with the API key of this roster client in the header.
    pub(crate) fn key(&self, client: &str) -> Client<'_> {
        let key = self.accounts.key(client).to_owned();
        Client::new(self, Some(("X-API-Key".to_owned(), key)))
    }

    /// A client with a new token of this roster client.
    pub(crate) fn token(&self, client: &str) -> Client<'_> {
        self.bearer(&self.login(client))
    }

    /// A client with this token.
    pub(crate) fn bearer(&self, token: &str) -> Client<'_> {
        Client::new(self, Some(("Authorization".to_owned(), format!("Bearer {token}"))))
    }

    /// A new token of this roster client.
    pub(crate) fn login(&self, client: &str) -> String {
        let answer = self.key(client).post("/login").expect(200).json();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// The document that this server publishes.
    pub(crate) fn document(&self) -> serde_json::Value {
        self.anonymous().get("/openapi.json").expect(200).json()
    }

    /// From now on no answer and no log line may contain `secret`.
    pub(crate) fn add_secret(&self, what: &str, secret: &str) {
        self.secrets.lock().unwrap().push((what.to_owned(), secret.to_owned()));
    }

    /// Fails if `text` contains a secret.
    pub(crate) fn assert_no_secret(&self, what: &str, text: &str) {
        for (secret_name, secret) in self.secrets.lock().unwrap().iter() {
            assert!(!text.contains(secret), "{what} shows {secret_name}");
        }
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log fulfils a condition.
    pub(crate) fn log_until(&self, what: &str, good: impl Fn(&str) -> bool) -> String {
        eventually(what, || Some(self.log()).filter(|log| good(log)))
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the exit.
    pub(crate) fn exit(&self) -> ExitStatus {
        eventually("the program ends", || self.child.lock().unwrap().try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
        if !thread::panicking() {
            let log = self.log();
            self.assert_no_secret("the log", &log);
            assert!(!log.contains("panicked"), "a panic:\n{log}");
        }
    }
}

/// Waits for a condition.
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "timed out: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Collects the log in a thread: a full pipe would block the server.
fn collect(stderr: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&log);
    thread::spawn(move || {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    log
}

/// The first line, or `None` on a timeout. The rest is read and dropped.
fn first_line(stdout: impl Read + Send + 'static) -> Option<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver.recv_timeout(DEADLINE).ok()
}
