//! TLS: certificates that are served, replaced, broken and refused.

use std::{
    fs,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::symlink,
    path::Path,
    sync::Arc,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{
    CertificateParams, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs::default_provider, pki_types::CertificateDer,
};

use crate::support::{
    load::{Connection, Expectation, Load, requests, tcp},
    raw_http::{connect, read_response},
    server::{Server, eventually, program},
};

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A self-signed certificate for `localhost` and its key.
pub(crate) struct Pair {
    der: CertificateDer<'static>,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::until(jiff::civil::date(4000, 1, 1))
    }

    /// A pair that expires at the beginning of this day.
    pub(crate) fn until(end: jiff::civil::Date) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let key = BASE64_STANDARD.encode(pair.to_pkcs8v1().unwrap());
        let key = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
        let mut about = CertificateParams::new(["localhost".to_owned()]).unwrap();
        about.serial_number = Some(1.into());
        let (month, day) = (end.month().try_into().unwrap(), end.day().try_into().unwrap());
        about.not_after = rcgen::date_time_ymd(end.year().into(), month, day);
        let made = about.self_signed(&Signing(pair)).unwrap();
        Self { der: made.der().clone(), certificate: made.pem(), key }
    }

    /// Creates a directory and writes both files into it.
    pub(crate) fn write(&self, directory: &Path) {
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join("cert.pem"), &self.certificate).unwrap();
        fs::write(directory.join("key.pem"), &self.key).unwrap();
    }
}

/// A signing key for rcgen.
struct Signing(EcdsaKeyPair);

impl PublicKeyData for Signing {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for Signing {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.0.sign(&SystemRandom::new(), message).unwrap();
        Ok(signature.as_ref().to_vec())
    }
}

/// A TLS server with the files in `live`.
fn server(live: &Path) -> Server {
    let files = ["cert.pem", "key.pem"].map(|name| live.join(name).to_str().unwrap().to_owned());
    Server::start_with(&[("HALLPASS_TLS_CERT", &files[0]), ("HALLPASS_TLS_KEY", &files[1])])
}

/// A client configuration that trusts only these certificates.
pub(crate) fn trusting(pairs: &[&Pair]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    pairs.iter().for_each(|pair| roots.add(pair.der.clone()).unwrap());
    let config = ClientConfig::builder_with_provider(default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

/// A new connection after the handshake.
pub(crate) fn dial(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
) -> io::Result<Connection<Stream>> {
    let name = "localhost".try_into().unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, tcp(address)?);
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(Connection::over(stream))
}

fn ready(address: SocketAddr, config: &Arc<ClientConfig>) -> io::Result<serde_json::Value> {
    let request = "GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n";
    Ok(dial(address, config)?.request(request)?.json())
}

/// As [`requests`], with a token that was issued over TLS.
pub(crate) fn requests_over_tls(server: &Server, config: &Arc<ClientConfig>) -> Vec<Expectation> {
    let key = server.accounts.key("reader");
    let login = format!("POST /login HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n");
    let answer = dial(server.address, config).unwrap().request(&login).unwrap().json();
    requests(server, answer["access_token"].as_str().unwrap())
}

#[test]
fn tls_is_served_and_urls_of_the_service_are_https() {
    let directory = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    pair.write(directory.path());
    let server = server(directory.path());
    let config = trusting(&[&pair]);
    let mut kept = dial(server.address, &config).unwrap();
    for (request, expected) in requests_over_tls(&server, &config) {
        assert!(expected.contains(&kept.request(&request).unwrap().status), "{request}");
    }
    let discovery = "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: x\r\n\r\n";
    let issuer = kept.request(discovery).unwrap().json()["issuer"].clone();
    assert_eq!(issuer, format!("https://{}", server.address));
    for (request, status) in [
        ("GET /health/live", 200),
        ("GET /request", 401),
        ("GET /nowhere", 404),
        ("PUT /login", 405),
    ] {
        let answer = kept.request(&format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n")).unwrap();
        let age = answer.header("strict-transport-security").and_then(|it| it.split_once('='));
        let age: u64 = age.expect(request).1.parse().unwrap();
        assert!(age >= 24 * 60 * 60 && answer.status == status, "{request}");
    }
    let untrusted = dial(server.address, &trusting(&[&Pair::new()])).err().unwrap();
    assert!(untrusted.to_string().contains("invalid peer certificate"), "{untrusted}");
}

#[test]
fn peers_without_tls_are_disconnected() {
    let directory = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    pair.write(directory.path());
    let server = server(directory.path());
    let config = trusting(&[&pair]);
    let mut silent: Vec<TcpStream> = (0..300).map(|_| connect(server.address)).collect();
    for garbage in ["GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", "\0\0\0\0\0\0\0\0"] {
        let mut plain = connect(server.address);
        plain.write_all(garbage.as_bytes()).unwrap();
        assert!(read_response(&mut plain).is_none());
    }
    assert_eq!(ready(server.address, &config).unwrap()["status"], "ok");
    for silent in &mut silent {
        let end = silent.read_to_end(&mut Vec::new());
        assert!(end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    }
    assert_eq!(ready(server.address, &config).unwrap()["status"], "ok");
}

#[test]
fn replaced_certificates_are_served_and_broken_ones_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let pairs = [(); 4].map(|()| Pair::new());
    pairs.iter().zip(["1", "2", "3", "4"]).for_each(|(pair, name)| pair.write(&at(name)));
    symlink("1", at("live")).unwrap();
    let server = server(&at("live"));
    let address = server.address;
    server.add_secret("the key of TLS", pairs[2].key.lines().nth(1).unwrap());
    let all = trusting(&pairs.iter().collect::<Vec<_>>());
    let load = Load::start(requests_over_tls(&server, &all), move || dial(address, &all));
    let serves = |pair: &Pair, status: &str| {
        eventually("the right certificate is served", || {
            let ready = ready(address, &trusting(&[pair])).ok()?;
            (ready["status"] == status).then_some(())
        });
        load.wait_for_answers(50);
    };
    serves(&pairs[0], "ok");
    // As Kubernetes replaces files.
    symlink("2", at("new")).unwrap();
    fs::rename(at("new"), at("live")).unwrap();
    serves(&pairs[1], "ok");
    // As certbot replaces files: in between they do not match.
    fs::copy(at("3/key.pem"), at("live/key.pem")).unwrap();
    server.log_until("the log line", |log| {
        log.contains("key.pem: is not the key of the first certificate in")
            && log.contains("was not reloaded")
    });
    serves(&pairs[1], "degraded");
    fs::copy(at("3/cert.pem"), at("live/cert.pem")).unwrap();
    serves(&pairs[2], "ok");
    fs::remove_file(at("live")).unwrap();
    server.log_until("the log line", |log| log.contains("cannot be read"));
    symlink("4", at("live")).unwrap();
    server.signal("HUP");
    serves(&pairs[3], "ok");
    assert_eq!(load.stop(), Vec::<String>::new());
}

#[test]
fn requests_under_load_are_answered_before_the_exit() {
    let directory = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    pair.write(directory.path());
    for _ in 0..2 {
        let server = server(directory.path());
        let (address, config) = (server.address, trusting(&[&pair]));
        let requests = requests_over_tls(&server, &config);
        let load = Load::start(requests, move || dial(address, &config));
        load.wait_for_answers(300);
        server.signal("TERM");
        assert_eq!(load.wait_for_end(), Vec::<String>::new());
        assert_eq!(server.exit().code(), Some(0));
    }
}

#[test]
fn certificate_errors_are_reported_before_listening() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let (pair, other) = (Pair::new(), Pair::new());
    pair.write(directory.path());
    fs::write(at("other.pem"), &other.key).unwrap();
    fs::write(at("damaged.pem"), pair.certificate.replace("MI", "!!")).unwrap();
    let lines: Vec<&str> = pair.certificate.lines().collect();
    fs::write(at("short.pem"), [&lines[..2], &lines[3..]].concat().join("\n")).unwrap();
    fs::write(at("cert.der"), &pair.der).unwrap();
    for (name, pem) in [("cert-bom.pem", &pair.certificate), ("key-bom.pem", &pair.key)] {
        fs::write(at(name), format!("\u{feff}{pem}")).unwrap();
    }
    fs::write(at("roster.toml"), "").unwrap();
    for (certificate, key, errors) in [
        ("cert.pem", "key.pem", &[][..]),
        ("cert-bom.pem", "key-bom.pem", &[]),
        (
            "none.pem",
            "neither.pem",
            &["none.pem: cannot be read: ", "neither.pem: cannot be read: "],
        ),
        (
            "key.pem",
            "cert.pem",
            &["key.pem: holds no certificate: ", "cert.pem: holds no private key: "],
        ),
        (
            "cert.pem",
            "other.pem",
            &["other.pem: is not the key of the first certificate in cert.pem: "],
        ),
        ("damaged.pem", "key.pem", &["damaged.pem: is a damaged PEM: "]),
        ("short.pem", "key.pem", &["short.pem: holds a damaged certificate: "]),
        ("cert.der", "key.pem", &["cert.der: is no PEM, which HALLPASS_TLS_CERT takes: "]),
        ("cert.pem", "", &["environment: HALLPASS_TLS_CERT is set and HALLPASS_TLS_KEY is not: "]),
    ] {
        let run = |command: &str| {
            let mut program = program(directory.path(), &[command]);
            program.env("HALLPASS_SECRET_KEY", "tests-only-0123456789abcdef-0123456789");
            program.env("HALLPASS_TLS_CERT", certificate).env("HALLPASS_TLS_KEY", key);
            program.env("HALLPASS_BIND", "127.0.0.1:0").output().unwrap()
        };
        let checked = run("check");
        let stdout = String::from_utf8(checked.stdout).unwrap();
        assert_eq!(checked.status.success(), errors.is_empty(), "{stdout}");
        if errors.is_empty() {
            continue;
        }
        let lines = || stdout.lines().filter(|line| !line.ends_with("(a warning)"));
        assert_eq!(lines().count(), errors.len(), "{stdout}");
        assert!(lines().zip(errors).all(|(line, error)| line.starts_with(error)), "{stdout}");
        let refused = run("serve");
        assert_eq!(refused.status.code(), Some(1));
        assert_eq!(String::from_utf8(refused.stderr).unwrap(), stdout);
        let secret = other.key.lines().nth(1).unwrap();
        assert!(!stdout.contains(secret), "{stdout}");
    }
}
