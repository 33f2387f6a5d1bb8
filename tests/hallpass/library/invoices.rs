//! The example `invoices`, as a program and under changed documents.

use std::{path::Path, process::Command};

use actix_web::web;
use utoipa::OpenApi;

use crate::{
    changed_documents::changes_exactly_with_security,
    support::{
        raw_http::{Request, Response},
        server::Server,
    },
};

#[path = "../../../examples/invoices.rs"]
#[allow(dead_code, reason = "its main runs in the other test")]
mod example;

/// `cargo test` builds examples next to the program.
fn start() -> Server {
    let dir = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_hallpass")).with_file_name("examples/invoices");
    assert!(built.exists(), "cargo build --example invoices makes {}", built.display());
    let mut command = Command::new(built);
    command.current_dir(dir.path()).env_clear().stdin(std::process::Stdio::null());
    Server::spawn(command, dir, &[("HALLPASS_BIND", "127.0.0.1:0")])
}

/// The application sets no request ids, which `support::client` expects.
fn request(server: &Server, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
    let headers =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    let (method, target) = (method.to_owned(), target.to_owned());
    let body = (method == "POST").then(|| b"{\"debtor\":\"ACME\",\"cents\":7}".to_vec());
    let mut request = Request { method, target, headers: headers.collect(), body };
    request.headers.push(("Content-Type".to_owned(), b"application/json".to_vec()));
    request.send(server.address)
}

fn token(server: &Server, client: &str) -> String {
    let headers = vec![("X-API-Key".to_owned(), server.accounts.key(client).as_bytes().to_vec())];
    let (method, target) = ("POST".to_owned(), "/login".to_owned());
    let answer = Request { method, target, headers, body: None }.send(server.address);
    assert_eq!(answer.status, 200, "{}", answer.text());
    format!("Bearer {}", answer.json()["access_token"].as_str().unwrap())
}

#[test]
fn the_example_enforces_its_document() {
    let server = start();
    let (admin, reader) = (token(&server, "admin"), token(&server, "reader"));
    let scoped = token(&server, "scoped");
    let (admin, reader, scoped) =
        [&admin, &reader, &scoped].map(|it| ("Authorization", &**it)).into();
    let admin_key = ("X-API-Key", server.accounts.key("admin"));
    let reader_key = ("X-API-Key", server.accounts.key("reader"));
    type Row<'r> = (u16, &'r str, &'r str, &'r [(&'r str, &'r str)]);
    let table: &[Row<'_>] = &[
        (200, "GET", "/prices", &[]),
        (200, "GET", "/greeting", &[]),
        (200, "GET", "/greeting", &[reader]),
        (401, "GET", "/greeting", &[("Authorization", "Bearer x")]),
        (401, "GET", "/invoices", &[]),
        (403, "GET", "/invoices", &[scoped]),
        (401, "POST", "/invoices", &[]),
        (403, "POST", "/invoices", &[admin]),
        (201, "POST", "/invoices", &[scoped]),
        (200, "GET", "/invoices", &[reader]),
        (401, "DELETE", "/invoices/1", &[admin]),
        (401, "DELETE", "/invoices/1", &[admin_key]),
        (403, "DELETE", "/invoices/1", &[reader, reader_key]),
        (403, "DELETE", "/invoices/1", &[admin, reader_key]),
        (204, "DELETE", "/invoices/1", &[admin, admin_key]),
        (404, "DELETE", "/invoices/one", &[admin, admin_key]),
        (405, "GET", "/invoices/1", &[admin]),
        (404, "GET", "/invoices/", &[admin]),
        (200, "GET", "/request", &[reader]),
        (200, "GET", "/docs/", &[]),
    ];
    for (status, method, target, headers) in table {
        let answer = request(&server, method, target, headers);
        assert_eq!(answer.status, *status, "{method} {target}: {}", answer.text());
    }
    assert_eq!(request(&server, "GET", "/greeting", &[reader]).text(), "Hello, reader\n");
    let document = request(&server, "GET", "/openapi.json", &[]).json();
    assert_eq!(document["info"]["title"], "Invoices");
    assert_eq!(document["paths"]["/invoices"]["get"]["security"][0]["bearer"][0], "reader");
}

#[test]
fn the_example_without_settings_names_the_missing_ones() {
    let dir = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_hallpass")).with_file_name("examples/invoices");
    let output = Command::new(built).current_dir(dir.path()).env_clear().output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{stderr}");
    assert!(stderr.contains("HALLPASS_SECRET_KEY") && stderr.contains("roster.toml"), "{stderr}");
}

#[actix_web::test]
async fn the_example_follows_every_change_of_security() {
    let fresh = || {
        let gate = hallpass::testing::TestGate::new();
        let ledger = web::Data::new(example::Ledger::default());
        let site = gate.protect(example::Invoices::openapi(), move |config| {
            example::register(config, &ledger);
        });
        (gate, site.unwrap())
    };
    let its_own = ["/prices", "/greeting", "/invoices", "/invoices/{number}"];
    let document = fresh().1.document().clone();
    assert!(its_own.iter().all(|path| document["paths"][*path].is_object()), "{document}");
    changes_exactly_with_security(|path| its_own.contains(&path), fresh).await;
}
