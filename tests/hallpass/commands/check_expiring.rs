//! `hallpass check --expiring` fails for what ends soon, at its place and with a way to fix it.

use jiff::{Timestamp, ToSpan, civil::Date};

use super::SECRET;
use crate::{support::folder::Folder, tls::Pair};

const TLS: [(&str, &str); 3] =
    [SECRET, ("HALLPASS_TLS_CERT", "cert.pem"), ("HALLPASS_TLS_KEY", "key.pem")];

/// The day that begins so many days from now, or a few hours earlier.
fn in_days(days: i64) -> Date {
    let today: Date = Timestamp::now().to_string()[..10].parse().unwrap();
    today + days.days()
}

/// The id of the key that a command printed.
fn id(printed: &str) -> &str {
    printed.strip_prefix("hp_").unwrap().get(..12).unwrap()
}

#[test]
fn check_fails_for_keys_that_expire_soon_with_their_lines() {
    let folder = Folder::new();
    let soon = folder.run("key add billing --expires 10d").success().out;
    let later = folder.run("key add reports --expires 90d").success().out;
    let endless = folder.run("key add backup").success().out;
    folder.run_with(&[SECRET], "check").success();
    folder.run_with(&[SECRET], "check --expiring 9d").success();

    let found = folder.run_with(&[SECRET], "check --expiring 30d").exit_code(1);
    let roster = folder.read("roster.toml");
    let table = roster.find(id(&soon)).unwrap();
    let expires = table + roster[table..].find("expires").unwrap();
    let line = 1 + roster[..expires].matches('\n').count();
    assert_eq!(found.out.lines().count(), 1, "{found:#?}");
    let start = format!("roster.toml:{line}: API key {} of billing expires in 9d23h (", id(&soon));
    assert!(found.out.starts_with(&start), "{start}: {}", found.out);
    let found = found.stdout_contains(&["`hallpass key rotate billing`"]);
    assert!(found.err.is_empty(), "{found:#?}");

    let found = folder.run_with(&[SECRET], "check --expiring 91d").exit_code(1);
    let found = found.stdout_contains(&[id(&soon), id(&later)]);
    assert!(!found.out.contains(id(&endless)), "{found:#?}");
    for expiring in ["", "soon", "30", "1M", "-1d"] {
        folder.run_with(&[SECRET], &format!("check --expiring={expiring}")).usage_error();
    }
}

#[test]
fn a_rotated_key_is_revoked_and_one_that_has_expired_is_replaced() {
    let folder = Folder::new();
    let old = folder.run("key add billing").success().out;
    folder.run("key rotate billing --overlap 24h").success();
    let found = folder.run_with(&[SECRET], "check --expiring 7d").exit_code(1);
    found.stdout_contains(&[&format!("`hallpass key revoke {}`", id(&old)), "valid for longer"]);

    // Once it has expired, the client has a newer one, and nothing needs to be done.
    let past = |folder: &Folder| {
        let roster = folder.read("roster.toml");
        let rest = roster.split_once("expires = ").unwrap().1;
        let end = rest.lines().next().unwrap();
        folder.write("roster.toml", &roster.replace(end, "2026-01-02T00:00:00Z"));
    };
    past(&folder);
    folder.run_with(&[SECRET], "check --expiring 7d").success();

    let folder = Folder::new();
    let only = folder.run("key add billing --expires 1d").success().out;
    past(&folder);
    folder.run_with(&[SECRET], "check").success();
    let found = folder.run_with(&[SECRET], "check --expiring 7d").exit_code(1);
    let message = format!("API key {} of billing expired at 2026-01-02", id(&only));
    found.stdout_contains(&["roster.toml:", &message, "`hallpass key add billing`"]);
}

#[test]
fn check_fails_for_certificates_that_expire_soon_with_their_lines() {
    let folder = Folder::new();
    folder.run("key add billing --expires 3d").success();
    let (server, issuer, endless) = (
        Pair::until(in_days(10)),
        Pair::until(in_days(5)),
        Pair::until(Date::constant(2051, 1, 1)),
    );
    let chain =
        format!("# the chain\n{}{}{}", server.certificate, issuer.certificate, endless.certificate);
    folder.write("cert.pem", &chain);
    folder.write("key.pem", &server.key);
    folder.run_with(&TLS, "check").success();
    folder.run_with(&TLS, "check --expiring 1d").success();

    let second = 2 + server.certificate.lines().count();
    let found = folder.run_with(&TLS, "check --expiring 6d").exit_code(1);
    let found =
        found.stdout_contains(&[&format!("cert.pem:{second}: the certificate expires in ")]);
    let found = found.stdout_contains(&["HALLPASS_TLS_CERT", "API key "]);
    assert_eq!(found.out.lines().count(), 2, "{found:#?}");
    let found = folder.run_with(&TLS, "check --expiring 30d").exit_code(1);
    found.stdout_contains(&["cert.pem:2: the certificate expires in 9d"]);

    let expired = Pair::until(in_days(-1));
    folder.write("cert.pem", &expired.certificate);
    folder.write("key.pem", &expired.key);
    let found = folder.run_with(&TLS, "check --expiring 0s").exit_code(1);
    found.stdout_contains(&["cert.pem:1: the certificate expired at "]);

    // Certificates in the form for years from 2050 on.
    folder.write("cert.pem", &endless.certificate);
    folder.write("key.pem", &endless.key);
    folder.run_with(&TLS, "check --expiring 1d").success();
    let found = folder.run_with(&TLS, "check --expiring 18000d").exit_code(1);
    found.stdout_contains(&["(2051-01-01T00:00:00Z)"]);
}

#[test]
fn what_expires_soon_is_told_beside_all_other_errors() {
    let folder = Folder::new();
    folder.run("key add billing --expires 3d").success();
    let environment = [SECRET, ("HALLPASS_WORKERS", "0")];
    let found = folder.run_with(&environment, "check --expiring 30d").exit_code(1);
    found.stdout_contains(&["HALLPASS_WORKERS", "of billing expires in 2d23h"]);
}
