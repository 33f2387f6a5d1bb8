//! Hints for common mistakes, and readable output.

use super::SECRET;
use crate::support::{folder::Folder, running_service::RunningService};

/// Well-formed except for its last character.
const MISTYPED: &str = "hp_pUDOR0NQ2tbV_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg3cOljE";

#[test]
fn explain_shows_curl_commands_with_the_required_body() {
    let folder = Folder::new();
    for (path, body) in [
        ("/token", " -d grant_type=client_credentials "),
        ("/introspect", " --data-urlencode \"token=$TOKEN\" "),
        ("/revoke", " --data-urlencode \"token=$TOKEN\" "),
    ] {
        folder.run(&format!("explain POST {path}")).success().stdout_contains(&[body]);
    }
    let login = folder.run("explain POST /login").success().out;
    assert!(!login.contains("-d "), "its body is optional: {login}");
}

#[test]
fn explain_reports_a_malformed_address() {
    let folder = Folder::new();
    for line in ["explain", "explain GET /clients"] {
        let outcome = folder.run_with(&[("HALLPASS_BIND", "foo")], line).failure();
        outcome.stderr_contains(&["environment: HALLPASS_BIND is \"foo\""]);
    }
    folder.run("explain GET /clients --bind foo").failure().stderr_contains(&["--bind"]);
    let both = [("HALLPASS_BIND", "foo"), ("HALLPASS_DOCS", "perhaps")];
    folder
        .run_with(&both, "explain")
        .failure()
        .stderr_contains(&["HALLPASS_BIND", "HALLPASS_DOCS"]);
}

#[test]
fn key_add_prints_a_curl_command_for_the_configured_address() {
    let folder = Folder::new();
    folder
        .run("key add a")
        .success()
        .stderr_contains(&["http://127.0.0.1:8080/login", "2 seconds"]);
    let elsewhere = [("HALLPASS_BIND", "[::1]:9000")];
    folder
        .run_with(&elsewhere, "key add a")
        .success()
        .stderr_contains(&["http://[::1]:9000/login"]);
    folder
        .run_with(&[("HALLPASS_BIND", "foo")], "key rotate a")
        .success()
        .stderr_contains(&["/login"]);
}

#[test]
fn check_uses_singular_and_plural() {
    let folder = Folder::with_roster("[clients.a]\n");
    folder.run_with(&[SECRET], "check").success().stdout_contains(&["holds 1 client."]);
    folder.write("roster.toml", "[clients.a]\n[clients.b]\n");
    folder.run_with(&[SECRET], "check").success().stdout_contains(&["holds 2 clients."]);
}

#[test]
fn dev_warns_that_it_ignores_the_roster_flag() {
    let folder = Folder::new();
    for (line, is_told) in [
        ("serve --dev --bind 127.0.0.1:0 --roster mine.toml", true),
        ("serve --dev --bind 127.0.0.1:0", false),
    ] {
        let err = RunningService::start(&folder, line).stop_and_read_stderr();
        assert_eq!(err.contains("--roster mine.toml is not read"), is_told, "{err}");
    }
}

#[test]
fn key_revoke_does_not_repeat_a_mistyped_key() {
    let folder = Folder::with_roster("");
    for text in [MISTYPED, &MISTYPED[..40], &format!("{MISTYPED}x"), &MISTYPED[3..]] {
        let outcome = folder.run(&format!("key revoke {text}")).usage_error();
        assert!(!outcome.err.contains(&text[20..30]), "{outcome:#?}");
    }
    folder
        .run(&format!("key revoke {MISTYPED}"))
        .usage_error()
        .stderr_contains(&["checksum", "12 characters"]);
    folder.run("key revoke x").usage_error().stderr_contains(&["hallpass key list"]);
}

#[test]
fn a_directory_as_roster_is_refused_without_a_lock_file() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("house")).unwrap();
    for line in ["key add a --roster house", "key add a --roster house/", "key add a --roster ."] {
        folder.run(line).failure().stderr_contains(&["directory", "path of a file"]);
    }
    assert_eq!(folder.names(), ["house"]);
}

#[test]
fn lifetimes_over_100_years_are_refused_with_a_hint() {
    let folder = Folder::new();
    for line in ["key add a --expires 50000000000000d", "key add a --expires 36526d"] {
        folder.run(line).usage_error().stderr_contains(&["more than 100 years", "--expires"]);
    }
    folder
        .run("key rotate a --overlap 36526d")
        .usage_error()
        .stderr_contains(&["more than 100 years"]);
    assert!(folder.names().is_empty());
    folder.run("key add a --expires 36524d").success();
}

#[test]
fn piped_output_has_no_escape_sequences() {
    let folder = Folder::with_roster("[clients.a]\n");
    let coloured = [("TERM", "xterm-256color"), ("CLICOLOR", "1"), SECRET];
    for line in ["explain", "key list", "--help", "key add --help", "check", "key revoke x", "nope"]
    {
        let outcome = folder.run_with(&coloured, line);
        assert!(!outcome.out.contains('\u{1b}') && !outcome.err.contains('\u{1b}'), "{outcome:#?}");
    }
    let mut command = folder.command("serve --bind 127.0.0.1:0");
    let mut service = RunningService::spawn(command.envs(coloured));
    service.stop_with("TERM");
    assert_eq!(service.line(), "", "only the first line");
}

#[test]
fn help_shows_examples() {
    let folder = Folder::new();
    for line in ["key add", "token inspect", "explain"] {
        let part = format!("hallpass {line} ");
        folder.run(&format!("{line} --help")).success().stdout_contains(&["Examples:", &part]);
    }
}
