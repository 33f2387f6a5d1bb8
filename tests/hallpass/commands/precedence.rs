//! Precedence of settings: flags, environment, `.env`, defaults.

use super::SECRET;
use crate::support::folder::Folder;

#[test]
fn the_address_comes_from_the_source_with_the_highest_precedence() {
    let environment = [("HALLPASS_BIND", "127.0.0.1:3")];
    let blank = [("HALLPASS_BIND", " ")];
    let flag = "--bind 127.0.0.1:4";
    for (env, environment, flag, port) in [
        ("", &[][..], "", 8080),
        ("HALLPASS_BIND=127.0.0.1:2\n", &[], "", 2),
        ("HALLPASS_BIND=127.0.0.1:1\nHALLPASS_BIND=127.0.0.1:2\n", &[], "", 2),
        ("HALLPASS_BIND=127.0.0.1:2\n", &environment, "", 3),
        ("HALLPASS_BIND=127.0.0.1:2\n", &environment, flag, 4),
        ("", &environment, flag, 4),
        ("HALLPASS_BIND=127.0.0.1:2\n", &[], flag, 4),
        ("", &blank, "", 8080),
    ] {
        let folder = Folder::new();
        folder.write(".env", env);
        let outcome =
            folder.run_with(environment, &format!("explain {flag} GET /clients")).success();
        outcome.stdout_contains(&[&format!("http://127.0.0.1:{port}/clients")]);
    }
}

#[test]
fn the_roster_comes_from_the_source_with_the_highest_precedence() {
    let environment = [SECRET, ("HALLPASS_ROSTER", "environment.toml")];
    let env = "HALLPASS_ROSTER=env.toml\n";
    for (env, environment, flag, name) in [
        ("", &[SECRET][..], "", "roster.toml"),
        (env, &[SECRET], "", "env.toml"),
        (env, &environment, "", "environment.toml"),
        (env, &environment, "--roster flag.toml", "flag.toml"),
    ] {
        let folder = Folder::new();
        folder.write(".env", env);
        folder.write(name, "[clients.billing]\n");
        // Only one of the files exists; every command must use it.
        for line in ["check", "key list"] {
            folder.run_with(environment, &format!("{line} {flag}")).success();
        }
        folder
            .run_with(environment, &format!("key {flag} list"))
            .success()
            .stdout_contains(&["billing"]);
    }
}

#[test]
fn an_overridden_value_is_not_checked() {
    let folder = Folder::with_roster("");
    folder.write(".env", "HALLPASS_SECRET_KEY=short\nHALLPASS_BIND=wrong\n");
    let environment = [SECRET, ("HALLPASS_BIND", "wrong")];
    folder.run_with(&environment, "check --bind 127.0.0.1:0").success();
}
