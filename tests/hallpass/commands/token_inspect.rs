//! `hallpass token inspect` decodes a token from stdin and judges it by the settings of the directory.

use std::{io::Write, process::Stdio};

use serde_json::{Value, json};

use super::SECRET;
use crate::support::{
    folder::{CommandOutput, Folder},
    forged_token::ForgedToken,
    running_service::RunningService,
};

const LINE: &str = "token inspect --bind 127.0.0.1:8080";

/// The program with a token on stdin.
fn inspect(
    folder: &Folder,
    environment: &[(&str, &str)],
    line: &str,
    token: &str,
) -> CommandOutput {
    let mut command = folder.command(line);
    command.envs(environment.iter().copied()).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The program may exit before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(token.as_bytes());
    CommandOutput::new(line, child.wait_with_output().unwrap())
}

/// The verdict on a token with the settings of this folder.
fn judged(folder: &Folder, token: &str) -> CommandOutput {
    inspect(folder, &[SECRET], LINE, token)
}

/// A folder with the client `billing` and its key id.
fn folder() -> (Folder, String) {
    let folder = Folder::new();
    let key = folder.run("key add billing --role reader --scope a:b").success().out;
    folder.write(".env", "HALLPASS_ISSUER='http://127.0.0.1:8080'\n");
    (folder, key[3..15].to_owned())
}

/// The parts of a token that is accepted in this folder.
fn good(folder: &Folder, key_id: &str) -> ForgedToken {
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({
        "iss": "http://127.0.0.1:8080", "sub": "billing", "aud": "http://127.0.0.1:8080",
        "exp": now + 600, "nbf": now - 1, "iat": now - 1, "jti": "one", "client_id": "billing",
        "scope": "a:b", "roles": ["reader"], "key_id": key_id,
    });
    ForgedToken { header: json!({"alg": "HS256", "kid": kid(folder), "typ": "at+jwt"}), claims }
}

/// The `kid` of the secret, taken from an issued token.
fn kid(folder: &Folder) -> Value {
    let key = folder.run("key add asker").success().out;
    let mut command = folder.command("serve --bind 127.0.0.1:0");
    let service = RunningService::spawn(command.envs([SECRET, ("HALLPASS_STATE", "memory")]));
    let address = service.address.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /login HTTP/1.1\r\nHost: {address}\r\nX-API-Key: {}\r\nConnection: close\r\n\r\n",
        key.trim()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let answer = std::io::read_to_string(stream).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    ForgedToken::from(body["access_token"].as_str().unwrap()).header["kid"].clone()
}

fn signed(forged: &ForgedToken) -> String {
    forged.sign_with(SECRET.1, jsonwebtoken::Algorithm::HS256)
}

#[test]
fn a_good_token_is_accepted_with_or_without_a_bearer_prefix_and_spaces() {
    let (folder, key_id) = folder();
    let token = signed(&good(&folder, &key_id));
    let answer = format!("{{\"access_token\": \"{token}\"}}");
    for pasted in [token.clone(), format!(" Bearer {token}\r\n"), format!("\"{token}\""), answer] {
        let outcome = judged(&folder, &pasted).success();
        assert!(outcome.err.is_empty() && !outcome.out.contains('\u{1b}'), "{outcome:#?}");
        outcome.stdout_contains(&[
            "\"at+jwt\"",
            "\"sub\": \"billing\"",
            "accepted: it speaks for billing",
        ]);
    }
    assert!(!folder.names().contains(&"hallpass.redb".to_owned()), "nothing is made");
}

#[test]
fn every_reason_for_refusal_is_one_line_with_a_fix() {
    let (folder, key_id) = folder();
    let good = good(&folder, &key_id);
    let future = jiff::Timestamp::now().as_second() + 1000;
    let wrong_kid = good.clone().header("kid", json!("other"));
    for (token, parts) in [
        (signed(&good.clone().expired()), &["has expired (exp: ", "ago)", "log in again"][..]),
        (signed(&good.clone().claim("nbf", json!(future))), &["not valid yet", "HALLPASS_LEEWAY"]),
        (signed(&good.clone().claim("aud", json!("x"))), &["audience", "HALLPASS_AUDIENCE"]),
        (
            signed(&good.clone().claim("iss", json!("https://x.test"))),
            &["https://x.test", "HALLPASS_ISSUER"],
        ),
        (signed(&good.clone().without("iss")), &["no issuer"]),
        (signed(&good.clone().without("jti")), &["malformed claims", "log in again"]),
        (signed(&wrong_kid), &["unknown signing key", "HALLPASS_PREVIOUS_SECRET_KEYS"]),
        (signed(&good.clone().header("typ", json!("JWT"))), &["at+jwt", "\"JWT\""]),
        (
            good.sign_with("another", jsonwebtoken::Algorithm::HS256),
            &["wrong signature", "copy it"],
        ),
        (good.unsigned(), &["no signature", "log in"]),
        (
            signed(&good.clone().claim("key_id", json!("000000000000"))),
            &["000000000000", "key add"],
        ),
        (signed(&good.clone().claim("sub", json!("other"))), &["now that of billing"]),
        (signed(&good.clone().without("key_id")), &["no user billing", "user add"]),
    ] {
        let outcome = judged(&folder, &token).exit_code(1).stdout_contains(parts);
        assert!(outcome.out.lines().last().unwrap().starts_with("refused: "), "{outcome:#?}");
    }
}

#[test]
fn a_token_that_the_roster_no_longer_allows_is_refused() {
    let (folder, key_id) = folder();
    let token = signed(&good(&folder, &key_id));
    let roster = folder.read("roster.toml");
    let disabled = roster.replacen("[clients.billing]", "[clients.billing]\ndisabled = true", 1);
    folder.write("roster.toml", &disabled);
    judged(&folder, &token).exit_code(1).stdout_contains(&["client billing is disabled"]);
    folder.write("roster.toml", &roster);
    judged(&folder, &token).success();
    folder.run(&format!("key revoke {key_id}")).success();
    judged(&folder, &token).exit_code(1).stdout_contains(&[&key_id, "not in the roster"]);
}

#[test]
fn roles_and_scopes_that_the_roster_has_taken_away_are_named() {
    let (folder, key_id) = folder();
    let token = good(&folder, &key_id).claim("roles", json!(["admin", "reader"]));
    let token = signed(&token.claim("scope", json!("a:b c:d")));
    let out = judged(&folder, &token).success().out;
    for line in [
        "accepted: it speaks for billing, roles: reader, scopes: a:b",
        "note: it also claims roles that the roster no longer grants: admin",
        "note: it also claims scopes that the roster no longer grants: c:d",
    ] {
        assert!(out.lines().any(|found| found == line), "{line} is missing in {out}");
    }
    let out = judged(&folder, &signed(&good(&folder, &key_id))).success().out;
    assert!(!out.contains("no longer grants"), "{out}");
}

#[test]
fn an_issuer_that_differs_only_in_the_address_is_explained() {
    let (folder, key_id) = folder();
    let token = signed(&good(&folder, &key_id));
    folder.write(".env", "");
    judged(&folder, &token).success();
    let line = "token inspect --bind 127.0.0.1:9";
    let expected = ["http://127.0.0.1:9", "http://127.0.0.1:8080", "HALLPASS_ISSUER", "--bind"];
    inspect(&folder, &[SECRET], line, &token).exit_code(1).stdout_contains(&expected);
}

#[test]
fn without_a_signing_key_the_token_is_shown_but_not_judged() {
    let (folder, key_id) = folder();
    let token = signed(&good(&folder, &key_id));
    let shown = ["\"billing\"", "cannot be judged", "signature", "HALLPASS_SECRET_KEY"];
    inspect(&folder, &[], LINE, &token).exit_code(1).stdout_contains(&shown);
    let json = inspect(&folder, &[], &format!("{LINE} --json"), &token).exit_code(1).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["accepted"], Value::Null);
    assert_eq!(json["claims"]["sub"], "billing");
}

#[test]
fn json_output_holds_header_claims_and_verdict() {
    let (folder, key_id) = folder();
    let good = good(&folder, &key_id).claim("exp", json!(4_102_444_800_i64));
    let line = format!("{LINE} --json");
    let read = |outcome: CommandOutput| serde_json::from_str::<Value>(&outcome.out).unwrap();
    let json = read(inspect(&folder, &[SECRET], &line, &signed(&good)).success());
    assert_eq!(json["accepted"], true);
    assert_eq!(json["header"]["typ"], "at+jwt");
    assert_eq!(json["times"]["exp"], "2100-01-01T00:00:00Z");
    assert_eq!(json["notes"], json!([]));
    let json = read(inspect(&folder, &[SECRET], &line, "x").exit_code(1));
    assert_eq!((&json["accepted"], &json["claims"]), (&json!(false), &Value::Null));
    assert!(json["reason"].as_str().unwrap().contains("not a JWT"));
}

#[test]
fn a_revoked_token_is_refused_and_a_locked_state_file_is_noted() {
    let (folder, key_id) = folder();
    let token = signed(&good(&folder, &key_id));
    let mut command = folder.command("serve --bind 127.0.0.1:0");
    let mut service = RunningService::spawn(command.envs([SECRET]));
    judged(&folder, &token)
        .success()
        .stdout_contains(&["note: hallpass.redb is held by a running serve"]);
    let address = service.address.strip_prefix("http://").unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let request = format!(
        "POST /logout HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    assert!(std::io::read_to_string(stream).unwrap().starts_with("HTTP/1.1 200"));
    service.stop_with("TERM");
    judged(&folder, &token).exit_code(1).stdout_contains(&["was revoked", "log in again"]);
}

#[test]
fn tokens_of_external_issuers_are_named_without_fetching_keys() {
    let (folder, key_id) = folder();
    let issuer = "\n[issuers.corp]\nurl = \"https://login.corp.test\"\naudience = \"hallpass\"\n";
    folder.write("roster.toml", &format!("{}{issuer}", folder.read("roster.toml")));
    let foreign = good(&folder, &key_id).claim("iss", json!("https://login.corp.test"));
    let expected = ["cannot be judged", "issuer corp of the roster", "not fetched"];
    judged(&folder, &signed(&foreign)).exit_code(1).stdout_contains(&expected);
    let unknown = foreign.claim("iss", json!("https://x.test\u{1b}[31m")).header("kid", json!("k"));
    let outcome =
        judged(&folder, &signed(&unknown)).exit_code(1).stdout_contains(&["nor one of the roster"]);
    assert!(!outcome.out.contains('\u{1b}'), "a terminal obeys no token: {outcome:#?}");
}

#[test]
fn a_token_for_an_account_of_an_application_is_not_judged() {
    let (folder, key_id) = folder();
    let token = good(&folder, &key_id).without("key_id").claim("sub", json!("account/alice"));
    let token = token.claim("client_id", json!("http://127.0.0.1:8080"));
    let outcome = judged(&folder, &signed(&token)).exit_code(1);
    outcome.stdout_contains(&[
        "cannot be judged: it is for account/alice, an account",
        "GET /request",
    ]);
}

#[test]
fn garbage_is_described_and_not_repeated() {
    let (folder, _) = folder();
    let key = folder.run("key add leaky").success().out;
    let long = "x".repeat(1_000_000);
    for (garbage, part) in [
        ("", "stdin is empty"),
        ("hush", "not a JWT"),
        (key.trim(), "is an API key"),
        ("a.b", "2 parts"),
        ("a.b.c.d.e", "encrypted"),
        ("!.b.c", "header is not base64url"),
        ("bnVsbA.e30.AA", "header is not a JSON object"),
        ("e30.!.AA", "payload is not base64url"),
        ("e30.bnVsbA.AA", "payload is not a JSON object"),
        ("e30.e30.!", "signature is not base64url"),
        ("e30.e30.AA", "no issuer"),
        (&long, "not a JWT"),
    ] {
        let outcome = judged(&folder, garbage).exit_code(1).stdout_contains(&["refused: ", part]);
        assert!(garbage.len() < 4 || !outcome.out.contains(garbage), "{outcome:#?}");
    }
}
