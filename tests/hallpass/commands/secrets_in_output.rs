//! Diagnostics end up in logs, so they contain no secrets.

use super::{SECRET, TAIL};
use crate::support::folder::Folder;

const KEY: &str = "hp_pUDOR0NQ2tbV_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg3cOljD";

/// Runs `check` and `serve`, which must fail, and searches their output for the secret.
fn refused_without(folder: &Folder, environment: &[(&str, &str)], secret: &str) {
    for line in ["check --bind 127.0.0.1:0", "serve --bind 127.0.0.1:0"] {
        let outcome = folder.run_with(environment, line).exit_code(1);
        assert!(!outcome.out.contains(secret) && !outcome.err.contains(secret), "{outcome:#?}");
    }
}

#[test]
fn diagnostics_do_not_show_secrets_of_settings() {
    let pem = "-----BEGIN PRIVATE KEY-----MC4CAQAwBQYDK2VwBCIEIHide-----END PRIVATE KEY-----";
    let long = "hide-me-0123456789-0123456789-0123456789";
    for (name, value, secret) in [
        ("HALLPASS_SECRET_KEY", "hide-me", "hide-me"),
        ("HALLPASS_SECRET_KEY", pem, "MC4CAQ"),
        ("HALLPASS_SIGNING_KEY", pem, "MC4CAQ"),
        ("HALLPASS_PREVIOUS_SECRET_KEYS", "hide-me", "hide-me"),
        ("HALLPASS_PREVIOUS_SIGNING_KEYS", pem, "MC4CAQ"),
        ("HALLPASS_PREVIOUS_SECRET_KEYS", &format!("{long},short"), "hide-me"),
    ] {
        let folder = Folder::with_roster("");
        refused_without(&folder, &[SECRET, (name, value)], secret);
        for quoted in [format!("{name}='{value}'\n"), format!("{name}={value} {value}\n")] {
            folder.write(".env", &quoted);
            refused_without(&folder, &[("HALLPASS_DOCS", "maybe")], secret);
        }
    }
}

#[test]
fn diagnostics_do_not_show_a_multi_line_pem_in_env() {
    let folder = Folder::with_roster("");
    let pem =
        "-----BEGIN PRIVATE KEY-----\nMC4CAQ AwBQYDK2Vw\nBCIEIHide==\n-----END PRIVATE KEY-----";
    for quote in ["", "'", "\""] {
        folder.write(".env", &format!("HALLPASS_SECRET_KEY={quote}{pem}{quote}\n"));
        for secret in ["MC4CAQ", "BCIEI"] {
            refused_without(&folder, &[], secret);
        }
    }
}

#[test]
fn diagnostics_do_not_show_misplaced_secrets_of_the_roster() {
    let secret = &KEY[16..40];
    for line in [
        format!("id = '{KEY}'"),
        format!("hash = '{KEY}'"),
        format!("created = '{KEY}'"),
        format!("created = {KEY}"),
        format!("'{KEY}"),
        KEY.to_owned(),
    ] {
        let text = format!("[clients.billing]\n[[clients.billing.keys]]\n{line}\n");
        refused_without(&Folder::with_roster(&text), &[SECRET], secret);
    }
    let hash = format!("[users.alice]\npassword = '$2b$31${TAIL}'\n");
    refused_without(&Folder::with_roster(&hash), &[SECRET], &TAIL[..12]);
}

#[test]
fn serve_and_check_do_not_print_a_valid_secret() {
    let folder = Folder::with_roster("");
    let environment = [SECRET, ("HALLPASS_LOG", "trace")];
    let mut serve = folder.command("serve --bind 127.0.0.1:0");
    let mut child = serve.envs(environment).spawn().unwrap();
    let mut first = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut first).unwrap();
    crate::support::running_service::signal(&child, "TERM");
    let served = child.wait_with_output().unwrap();
    assert!(!String::from_utf8_lossy(&served.stderr).contains(SECRET.1));
    let checked = folder.run_with(&environment, "check").success();
    assert!(!checked.out.contains(SECRET.1) && !checked.err.contains(SECRET.1));
}
