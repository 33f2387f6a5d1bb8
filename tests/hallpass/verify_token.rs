//! `HALLPASS_VERIFY_TOKEN`: `/verify` hands the backend an access token, which it verifies for itself.

use std::{fs, process::Stdio};

use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::{Value, json};

use crate::{
    metrics,
    support::{
        api_key::ApiKey,
        client::RequestBuilder,
        folder::Folder,
        raw_http::Response,
        server::{Server, program},
    },
};

const ON: (&str, &str) = ("HALLPASS_VERIFY_TOKEN", "on");
const TOKEN: &str = "x-hallpass-token";
const PASSWORD: &str = "open sesame";

/// An Ed25519 key as PKCS#8 PEM.
fn signing_key() -> String {
    let key = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
    let key = STANDARD.encode(key.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n")
}

/// A server with a signing key of its own and this roster, which may be edited.
fn serve(roster: &str, policy: Option<&Value>, settings: &[(&str, &str)]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("own.toml"), roster).unwrap();
    fs::write(dir.path().join("key.pem"), signing_key()).unwrap();
    let mut all = vec![
        ("HALLPASS_SECRET_KEY", ""),
        ("HALLPASS_SIGNING_KEY", "key.pem"),
        ("HALLPASS_ROSTER", "own.toml"),
        ("HALLPASS_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    if let Some(policy) = policy {
        fs::write(dir.path().join("policy.json"), policy.to_string()).unwrap();
        all.push(("HALLPASS_POLICY", "policy.json"));
    }
    all.extend(settings);
    Server::spawn(program(dir.path(), &["serve", "--bind", "127.0.0.1:0"]), dir, &all)
}

fn client(name: &str, fields: &str, key: &ApiKey) -> String {
    format!("[clients.{name}]\n{fields}\n{}\n", key.entry(name))
}

fn billing(key: &ApiKey) -> String {
    client("billing", "roles = ['reader']\nscopes = ['invoices:read']", key)
}

fn user(name: &str, roles: &str) -> String {
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    format!("[users.{name}]\nroles = {roles}\npassword = '{hash}'\n")
}

/// A policy with one operation that takes one of these schemes.
fn policy(schemes: Value) -> Value {
    let names = schemes.as_object().unwrap().keys();
    let security: Vec<Value> = names.map(|name| json!({ name: [] })).collect();
    json!({
        "openapi": "3.1.0",
        "paths": {
            "/a": { "get": { "security": security } },
            "/public": { "get": { "security": [] } },
        },
        "components": { "securitySchemes": schemes },
    })
}

fn ask<'s>(server: &'s Server, uri: &str) -> RequestBuilder<'s> {
    let request = server.anonymous().get("/verify");
    request.header("X-Forwarded-Method", "GET").header("X-Forwarded-Uri", uri)
}

fn by_key<'s>(server: &'s Server, key: &ApiKey) -> RequestBuilder<'s> {
    ask(server, "/a").header("X-API-Key", key.as_str())
}

fn by_token<'s>(server: &'s Server, token: &str) -> RequestBuilder<'s> {
    ask(server, "/a").header("Authorization", format!("Bearer {token}"))
}

/// The one token of an answer.
fn token(answer: &Response) -> String {
    let all = answer.all(TOKEN);
    assert_eq!(all.len(), 1, "{answer:?}");
    all[0].to_owned()
}

fn issuer(server: &Server) -> String {
    format!("http://{}", server.address)
}

/// The claims, verified as a backend does that knows nothing but the address of the service.
fn claims(server: &Server, token: &str) -> Value {
    let jwks = server.anonymous().get("/.well-known/jwks.json").expect(200).json();
    let jwks: JwkSet = serde_json::from_value(jwks).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = DecodingKey::from_jwk(jwks.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[issuer(server)]);
    validation.set_audience(&[issuer(server)]);
    jsonwebtoken::decode(token, &key, &validation).unwrap().claims
}

fn is_active(server: &Server, asking: &ApiKey, token: &str) -> bool {
    let request = server.anonymous().post("/introspect").header("X-API-Key", asking.as_str());
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let answer = request.body(format!("token={token}")).expect(200).json();
    answer["active"] == json!(true)
}

fn login(server: &Server, key: &ApiKey, body: Value) -> String {
    let request = server.anonymous().post("/login").header("X-API-Key", key.as_str());
    request.json(body).expect(200).json()["access_token"].as_str().unwrap().to_owned()
}

fn logout(server: &Server, token: &str) {
    server.bearer(token).post("/logout").expect(200);
}

/// Replaces the roster and waits until it is in use.
fn edit(server: &Server, roster: &str) {
    let reloads = |log: &str| log.matches("reloaded the roster").count();
    let before = reloads(&server.log());
    fs::write(server.dir.path().join("own.toml"), roster).unwrap();
    server.signal("HUP");
    server.log_until("the new roster", |log| reloads(log) > before);
}

fn seconds(claims: &Value, name: &str) -> i64 {
    claims[name].as_i64().unwrap()
}

#[test]
fn an_api_key_becomes_a_token_that_verifies_by_the_jwk_set() {
    let key = ApiKey::generate();
    let server = serve(&billing(&key), None, &[ON]);
    let claims = claims(&server, &token(&by_key(&server, &key).expect(200)));
    for (name, value) in [
        ("sub", json!("billing")),
        ("client_id", json!("billing")),
        ("roles", json!(["reader"])),
        ("scope", json!("invoices:read")),
        ("key_id", json!(key.id())),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!(seconds(&claims, "exp") - seconds(&claims, "iat"), 300);
    assert!(jiff::Timestamp::now().as_second() - seconds(&claims, "iat") <= 60);
}

#[test]
fn it_is_remembered_and_costs_one_signature_for_each_credential() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    let roster = format!("{}{}", billing(&key), other.entry("billing"));
    let server = serve(&roster, None, &[ON, metrics::ON]);
    let issued = || {
        let labels = [("grant", "verify")];
        metrics::scrape(&server).value("hallpass_tokens_issued_total", &labels).unwrap()
    };
    let first = token(&by_key(&server, &key).expect(200));
    for method in ["GET", "POST", "HEAD"] {
        let request = by_key(&server, &key).header("X-Original-Method", "GET");
        assert_eq!(token(&request.expect(200)), first, "{method}");
    }
    assert_eq!(issued(), 1.0);
    let second = token(&by_key(&server, &other).expect(200));
    assert_ne!(second, first);
    let presented = login(&server, &key, json!({}));
    let third = token(&by_token(&server, &presented).expect(200));
    assert_eq!(token(&by_token(&server, &presented).expect(200)), third);
    assert_eq!(issued(), 3.0);
    // Each is in the audit log once, by its id.
    for issued in [first, second, third] {
        let id = claims(&server, &issued)["jti"].as_str().unwrap().to_owned();
        let log = server.log_until("the audit line", |log| log.contains(&id));
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&id)).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("audit verify sub=billing key_id="), "{lines:?}");
        assert!(!log.contains(&issued), "the log shows a token");
    }
}

#[test]
fn the_end_of_the_key_is_the_end_of_its_tokens() {
    let (key, other) = (ApiKey::generate(), ApiKey::generate());
    let others = client("other", "", &other);
    let server = serve(&format!("{}{others}", billing(&key)), None, &[ON]);
    let first = token(&by_key(&server, &key).expect(200));
    assert!(is_active(&server, &other, &first));
    server.bearer(&first).get("/request").expect(200);
    // Fewer roles.
    edit(&server, &format!("{}{others}", client("billing", "", &key)));
    let second = token(&by_key(&server, &key).expect(200));
    assert_ne!(second, first);
    assert_eq!(claims(&server, &second)["roles"], json!([]));
    for roster in [
        others.clone(),
        format!("{}{others}", client("billing", "disabled = true", &key)),
        format!("{}{others}", client("renamed", "", &key)),
    ] {
        edit(&server, &roster);
        assert!(!is_active(&server, &other, &first) && !is_active(&server, &other, &second));
        server.bearer(&second).get("/request").refused(401, "invalid_token");
        let answer = by_key(&server, &key).answer();
        match answer.status {
            200 => assert_eq!(claims(&server, &token(&answer))["sub"], "renamed"),
            _ => assert_eq!((answer.status, answer.header(TOKEN)), (401, None)),
        }
    }
}

#[test]
fn a_token_that_was_revoked_by_itself_is_not_handed_out_again() {
    let key = ApiKey::generate();
    let server = serve(&billing(&key), None, &[ON]);
    let first = token(&by_key(&server, &key).expect(200));
    logout(&server, &first);
    assert!(!is_active(&server, &key, &first));
    let second = token(&by_key(&server, &key).expect(200));
    assert_ne!(second, first);
    assert!(is_active(&server, &key, &second));
}

#[test]
fn a_token_of_ours_becomes_a_short_one_that_ends_with_it() {
    let key = ApiKey::generate();
    let server = serve(&billing(&key), None, &[ON]);
    let presented = login(&server, &key, json!({}));
    let cookie = format!("access_token={presented}");
    for request in [by_token(&server, &presented), ask(&server, "/a").header("Cookie", cookie)] {
        let first = token(&request.expect(200));
        assert_ne!(first, presented);
        let of = claims(&server, &first);
        assert_eq!((&of["sub"], &of["key_id"]), (&json!("billing"), &json!(key.id())));
        assert_eq!(seconds(&of, "exp") - seconds(&of, "iat"), 300);
    }
    let first = token(&by_token(&server, &presented).expect(200));
    let second = token(&by_token(&server, &first).expect(200));
    assert!(is_active(&server, &key, &first) && is_active(&server, &key, &second));
    logout(&server, &presented);
    for ended in [presented, first, second] {
        assert!(!is_active(&server, &key, &ended));
        by_token(&server, &ended).refused(401, "invalid_token");
    }
}

#[test]
fn it_never_lives_longer_than_what_was_presented() {
    let (key, ending) = (ApiKey::generate(), ApiKey::generate());
    let now = jiff::Timestamp::now().as_second();
    let end = jiff::Timestamp::from_second(now + 200).unwrap();
    let ends = format!("{}\nexpires = {end}\n", ending.entry("ending"));
    let roster = format!("{}[clients.ending]\n{ends}", billing(&key));
    let server = serve(&roster, None, &[ON]);
    let of = claims(&server, &token(&by_key(&server, &ending).expect(200)));
    assert_eq!(seconds(&of, "exp"), end.as_second());
    let presented = login(&server, &key, json!({ "expires_in": 100 }));
    let of = claims(&server, &token(&by_token(&server, &presented).expect(200)));
    assert_eq!(of["exp"], claims(&server, &presented)["exp"]);
    let server = serve(&roster, None, &[ON, ("HALLPASS_TOKEN_LIFETIME", "90s")]);
    let of = claims(&server, &token(&by_key(&server, &key).expect(200)));
    assert_eq!(seconds(&of, "exp") - seconds(&of, "iat"), 90);
}

#[test]
fn a_password_becomes_a_token_of_its_user() {
    let key = ApiKey::generate();
    let basic = policy(json!({ "basic": { "type": "http", "scheme": "basic" } }));
    let roster = format!("{}{}", billing(&key), user("alice", "['admin']"));
    let server = serve(&roster, Some(&basic), &[ON]);
    let as_alice = || {
        let secret = STANDARD.encode(format!("alice:{PASSWORD}"));
        ask(&server, "/a").header("Authorization", format!("Basic {secret}"))
    };
    let first = token(&as_alice().expect(200));
    assert_eq!(token(&as_alice().expect(200)), first);
    let of = claims(&server, &first);
    assert_eq!((&of["sub"], &of["roles"]), (&json!("alice"), &json!(["admin"])));
    assert_eq!(of.get("key_id"), None);
    assert!(is_active(&server, &key, &first));
    // As client and API key.
    let secret = STANDARD.encode(format!("billing:{}", key.as_str()));
    let request = ask(&server, "/a").header("Authorization", format!("Basic {secret}"));
    assert_eq!(claims(&server, &token(&request.expect(200)))["sub"], "billing");
    edit(&server, &billing(&key));
    assert!(!is_active(&server, &key, &first));
    as_alice().expect(401);
}

#[test]
fn the_token_of_another_issuer_becomes_one_that_is_for_backends_alone() {
    let (key, their_key) = (ApiKey::generate(), ApiKey::generate());
    let provider = serve(&client("alice", "roles = ['admin']", &their_key), None, &[]);
    let url = issuer(&provider);
    let discovery = format!("{url}/.well-known/openid-configuration");
    let policy = policy(json!({
        "corp": { "type": "openIdConnect", "openIdConnectUrl": discovery },
        "ours": { "type": "http", "scheme": "bearer" },
    }));
    // Their alice is not ours.
    let corp =
        format!("[issuers.corp]\nurl = '{url}'\naudience = '{url}'\nroles_claim = 'roles'\n");
    let roster = format!("{}{}{corp}", billing(&key), user("alice", "['admin']"));
    let server = serve(&roster, Some(&policy), &[ON]);
    let theirs = login(&provider, &their_key, json!({ "expires_in": 200 }));
    let answer = by_token(&server, &theirs).expect(200);
    assert_eq!(answer.header("x-hallpass-subject"), Some("alice"));
    assert_eq!(answer.header("x-hallpass-issuer"), Some("corp"));
    let issued = token(&answer);
    assert_eq!(token(&by_token(&server, &theirs).expect(200)), issued);
    let of = claims(&server, &issued);
    assert_eq!((&of["sub"], &of["client_id"]), (&json!("corp:alice"), &json!("corp:alice")));
    assert_eq!((&of["roles"], &of["scope"]), (&json!(["admin"]), &json!("admin")));
    assert_eq!(of["exp"], claims(&provider, &theirs)["exp"]);
    // Nobody of the roster is meant.
    for target in ["/request", "/clients"] {
        server.bearer(&issued).get(target).refused(401, "invalid_token");
    }
    assert!(!is_active(&server, &key, &issued));
    by_token(&server, &issued).refused(401, "invalid_token");
    server.log_until("the reason", |log| log.contains("speaks for a subject of another issuer"));
}

#[test]
fn nobody_has_an_empty_token_and_a_refusal_none() {
    let key = ApiKey::generate();
    let scheme = json!({ "key": { "type": "apiKey", "in": "header", "name": "X-API-Key" } });
    let policy = policy(scheme);
    let server = serve(&billing(&key), Some(&policy), &[ON]);
    let spoofed = (TOKEN, "eyJhbGciOiJub25lIn0.e30.");
    let public = ask(&server, "/public").headers(&[spoofed]).expect(200);
    assert_eq!(public.all(TOKEN), [""]);
    let preflight = server.anonymous().get("/verify").headers(&[
        ("X-Original-Method", "OPTIONS"),
        ("X-Original-URI", "/a"),
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "GET"),
    ]);
    assert_eq!(preflight.expect(200).all(TOKEN), [""]);
    assert_eq!(
        token(&by_key(&server, &key).headers(&[spoofed]).expect(200)).matches('.').count(),
        2
    );
    for (request, status) in [
        (ask(&server, "/a"), 401),
        (ask(&server, "/a").header("X-API-Key", "x"), 401),
        (ask(&server, "/b").header("X-API-Key", key.as_str()), 403),
        (by_key(&server, &key).header("X_Hallpass_Token", "x"), 403),
    ] {
        assert_eq!(request.expect(status).header(TOKEN), None);
    }
}

#[test]
fn what_would_be_refused_passes_with_the_empty_token() {
    let key = ApiKey::generate();
    let server = serve(&billing(&key), None, &[ON, ("HALLPASS_POLICY_MODE", "report")]);
    let spoofed = (TOKEN, "eyJhbGciOiJub25lIn0.e30.");
    for request in [ask(&server, "/a"), ask(&server, "/a").header("X-API-Key", "x")] {
        assert_eq!(request.headers(&[spoofed]).expect(200).all(TOKEN), [""]);
    }
    assert_ne!(token(&by_key(&server, &key).expect(200)), "");
}

#[test]
fn without_the_setting_there_is_no_token() {
    let key = ApiKey::generate();
    for settings in [&[][..], &[("HALLPASS_VERIFY_TOKEN", "off")]] {
        let server = serve(&billing(&key), None, settings);
        let answer = by_key(&server, &key).expect(200);
        assert_eq!(answer.header("x-hallpass-subject"), Some("billing"));
        assert_eq!(answer.header(TOKEN), None);
    }
}

#[test]
fn a_principal_that_fits_into_no_token_does_not_pass_as_nobody() {
    let key = ApiKey::generate();
    let roles: Vec<String> = (0..60).map(|at| format!("'{at:0120}'")).collect();
    let roster = client("many", &format!("roles = [{}]", roles.join(", ")), &key);
    let server = serve(&roster, None, &[ON]);
    let refused = by_key(&server, &key).refused(403, "denied");
    assert_eq!(refused.header(TOKEN), None);
    server.log_until("the reason", |log| log.contains("the token would be longer than"));
}

#[test]
fn the_value_is_checked_and_a_secret_key_is_warned_about() {
    let folder = Folder::new();
    folder.run("init").success();
    let check = |value: &str| {
        let mut command = folder.command("check");
        let output = command.env("HALLPASS_VERIFY_TOKEN", value).stdin(Stdio::null()).output();
        let output = output.unwrap();
        let told = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), told.concat())
    };
    let (code, told) = check("yes");
    assert_eq!(code, Some(1));
    assert!(told.contains("HALLPASS_VERIFY_TOKEN"), "{told}");
    let warning = "HALLPASS_VERIFY_TOKEN is on with a secret key";
    assert!(check("on").1.contains(warning));
    assert!(!check("off").1.contains(warning));
}

#[test]
fn the_document_names_the_header() {
    let server = Server::start();
    let document = server.document();
    for method in ["get", "post", "options"] {
        let headers = &document["paths"]["/verify"][method]["responses"]["200"]["headers"];
        assert_eq!(headers["X-Hallpass-Token"]["schema"]["type"], "string", "{method}");
    }
}
