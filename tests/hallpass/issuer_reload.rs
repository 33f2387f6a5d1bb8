//! External issuers that the roster gets and loses while a service runs.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    support::{
        api_key::ApiKey,
        raw_http::Request,
        server::{Server, eventually, program},
    },
    verify_policy,
};

/// Another service, whose tokens are welcome where the roster says so, and a token of its `reader`.
struct Provider {
    server: Server,
    token: String,
}

impl Provider {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("keys")).unwrap();
        let made = program(dir.path(), &["signing-key", "rotate", "keys"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let serve = program(dir.path(), &["serve", "--bind", "127.0.0.1:0"]);
        let keys = [("HALLPASS_SECRET_KEY", ""), ("HALLPASS_SIGNING_KEY", "keys")];
        let server = Server::spawn(serve, dir, &keys);
        let token = server.login("reader");
        Self { server, token }
    }

    fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Its entry in a roster.
    fn entry(&self, name: &str) -> String {
        let url = self.url();
        format!("\n[issuers.{name}]\nurl = '{url}'\naudience = '{url}'\nroles_claim = 'roles'\n")
    }
}

fn edit(server: &Server, text: &str) {
    fs::write(server.dir.path().join("roster.toml"), text).unwrap();
}

fn health(server: &Server) -> Value {
    server.anonymous().get("/health/ready").expect(200).json()["status"].clone()
}

/// Whether the document, in all its forms, has the scheme.
fn has_scheme(server: &Server, name: &str) -> bool {
    let document = server.document();
    let has = document["components"]["securitySchemes"].get(name).is_some();
    let security = document["paths"]["/request"]["get"]["security"].as_array().unwrap();
    assert_eq!(security.iter().any(|alternative| alternative.get(name).is_some()), has);
    has
}

#[test]
fn an_issuer_counts_and_ends_without_a_restart() {
    let provider = Provider::start();
    let proxies = [("HALLPASS_TRUSTED_PROXIES", "127.0.0.1")];
    let server = Server::start_with(&proxies);
    let theirs = server.bearer(&provider.token);
    let verify = || {
        let ask = theirs.get("/verify");
        ask.headers(&[("X-Original-Method", "GET"), ("X-Original-URI", "/")])
    };
    theirs.get("/request").refused(401, "invalid_token");
    verify().refused(401, "invalid_token");
    assert!(!has_scheme(&server, "corp"));
    let without = server.accounts.roster.clone();
    for round in 0..2 {
        edit(&server, &format!("{without}{}", provider.entry("corp")));
        eventually("the document has the issuer", || has_scheme(&server, "corp").then_some(()));
        let principal = theirs.get("/request").expect(200).json();
        assert_eq!((&principal["sub"], &principal["scheme"]), (&json!("reader"), &json!("corp")));
        theirs.get("/clients").refused(403, "insufficient_scope");
        assert_eq!(verify().expect(200).header("x-hallpass-issuer"), Some("corp"));
        let yaml = server.anonymous().get("/openapi.yaml").expect(200).text();
        assert!(yaml.contains("corp:"), "{round}");
        edit(&server, &without);
        eventually("the document has lost it", || (!has_scheme(&server, "corp")).then_some(()));
        theirs.get("/request").refused(401, "invalid_token");
        verify().refused(401, "invalid_token");
    }
    assert_eq!(health(&server), "ok");
}

#[test]
fn an_issuer_that_a_document_cannot_have_changes_nothing() {
    let provider = Provider::start();
    let server = Server::start();
    let key = ApiKey::generate();
    let client = format!("[clients.late]\n{}", key.entry("late"));
    let own = format!("\n[issuers.me]\nurl = 'http://{}'\naudience = 'a'\n", server.address);
    let own = format!("{}{own}", provider.entry("corp"));
    let without = server.accounts.roster.clone();
    let before = server.document();
    for (issuer, why) in [
        (
            provider.entry("session"),
            "issuers.session: the document has another scheme of this name",
        ),
        (own, "issuers.me: `url` is this service's own issuer"),
    ] {
        // Neither it, nor what else was edited.
        edit(&server, &format!("{without}{client}{issuer}"));
        server
            .log_until(why, |log| log.contains(why) && log.contains("the roster was not reloaded"));
        assert_eq!(health(&server), "degraded");
        assert_eq!(server.document(), before);
        server.bearer(&provider.token).get("/request").refused(401, "invalid_token");
        let late = server.anonymous().post("/login").header("X-API-Key", key.as_str());
        late.refused(401, "invalid_api_key");
        edit(&server, &without);
        eventually("repaired", || (health(&server) == "ok").then_some(()));
    }
}

#[test]
fn the_policy_and_the_documents_get_an_issuer_together_or_not_at_all() {
    let provider = Provider::start();
    let server = verify_policy::server(&verify_policy::document().to_string(), &[]);
    let theirs = server.bearer(&provider.token);
    let verify = || {
        let ask = theirs.get("/verify");
        ask.headers(&[("X-Original-Method", "GET"), ("X-Original-URI", "/api/corp")])
    };
    let policy = verify_policy::with_provider(&provider.url()).to_string();
    fs::write(server.dir.path().join("shop.json"), policy).unwrap();
    let waits = "scheme `corp`: the roster has no issuer";
    server.log_until("the policy waits", |log| log.contains(waits));
    verify().expect(403);
    let without = server.accounts.roster.clone();
    // The documents cannot have the other one.
    let own = format!("\n[issuers.me]\nurl = 'http://{}'\naudience = 'a'\n", server.address);
    edit(&server, &format!("{without}{}{own}", provider.entry("corp")));
    server.log_until("the fault", |log| log.contains("the roster was not reloaded"));
    verify().expect(403);
    theirs.get("/request").refused(401, "invalid_token");
    for round in 0..3 {
        edit(&server, &format!("{without}{}", provider.entry("corp")));
        eventually("the document has the issuer", || has_scheme(&server, "corp").then_some(()));
        theirs.get("/request").expect(200);
        assert_eq!(verify().expect(200).header("x-hallpass-issuer"), Some("corp"), "{round}");
        assert_eq!(health(&server), "ok");
        edit(&server, &without);
        eventually("the document has lost it", || (!has_scheme(&server, "corp")).then_some(()));
        verify().refused(401, "invalid_token");
        assert_eq!(health(&server), "degraded", "the policy names it");
    }
}

#[test]
fn an_application_follows_the_issuers_too() {
    let provider = Provider::start();
    let dir = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_hallpass")).with_file_name("examples/invoices");
    assert!(built.exists(), "cargo build --example invoices makes {}", built.display());
    let mut command = Command::new(built);
    command.current_dir(dir.path()).env_clear().stdin(std::process::Stdio::null());
    let server = Server::spawn(command, dir, &[("HALLPASS_BIND", "127.0.0.1:0")]);
    let status = || {
        let bearer = format!("Bearer {}", provider.token).into_bytes();
        let headers = vec![("Authorization".to_owned(), bearer)];
        let (method, target) = ("GET".to_owned(), "/invoices".to_owned());
        Request { method, target, headers, body: None }.send(server.address).status
    };
    assert_eq!(status(), 401);
    let without = server.accounts.roster.clone();
    edit(&server, &format!("{without}{}", provider.entry("corp")));
    eventually("accepted", || (status() == 200).then_some(()));
    edit(&server, &without);
    eventually("refused", || (status() == 401).then_some(()));
}
