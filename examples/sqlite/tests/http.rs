//! The application, started as a program and used over HTTP.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rusqlite::Connection;
use serde_json::{Value, json};
use ureq::{Agent, http::Method};

struct Application {
    program: Child,
    address: String,
    agent: Agent,
    folder: tempfile::TempDir,
}

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

impl Application {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("roster.toml"), "").unwrap();
        let mut program = Command::new(env!("CARGO_BIN_EXE_hallpass-sqlite"));
        program.current_dir(folder.path()).stdout(Stdio::piped()).envs([
            ("HALLPASS_SECRET_KEY", "a secret of the tests, 32 bytes and more"),
            ("HALLPASS_STATE", "memory"),
            ("HALLPASS_BIND", "127.0.0.1:0"),
        ]);
        let mut program = program.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        Self { program, address, agent, folder }
    }

    /// The database, as the application's operators have it.
    fn database(&self) -> Connection {
        let path: PathBuf = self.folder.path().join("invoices.db");
        Connection::open(path).unwrap()
    }

    /// Status and body; a credential is a header.
    fn send(
        &self,
        method: &Method,
        path: &str,
        credential: Option<(&str, &str)>,
        body: Option<Value>,
    ) -> (u16, String) {
        let uri = format!("{}{path}", self.address);
        let mut request = ureq::http::Request::builder().method(method).uri(uri);
        if let Some((name, value)) = credential {
            request = request.header(name, value);
        }
        let answer = match body {
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                self.agent.run(request.body(body.to_string()).unwrap())
            }
            None => self.agent.run(request.body(()).unwrap()),
        };
        let mut answer = answer.unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    fn post(&self, path: &str, credential: Option<(&str, &str)>, body: Value) -> (u16, String) {
        self.send(&Method::POST, path, credential, Some(body))
    }

    fn register(&self, name: &str, password: &str) {
        let answer = self.post("/accounts", None, credentials(name, password));
        assert_eq!(answer.0, 201, "{}", answer.1);
    }

    /// `Bearer` and the token.
    fn sign_in(&self, name: &str, password: &str) -> String {
        let answer = self.post("/sign-in", None, credentials(name, password));
        assert_eq!(answer.0, 200, "{}", answer.1);
        bearer(&answer.1)
    }

    fn invoices(&self, header: &str, value: &str) -> (u16, String) {
        self.send(&Method::GET, "/invoices", Some((header, value)), None)
    }

    fn by_token(&self, token: &str) -> u16 {
        self.invoices("Authorization", token).0
    }

    /// The token of an administrator.
    fn admin(&self) -> String {
        self.register("root", "correct horse");
        self.database()
            .execute("UPDATE accounts SET role = 'admin' WHERE name = 'root'", [])
            .unwrap();
        self.sign_in("root", "correct horse")
    }
}

fn credentials(name: &str, password: &str) -> Value {
    json!({ "name": name, "password": password })
}

fn bearer(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap();
    format!("Bearer {}", body["access_token"].as_str().unwrap())
}

#[test]
fn people_register_and_log_in_and_their_tokens_end_with_their_accounts() {
    let application = Application::start();
    application.register("alice", "open sesame");
    application.register("bob", "bob's own");
    assert_eq!(application.post("/accounts", None, credentials("alice", "x")).0, 409);
    for (name, password) in [("alice", "sesame"), ("nobody", "open sesame")] {
        assert_eq!(application.post("/sign-in", None, credentials(name, password)).0, 403);
    }
    let (alice, bob) =
        (application.sign_in("alice", "open sesame"), application.sign_in("bob", "bob's own"));
    assert_eq!(
        application.invoices("Authorization", &alice),
        (200, "the invoices of the Account 1".to_owned())
    );
    // What is changed in the database counts at once.
    let database = application.database();
    let change = |sql: &str| database.execute(sql, []).unwrap();
    change("UPDATE accounts SET disabled = 1 WHERE name = 'bob'");
    assert_eq!((application.by_token(&alice), application.by_token(&bob)), (200, 401));
    assert_eq!(application.post("/sign-in", None, credentials("bob", "bob's own")).0, 403);
    change("UPDATE accounts SET disabled = 0 WHERE name = 'bob'");
    assert_eq!(application.by_token(&bob), 200);
    change("UPDATE accounts SET role = 'guest' WHERE name = 'bob'");
    assert_eq!(application.by_token(&bob), 403);
    // A new password ends all tokens but the new one.
    let body = Some(json!({ "password": "open at once" }));
    let authorization = Some(("Authorization", alice.as_str()));
    let (status, answer) = application.send(&Method::PUT, "/password", authorization, body);
    assert_eq!(status, 200, "{answer}");
    assert_eq!((application.by_token(&alice), application.by_token(&bearer(&answer))), (401, 200));
    let alice = application.sign_in("alice", "open at once");
    // An administrator removes the account; who registers under the name is somebody else.
    let admin = application.admin();
    let removed = |token: &str| {
        let credential = Some(("Authorization", token));
        application.send(&Method::DELETE, "/accounts/alice", credential, None).0
    };
    assert_eq!(removed(&alice), 403);
    assert_eq!((removed(&admin), removed(&admin)), (204, 404));
    assert_eq!(application.by_token(&alice), 401);
    application.register("alice", "open sesame");
    assert_eq!(application.by_token(&alice), 401);
    // Without the table nobody is let in.
    change("ALTER TABLE accounts RENAME TO gone");
    assert_eq!(application.by_token(&admin), 503);
}

#[test]
fn clients_have_api_keys_in_the_database() {
    let application = Application::start();
    let admin = application.admin();
    let wanted = || json!({ "client": "shop", "role": "reader" });
    assert_eq!(application.post("/keys", None, wanted()).0, 401);
    let (status, body) = application.post("/keys", Some(("Authorization", &admin)), wanted());
    assert_eq!(status, 201, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let (id, key) = (body["id"].as_str().unwrap(), body["key"].as_str().unwrap());
    let came_in = (200, "the invoices of the Client shop".to_owned());
    assert_eq!(application.invoices("X-API-Key", key), came_in);
    let (status, body) = application.send(&Method::POST, "/login", Some(("X-API-Key", key)), None);
    assert_eq!(status, 200, "{body}");
    let token = bearer(&body);
    assert_eq!(application.invoices("Authorization", &token), came_in);
    let path = format!("/keys/{id}");
    let revoked = application.send(&Method::DELETE, &path, Some(("Authorization", &admin)), None);
    assert_eq!(revoked.0, 204);
    // An answer of the database is remembered for five seconds.
    let start = std::time::Instant::now();
    while application.by_token(&token) == 200 {
        assert!(start.elapsed() < std::time::Duration::from_secs(20), "the token never ends");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_eq!(
        (application.by_token(&token), application.invoices("X-API-Key", key).0),
        (401, 401)
    );
}
