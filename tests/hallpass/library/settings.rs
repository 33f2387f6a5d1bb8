//! Which settings count in an application.

use std::{
    env, fs,
    io::{self, Write},
    process::Command,
};

use actix_web::test::init_service;
use hallpass::Gate;
use log::{LevelFilter, Log, Metadata, Record};
use utoipa::openapi::OpenApi;

use crate::{
    support::{folder::Folder, server::SIGNING_SECRET},
    tls::Pair,
};

/// Set where an application asks for its TLS configuration.
const ASKS_FOR_TLS: &str = "TEST_ASKS_FOR_TLS";

/// Writes warnings to stdout.
struct Warnings;

impl Log for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let mut out = io::stdout().lock();
            writeln!(out, "{}: {}", record.level(), record.args()).unwrap();
        }
    }

    fn flush(&self) {}
}

/// An application that is made from the environment: run by the other tests in a process of its own, since a process has
/// one environment and one logger.
#[actix_web::test]
#[ignore = "the application of the other tests"]
async fn application() {
    log::set_logger(&Warnings).unwrap();
    log::set_max_level(LevelFilter::Warn);
    let gate = Gate::from_env().unwrap();
    let site = gate.protect(OpenApi::default(), |_| {}).unwrap();
    if env::var_os(ASKS_FOR_TLS).is_some() {
        gate.tls().unwrap();
    }
    init_service(site.app()).await;
    init_service(site.app()).await;
}

/// What an application with these settings warns about; the roster has a user, so that there is nothing else.
fn warnings(folder: &Folder, settings: &[(&str, &str)]) -> Vec<String> {
    let user = "[users.alice]\npassword = \
        '$2b$12$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'\n";
    folder.write("roster.toml", user);
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["library::settings::application", "--exact", "--ignored", "--nocapture"]);
    command.current_dir(folder.path("")).env_clear().envs(settings.iter().copied());
    command.envs([("HALLPASS_SECRET_KEY", SIGNING_SECRET), ("HALLPASS_STATE", "memory")]);
    let output = command.output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
    let warnings = out.lines().filter_map(|line| line.split_once("WARN: "));
    warnings.map(|(_, warning)| warning.to_owned()).collect()
}

#[test]
fn settings_without_effect_are_warned_about_and_no_others() {
    let folder = Folder::new();
    folder.write(".env", "HALLPASS_WORKERS=4\n");
    let told = warnings(
        &folder,
        &[
            ("HALLPASS_METRICS_BIND", "127.0.0.1:0"),
            ("HALLPASS_LOG", "debug"),
            ("HALLPASS_LOG_FORMAT", "json"),
            ("HALLPASS_BIND", "127.0.0.1:0"),
            ("HALLPASS_CORS_ORIGINS", "https://app.example.com"),
            ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1"),
            ("HALLPASS_RATE_LIMIT", "off"),
            ("HALLPASS_DOCS", "off"),
        ],
    );
    let expected = [
        ".env:1: HALLPASS_WORKERS has no effect in an application: `HttpServer::workers`",
        "environment: HALLPASS_METRICS_BIND has no effect in an application: `Gate::metrics`",
        "environment: HALLPASS_LOG has no effect in an application: ",
        "environment: HALLPASS_LOG_FORMAT has no effect in an application: ",
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}");
    }
    folder.write(".env", "");
    assert_eq!(warnings(&folder, &[]), [""; 0]);
}

#[test]
fn tls_that_nothing_listens_with_is_warned_about_once() {
    let folder = Folder::new();
    let pair = Pair::new();
    fs::write(folder.path("cert.pem"), &pair.certificate).unwrap();
    folder.write("key.pem", &pair.key);
    let tls = [("HALLPASS_TLS_CERT", "cert.pem"), ("HALLPASS_TLS_KEY", "key.pem")];
    let told = warnings(&folder, &tls);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("HALLPASS_TLS_CERT") && told[0].contains("Gate::tls"), "{told:?}");
    assert_eq!(warnings(&folder, &[tls[0], tls[1], (ASKS_FOR_TLS, "1")]), [""; 0]);
}
