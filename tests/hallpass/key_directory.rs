//! A service follows the directory of its signing keys.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{
    load::{Connection, Load, requests},
    server::{Server, eventually, program},
};

/// Two services in one directory would be the same here: what counts are its files.
const KEYS: [(&str, &str); 2] = [("HALLPASS_SECRET_KEY", ""), ("HALLPASS_SIGNING_KEY", "keys/")];

/// Takes a step of the rotation in the directory of keys, whose waits are over.
fn rotate(dir: &Path, arguments: &[&str]) {
    for name in ["next.pem", "former.pem"] {
        if let Ok(file) = fs::File::options().append(true).open(dir.join("keys").join(name)) {
            file.set_modified(SystemTime::now() - Duration::from_secs(24 * 60 * 60)).unwrap();
        }
    }
    let rotated = program(dir, &[&["signing-key", "rotate", "keys"], arguments].concat()).output();
    let rotated = rotated.unwrap();
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
}

fn start_with(settings: &[(&str, &str)]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("keys")).unwrap();
    rotate(dir.path(), &[]);
    let serve = program(dir.path(), &["serve", "--bind", "127.0.0.1:0"]);
    Server::spawn(serve, dir, &[&KEYS, settings].concat())
}

fn start() -> Server {
    start_with(&[])
}

fn keys(server: &Server) -> PathBuf {
    server.dir.path().join("keys")
}

/// The names of the published keys, the one that signs first.
fn published(server: &Server) -> Vec<String> {
    let answer = server.anonymous().get("/.well-known/jwks.json").expect(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let set = answer.json();
    let kids = set["keys"].as_array().unwrap().iter();
    kids.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn published_until(server: &Server, what: &str, good: impl Fn(&[String]) -> bool) -> Vec<String> {
    eventually(what, || Some(published(server)).filter(|kids| good(kids)))
}

fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

fn health(server: &Server) -> Value {
    server.anonymous().get("/health/ready").expect(200).json()["status"].clone()
}

fn is_accepted(server: &Server, token: &str) -> bool {
    server.bearer(token).get("/request").answer().status == 200
}

#[test]
fn each_step_of_a_rotation_counts_while_serving() {
    let server = start();
    let old = published(&server);
    let [first] = &*old else { panic!("{old:?}") };
    let token = server.login("reader");
    assert_eq!(kid(&token), *first);
    assert!(is_accepted(&server, &token));

    rotate(server.dir.path(), &[]);
    let both = published_until(&server, "published", |kids| kids.len() == 2);
    assert_eq!((&both[0], kid(&server.login("reader"))), (first, first.clone()));

    rotate(server.dir.path(), &[]);
    let turned = published_until(&server, "signs", |kids| kids[0] != *first);
    assert_eq!((turned.len(), &turned[0]), (2, &both[1]));
    assert_eq!(kid(&server.login("reader")), turned[0]);
    assert!(is_accepted(&server, &token));

    rotate(server.dir.path(), &[]);
    published_until(&server, "withdrawn", |kids| *kids == turned[..1]);
    // It was verified a moment ago.
    server.bearer(&token).get("/request").refused(401, "invalid_token");
    let form = format!("token={token}");
    let introspect = server.key("admin").post("/introspect");
    let introspect = introspect.header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(introspect.body(form).expect(200).json(), json!({ "active": false }));
    assert_eq!(health(&server), "ok");
}

#[test]
fn a_key_that_is_removed_ends_its_tokens_at_once() {
    let server = start();
    let token = server.login("reader");
    assert!(is_accepted(&server, &token));
    fs::remove_file(keys(&server).join("current.pem")).unwrap();
    rotate(server.dir.path(), &["--algorithm", "p256"]);
    server.signal("HUP");
    eventually("refused", || (!is_accepted(&server, &token)).then_some(()));
    assert!(is_accepted(&server, &server.login("reader")));
}

#[test]
fn any_other_pem_verifies_and_is_published() {
    let server = start();
    let token = server.login("reader");
    fs::rename(keys(&server).join("current.pem"), keys(&server).join("of 2025.pem")).unwrap();
    fs::rename(keys(&server).join("of 2025.pem"), keys(&server).join("current.pem")).unwrap();
    rotate(server.dir.path(), &["--algorithm", "p256"]);
    // By hand: the old key stays under a name of one's own.
    fs::rename(keys(&server).join("current.pem"), keys(&server).join("of 2025.pem")).unwrap();
    fs::rename(keys(&server).join("next.pem"), keys(&server).join("current.pem")).unwrap();
    published_until(&server, "the new key", |kids| kids.len() == 2 && kids[1] == kid(&token));
    assert!(is_accepted(&server, &token) && is_accepted(&server, &server.login("reader")));
    let discovery = "/.well-known/openid-configuration";
    let metadata = server.anonymous().get(discovery).expect(200).json();
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));
}

#[test]
fn a_broken_set_is_reported_and_the_last_good_one_stays() {
    let server = start();
    let token = server.login("reader");
    let current = keys(&server).join("current.pem");
    let good = fs::read_to_string(&current).unwrap();
    type Break<'b> = &'b dyn Fn();
    type Repair<'b> = &'b dyn Fn();
    let write = |name: &str, text: &str| {
        fs::write(keys(&server).join(name), text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(keys(&server).join(name), mode).unwrap();
    };
    let rows: [(&str, Break<'_>, Repair<'_>); 3] = [
        ("keys/x.pem: holds no PEM", &|| write("x.pem", "half"), &|| {
            fs::remove_file(keys(&server).join("x.pem")).unwrap();
        }),
        ("keys/: holds no signing key", &|| fs::remove_file(&current).unwrap(), &|| {
            write("current.pem", &good)
        }),
        (
            "keys/: cannot be used: ",
            &|| fs::rename(keys(&server), server.dir.path().join("gone")).unwrap(),
            &|| fs::rename(server.dir.path().join("gone"), keys(&server)).unwrap(),
        ),
    ];
    for (why, break_it, repair) in rows {
        break_it();
        server.log_until(why, |log| log.contains(why));
        eventually("degraded", || (health(&server) == "degraded").then_some(()));
        assert!(is_accepted(&server, &token) && is_accepted(&server, &server.login("reader")));
        assert_eq!(published(&server), [kid(&token)]);
        repair();
        eventually("repaired", || (health(&server) == "ok").then_some(()));
    }
}

#[test]
fn a_projected_volume_is_followed() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("keys")).unwrap();
    rotate(dir.path(), &[]);
    rotate(dir.path(), &[]);
    // As Kubernetes makes it.
    fs::rename(at("keys"), at("made")).unwrap();
    for version in ["keys/..1", "keys/..2"] {
        fs::create_dir_all(at(version)).unwrap();
    }
    let copy = |from: &str, to: &str| {
        fs::copy(at("made").join(from), at("keys").join(to)).unwrap();
    };
    copy("current.pem", "..1/current.pem");
    copy("next.pem", "..2/current.pem");
    copy("current.pem", "..2/former.pem");
    symlink("..1", at("keys/..data")).unwrap();
    symlink("..data/current.pem", at("keys/current.pem")).unwrap();
    let serve = program(dir.path(), &["serve", "--bind", "127.0.0.1:0"]);
    let server = Server::spawn(serve, dir, &KEYS);
    let token = server.login("reader");
    symlink("..2", keys(&server).join("..data_tmp")).unwrap();
    symlink("..data/former.pem", keys(&server).join("former.pem")).unwrap_or_default();
    fs::rename(keys(&server).join("..data_tmp"), keys(&server).join("..data")).unwrap();
    published_until(&server, "swapped", |kids| kids.len() == 2 && kids[1] == kid(&token));
    assert!(is_accepted(&server, &token));
    assert_ne!(kid(&server.login("reader")), kid(&token));
}

#[test]
fn the_token_for_a_backend_is_signed_by_the_key_that_signs_now() {
    let settings = [("HALLPASS_VERIFY_TOKEN", "on"), ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1")];
    let server = start_with(&settings);
    let asked = || {
        let ask = server.key("reader").get("/verify");
        let ask = ask.headers(&[("X-Original-Method", "GET"), ("X-Original-URI", "/")]);
        kid(ask.expect(200).header("x-hallpass-token").unwrap())
    };
    let first = published(&server)[0].clone();
    assert_eq!((asked(), asked()), (first.clone(), first.clone()));
    rotate(server.dir.path(), &[]);
    rotate(server.dir.path(), &[]);
    published_until(&server, "signs", |kids| kids[0] != first);
    assert_ne!(asked(), first);
}

#[test]
fn a_rotation_under_load_gives_no_unexpected_status() {
    let server = start();
    let address = server.address;
    for _ in 0..2 {
        let token = server.login("reader");
        let load = Load::start(requests(&server, &token), move || Connection::open(address));
        load.wait_for_answers(100);
        for step in ["published", "signs"] {
            let before = published(&server);
            rotate(server.dir.path(), &[]);
            published_until(&server, step, |kids| *kids != before);
            load.wait_for_answers(200);
        }
        assert_eq!(load.stop(), [""; 0]);
        rotate(server.dir.path(), &[]);
        published_until(&server, "withdrawn", |kids| kids.len() == 1);
        assert!(!is_accepted(&server, &token));
    }
    assert!(!server.log().contains("not reloaded"), "{}", server.log());
}
