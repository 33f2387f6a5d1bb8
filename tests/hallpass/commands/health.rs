//! `hallpass health` asks the service that the settings describe.

use std::net::TcpListener;

use super::SECRET;
use crate::{
    support::{folder::Folder, running_service::RunningService},
    tls::Pair,
};

fn port(service: &RunningService) -> String {
    service.address.rsplit(':').next().unwrap().to_owned()
}

#[test]
fn health_asks_the_service_of_the_settings_and_wildcards_by_loopback() {
    for (listens, asked, shown) in [
        ("127.0.0.1", "127.0.0.1", "http://127.0.0.1:"),
        ("0.0.0.0", "0.0.0.0", "http://127.0.0.1:"),
        ("0.0.0.0", "[::ffff:0.0.0.0]", "http://127.0.0.1:"),
        ("[::]", "[::]", "http://[::1]:"),
    ] {
        let folder = Folder::with_roster("");
        let mut serve = folder.command(&format!("serve --bind {listens}:0"));
        let service = RunningService::spawn(serve.env(SECRET.0, SECRET.1));
        let (port, address) = (port(&service), format!("{asked}:{}", port(&service)));
        let ready = format!("{shown}{port}/health/ready: ok\n");
        // Nothing else has to be set.
        let environment = [("HALLPASS_BIND", &*address)];
        assert_eq!(folder.run_with(&environment, "health").success().out, ready);
        let outcome = folder.run_with(&environment, "health --live").success();
        assert_eq!(outcome.out, format!("{shown}{port}/health/live: ok\n"));
        let outcome = folder.run(&format!("health --bind {address}")).success();
        assert_eq!(outcome.out, ready);
        // A proxy is for other machines.
        let proxy = [("HTTP_PROXY", "http://127.0.0.1:1"), ("HALLPASS_BIND", &*address)];
        folder.run_with(&proxy, "health").success();
    }
}

#[test]
fn health_takes_the_certificate_of_the_service_but_not_that_of_a_url() {
    let folder = Folder::with_roster("");
    Pair::new().write(&folder.path("tls"));
    let tls = [("HALLPASS_TLS_CERT", "tls/cert.pem"), ("HALLPASS_TLS_KEY", "tls/key.pem")];
    let mut serve = folder.command("serve --bind 127.0.0.1:0");
    let service = RunningService::spawn(serve.env(SECRET.0, SECRET.1).envs(tls));
    let address = format!("127.0.0.1:{}", port(&service));
    let outcome = folder.run_with(&tls, &format!("health --bind {address}")).success();
    assert_eq!(outcome.out, format!("https://{address}/health/ready: ok\n"));
    let outcome = folder.run(&format!("health --url https://{address}")).failure();
    outcome.stderr_contains(&["cannot be reached", "certificate"]);
    folder.run(&format!("health --bind {address}")).failure();
}

#[test]
fn health_fails_where_nothing_or_something_else_answers() {
    let folder = Folder::with_roster("");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let failure = |line: &str| folder.run(line).failure();
    failure(&format!("health --bind {nobody}")).stderr_contains(&[&nobody, "cannot be reached"]);
    failure("health --bind 127.0.0.1:0").stderr_contains(&["--bind", "--url"]);
    failure("health --bind nonsense").stderr_contains(&["--bind: ", "nonsense"]);
    folder.run("health --bind 127.0.0.1:1 --url http://127.0.0.1:1").usage_error();

    let mut serve = folder.command("serve --bind 127.0.0.1:0");
    let service = RunningService::spawn(serve.env(SECRET.0, SECRET.1));
    folder.run(&format!("health --url {}/", service.address)).success();
    let wrong = failure(&format!("health --url {}/.well-known/jwks.json#", service.address));
    wrong.stderr_contains(&["does not answer as hallpass does"]);
    let nowhere = failure(&format!("health --url {}/nowhere", service.address));
    nowhere.stderr_contains(&["/nowhere/health/ready answers 404"]);
}
