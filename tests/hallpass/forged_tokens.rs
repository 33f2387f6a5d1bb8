//! Forged tokens are refused.

use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::support::{
    forged_token::ForgedToken,
    server::{SIGNING_SECRET, Server},
};

/// Headers and signatures that no issued token has.
fn wrong_outside(issued: &str) -> Vec<(&'static str, String)> {
    let original = ForgedToken::from(issued);
    let with = |name: &str, value| original.clone().header(name, value).sign();
    let algorithm = |name: &str| original.clone().header("alg", json!(name));
    vec![
        ("alg none", algorithm("none").unsigned()),
        ("no signature", original.unsigned()),
        ("another secret", original.sign_with(&"x".repeat(40), Algorithm::HS256)),
        ("an empty secret", original.sign_with("", Algorithm::HS256)),
        ("another algorithm in name", algorithm("HS512").sign()),
        ("another algorithm", algorithm("HS512").sign_with(SIGNING_SECRET, Algorithm::HS512)),
        ("an asymmetric algorithm", algorithm("RS256").sign()),
        ("jku", with("jku", json!("https://evil.example/jwks.json"))),
        ("jwk", with("jwk", json!({ "kty": "oct", "k": "eA" }))),
        ("x5u", with("x5u", json!("https://evil.example/cert.pem"))),
        ("crit", with("crit", json!(["exp"]))),
        ("another typ", with("typ", json!("JWT"))),
        ("another kid", with("kid", json!("another"))),
        ("a kid that is a path", with("kid", json!("../../../../dev/null"))),
        ("cut", issued[..issued.len() - 1].to_owned()),
        ("a fourth part", format!("{issued}.x")),
        ("dots", "..".to_owned()),
        ("no JWT", "x".to_owned()),
        ("100 KB", "x".repeat(100_000)),
    ]
}

/// Claims that no issued token has, with a valid signature.
fn wrong_inside(issued: &str) -> Vec<(&'static str, String)> {
    let original = ForgedToken::from(issued);
    let claim = |name: &str, value| original.clone().claim(name, value).sign();
    let without = |name: &str| original.clone().without(name).sign();
    let now = jiff::Timestamp::now().as_second();
    let soon = now + 3600;
    vec![
        ("another issuer", claim("iss", json!("https://evil.example"))),
        ("another audience", claim("aud", json!("https://evil.example"))),
        ("a future iat", claim("iat", json!(now + 20))),
        ("a future nbf", claim("nbf", json!(now + 20))),
        ("a fraction of a second", claim("exp", json!(soon as f64 + 0.5))),
        ("a text for a time", claim("exp", json!(soon.to_string()))),
        ("an unknown sub", claim("sub", json!("nobody"))),
        ("an unknown key", claim("key_id", json!("000000000000"))),
        ("an empty jti", claim("jti", json!(""))),
        ("no exp", without("exp")),
        ("no jti", without("jti")),
        ("no sub", without("sub")),
        ("no key", without("key_id")),
    ]
}

#[test]
fn a_claim_that_a_newer_service_with_the_same_key_may_write_is_ignored() {
    let server = Server::start();
    let token = ForgedToken::from(&server.login("reader")).claim("tenant", json!("acme")).sign();
    server.bearer(&token).get("/request").expect(200);
    server.bearer(&token).get("/clients").refused(403, "insufficient_scope");
}

#[test]
fn a_forged_token_is_refused_everywhere() {
    let server = Server::start();
    let issued = server.login("admin");
    for (what, token) in [wrong_outside(&issued), wrong_inside(&issued)].concat() {
        let answer = server.bearer(&token).get("/clients").refused(401, "invalid_token");
        let challenges = answer.challenges();
        let expected = "Bearer error=\"invalid_token\", error_description=\"";
        assert!(challenges[0].starts_with(expected), "{what}: {challenges:?}");
        let session = server.anonymous().get("/clients");
        session.header("Cookie", format!("access_token={token}")).refused(401, "invalid_token");
    }
    // Unchanged parts that are signed again are accepted, so each refusal is due to the change.
    server.bearer(&ForgedToken::from(&issued).sign()).get("/clients").expect(200);
}

#[test]
fn an_expired_token_is_refused_as_expired() {
    let server = Server::start();
    let token = ForgedToken::from(&server.login("admin")).expired().sign();
    let answer = server.bearer(&token).get("/request").refused(401, "invalid_token");
    let challenge = "Bearer error=\"invalid_token\", error_description=\"The token has expired.\"";
    assert_eq!(answer.challenges()[0], challenge);
}

#[test]
fn a_repeated_claim_is_refused() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let server = Server::start();
    let issued = server.login("reader");
    let parts: Vec<&str> = issued.split('.').collect();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    for doubled in [
        claims.replacen('{', "{\"roles\":[\"admin\"],", 1),
        claims.replacen('}', ",\"roles\":[\"admin\"]}", 1),
    ] {
        let message = format!("{}.{}", parts[0], URL_SAFE_NO_PAD.encode(doubled));
        let key = jsonwebtoken::EncodingKey::from_secret(SIGNING_SECRET.as_bytes());
        let signed =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        let token = format!("{message}.{signed}");
        server.bearer(&token).get("/clients").refused(401, "invalid_token");
    }
}

#[test]
fn a_token_of_another_issuer_with_the_same_secret_is_refused() {
    let (here, there) = (Server::start(), Server::start());
    let token = there.login("admin");
    here.bearer(&token).get("/request").refused(401, "invalid_token");
}

#[test]
fn servers_that_share_secret_issuer_and_roster_share_tokens() {
    let settings = [("HALLPASS_ISSUER", "https://login.example.com")];
    let here = Server::start_with(&settings);
    let roster = here.dir.path().join("roster.toml");
    let there = Server::start_with(&[settings[0], ("HALLPASS_ROSTER", roster.to_str().unwrap())]);
    let token = here.login("admin");
    assert_eq!(ForgedToken::from(&token).claims["iss"], "https://login.example.com");
    there.bearer(&token).get("/clients").expect(200);
}

#[test]
fn a_previous_secret_verifies_and_does_not_sign() {
    let issuer = ("HALLPASS_ISSUER", "https://login.example.com");
    let old = Server::start_with(&[issuer]);
    let roster = old.dir.path().join("roster.toml");
    let roster = ("HALLPASS_ROSTER", roster.to_str().unwrap());
    let fresh = ("HALLPASS_SECRET_KEY", "another-signing-secret-0123456789abcdef");
    let previous = ("HALLPASS_PREVIOUS_SECRET_KEYS", SIGNING_SECRET);
    let new = Server::start_with(&[issuer, roster, fresh, previous]);
    let newest = Server::start_with(&[issuer, roster, fresh]);
    let token = old.login("admin");
    new.bearer(&token).get("/clients").expect(200);
    newest.bearer(&token).get("/clients").refused(401, "invalid_token");
    let body = new.anonymous().post("/login").header("X-API-Key", old.accounts.key("admin"));
    let token = body.expect(200).json()["access_token"].as_str().unwrap().to_owned();
    newest.bearer(&token).get("/clients").expect(200);
    old.bearer(&token).get("/clients").refused(401, "invalid_token");
}
