//! hallpass as it is run in production: a roster, a state file, access lines and metrics on.
//!
//! Must not know what is measured.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    Wrapper,
    load::Connection,
    requests,
    roster::{FEW, Keys, key},
    server::{Server, directory},
    tools::run,
};

/// Signs the tokens of HS256; the peers verify with the same.
pub(crate) const SIGNING_SECRET: &str = "benchmark-only-signing-secret-0123456789";
/// Signs tokens that look as good and are not.
pub(crate) const ANOTHER_SECRET: &str = "benchmark-only-secret-that-hallpass-does-not-know";
/// `iss` and `aud` of every token.
pub(crate) const ISSUER: &str = "https://hallpass.example.com";
/// What signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    EdDsa,
    Es256,
    Rs256,
}

impl Algorithm {
    /// The setting for the signing key, which openssl makes as the README says.
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

/// What differs from one hallpass to the next.
pub(crate) struct Setup {
    pub(crate) wrapper: Wrapper,
    pub(crate) algorithm: Algorithm,
    /// The keys of the first clients.
    pub(crate) keys: Keys,
    pub(crate) clients: usize,
    /// `None` leaves it at one a core.
    pub(crate) workers: Option<usize>,
}

impl Default for Setup {
    fn default() -> Self {
        let (wrapper, algorithm) = (crate::plain as Wrapper, Algorithm::Hs256);
        Self { wrapper, algorithm, keys: FEW.clone(), clients: FEW.count(), workers: Some(1) }
    }
}

/// Starts `hallpass serve`.
pub(crate) fn start(setup: &Setup) -> Server {
    let dir = directory();
    let roster = dir.path().join("roster.toml");
    fs::write(&roster, setup.keys.roster(setup.clients)).expect("a roster");
    let program = Path::new(env!("CARGO_BIN_EXE_hallpass"));
    let mut command = (setup.wrapper)(program, dir.path());
    let (name, value) = setup.algorithm.setting(dir.path());
    command
        .args(["serve", "--bind", "127.0.0.1:0"])
        .current_dir(dir.path())
        .env_clear()
        .env(name, value)
        .env("HALLPASS_ISSUER", ISSUER)
        .env("HALLPASS_METRICS_BIND", "127.0.0.1:0")
        // Logins that are refused are measured, not counted.
        .env("HALLPASS_RATE_LIMIT", "off")
        .env("HALLPASS_LOG", "info")
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    if let Some(workers) = setup.workers {
        command.env("HALLPASS_WORKERS", workers.to_string());
    }
    Server::announced(command, dir)
}

/// The token that a client gets for its key.
pub(crate) fn log_in(server: &Server, client: usize) -> String {
    let mut connection = Connection::to(server.address);
    let answer = connection.ask(&requests::login(&key(client)), 200);
    let body: Value = serde_json::from_slice(answer.body).expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}

/// A token that was good until it was logged out.
pub(crate) fn revoked(server: &Server) -> String {
    let token = log_in(server, 0);
    Connection::to(server.address).ask(&requests::logout(&token), 200);
    token
}
