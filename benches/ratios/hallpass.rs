//! hallpass as it runs in production: with a roster, a state file, access lines and metrics.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    command::{Wrapper, run, unwrapped},
    load::Connection,
    requests,
    roster::{KeyHashes, TEN_KEYS, key},
    server::{Server, directory},
};

/// Signs the HS256 tokens. The servers that hallpass is compared with verify with it.
pub(crate) const SIGNING_SECRET: &str = "benchmark-only-signing-secret-0123456789";
/// Signs forged tokens.
pub(crate) const OTHER_SECRET: &str = "benchmark-only-secret-that-hallpass-does-not-know";
/// `iss` and `aud` of every token.
pub(crate) const ISSUER: &str = "https://hallpass.example.com";

/// The path of the operation that a proxy asks about.
pub(crate) const FORWARDED: &str = "/orders/7";

/// The document of the service behind the proxy.
fn policy() -> Value {
    let bearer = json!({ "bearer": { "type": "http", "scheme": "bearer" } });
    let operation = json!({ "security": [{ "bearer": [] }], "responses": {} });
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Orders", "version": "1" },
        "components": { "securitySchemes": bearer },
        "paths": { "/orders": { "get": operation }, "/orders/{id}": { "get": operation } },
    })
}

/// The signature algorithm of the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    EdDsa,
    Es256,
    Rs256,
}

impl Algorithm {
    /// The variable of the signing key and its value. openssl makes the key.
    fn setting(self, dir: &Path) -> (&'static str, PathBuf) {
        let options: &[&str] = match self {
            Self::Hs256 => return ("HALLPASS_SECRET_KEY", SIGNING_SECRET.into()),
            Self::EdDsa => &["ed25519"],
            Self::Es256 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Self::Rs256 => &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        };
        let pem = dir.join("signing.pem");
        run(Command::new("openssl")
            .args(["genpkey", "-algorithm"])
            .args(options)
            .arg("-out")
            .arg(&pem));
        ("HALLPASS_SIGNING_KEY", pem)
    }
}

/// How to start hallpass.
pub(crate) struct Setup {
    pub(crate) wrapper: Wrapper,
    pub(crate) algorithm: Algorithm,
    /// The keys of the first clients.
    pub(crate) keys: KeyHashes,
    pub(crate) clients: usize,
    /// `None`: one for each core.
    pub(crate) workers: Option<usize>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            wrapper: unwrapped,
            algorithm: Algorithm::Hs256,
            keys: TEN_KEYS.clone(),
            clients: TEN_KEYS.count(),
            workers: Some(1),
        }
    }
}

/// Starts `hallpass serve`.
pub(crate) fn start(setup: &Setup) -> Server {
    let dir = directory();
    let roster = dir.path().join("roster.toml");
    fs::write(&roster, setup.keys.roster(setup.clients)).expect("the directory is writable");
    let document = dir.path().join("orders.json");
    fs::write(&document, policy().to_string()).expect("the directory is writable");
    let program = Path::new(env!("CARGO_BIN_EXE_hallpass"));
    let mut command = (setup.wrapper)(program, dir.path());
    let (name, value) = setup.algorithm.setting(dir.path());
    command
        .args(["serve", "--bind", "127.0.0.1:0"])
        .current_dir(dir.path())
        .env_clear()
        .env(name, value)
        .env("HALLPASS_ISSUER", ISSUER)
        .env("HALLPASS_POLICY", document)
        .env("HALLPASS_TRUSTED_PROXIES", "127.0.0.1")
        .env("HALLPASS_METRICS_BIND", "127.0.0.1:0")
        // Refused logins are measured too.
        .env("HALLPASS_RATE_LIMIT", "off")
        .env("HALLPASS_LOG", "info")
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    if let Some(workers) = setup.workers {
        command.env("HALLPASS_WORKERS", workers.to_string());
    }
    Server::start(command, dir)
}

/// Logs a client in and returns its token.
pub(crate) fn log_in(server: &Server, client: usize) -> String {
    let mut connection = Connection::open(server.address);
    let answer = connection.ask(&requests::login(&key(client)), 200);
    let body: Value = serde_json::from_slice(answer.body).expect("the body is JSON");
    body["access_token"].as_str().expect("the body has a token").to_owned()
}

/// Logs in the first `clients`, so that their keys are known.
pub(crate) fn warm_up(server: &Server, clients: usize) {
    let mut connection = Connection::open(server.address);
    for client in 0..clients {
        connection.ask(&requests::login(&key(client)), 200);
    }
}

/// A revoked token.
pub(crate) fn revoked(server: &Server) -> String {
    let token = log_in(server, 0);
    Connection::open(server.address).ask(&requests::logout(&token), 200);
    token
}
