//! `hallpass check` reports every error in one run, and `serve` refuses what `check` refuses.

use super::{SECRET, TAIL};
use crate::support::{
    folder::{CommandOutput, Folder},
    running_service::RunningService,
};

/// A roster with errors of many kinds, and their lines.
fn broken_roster() -> (String, Vec<usize>) {
    let lines = [
        ("[clients.'bad name']".to_owned(), true),
        ("roles = 'reader'".to_owned(), true),
        ("[clients.billing]".to_owned(), false),
        ("rolls = ['reader']".to_owned(), true),
        ("scopes = ['a b']".to_owned(), true),
        ("disabled = 'no'".to_owned(), true),
        ("[[clients.billing.keys]]".to_owned(), false),
        ("id = '4fQz81LmXc0a'".to_owned(), false),
        ("hash = 'plain'".to_owned(), true),
        ("created = 2026-11-23T00:00:00Z".to_owned(), false),
        ("[[clients.billing.keys]]".to_owned(), false),
        ("id = '4fQz81LmXc0a'".to_owned(), true),
        (format!("hash = '$2b$03${TAIL}'"), true),
        ("created = 'yesterday'".to_owned(), true),
        ("[[clients.billing.keys]]".to_owned(), true),
        (format!("hash = '$2b$15${TAIL}'"), true),
        ("created = 2026-11-23".to_owned(), true),
        ("[users.alice]".to_owned(), true),
        ("[issuers.corp]".to_owned(), true),
        ("url = 'ftp:'".to_owned(), true),
    ];
    let wrong = lines.iter().enumerate().filter(|(_, (_, wrong))| *wrong);
    let wrong = wrong.map(|(index, _)| index + 1).collect();
    (lines.map(|(line, _)| line + "\n").concat(), wrong)
}

/// The locations at the start of the lines; each must be followed by a message.
fn locations(outcome: &CommandOutput) -> Vec<&str> {
    let location = |line| str::split_once(line, ": ").unwrap_or_else(|| panic!("{line:?}")).0;
    outcome.out.lines().map(location).collect()
}

#[test]
fn check_prints_every_roster_error_with_its_line() {
    let (text, wrong) = broken_roster();
    let folder = Folder::with_roster(&text);
    let outcome = folder.run_with(&[SECRET], "check").exit_code(1);
    assert!(outcome.err.is_empty(), "{}", outcome.err);
    let mut found = locations(&outcome);
    found.dedup();
    let expected: Vec<_> = wrong.iter().map(|line| format!("roster.toml:{line}")).collect();
    assert_eq!(found, expected, "{}", outcome.out);
}

#[test]
fn check_reports_errors_of_settings_and_roster_in_one_run() {
    let (text, wrong) = broken_roster();
    let folder = Folder::with_roster(&text);
    folder.write(
        ".env",
        "# settings\nHALLPASS_BIND=8080\n\nexport HALLPASS_DOCS = maybe\nHALLPASS_LEEWAY=1y\n",
    );
    let environment =
        [("HALLPASS_WORKERS", "0"), ("HALLPASS_METRICS_BIND", "9100"), ("HALLPASS_LOG", "loud")];
    let outcome = folder.run_with(&environment, "check --bind nowhere").exit_code(1);
    for line in [
        "--bind: HALLPASS_BIND ",
        ".env:4: HALLPASS_DOCS ",
        ".env:5: HALLPASS_LEEWAY ",
        "environment: HALLPASS_WORKERS ",
        "environment: HALLPASS_METRICS_BIND ",
        "environment: HALLPASS_LOG ",
        "environment: HALLPASS_SECRET_KEY is missing",
        "roster.toml:1: ",
        "roster.toml:20: ",
    ] {
        assert!(outcome.out.lines().any(|found| found.starts_with(line)), "{line} {outcome:#?}");
    }
    assert!(outcome.out.lines().count() >= 6 + wrong.len(), "{outcome:#?}");
}

#[test]
fn our_lines_of_env_that_are_unreadable_are_errors_with_their_numbers() {
    let error = "is not NAME=VALUE; ";
    for (env, line) in [
        ("HALLPASS_DOCS=on\nHALLPASS_DOCS\n", 2),
        ("\n# two words\nHALLPASS_X two words\n", 3),
        ("HALLPASS_ISSUER=two words\n", 1),
        ("HALLPASS_ISSUER='never closed\nHALLPASS_DOCS=on\n", 1),
        ("  export HALLPASS_ISSUER=indented words  \n", 1),
        ("A='on\ntwo lines'\nHALLPASS_X=foo bar\n", 3),
        ("HALLPASS_DOCS=on\r\nHALLPASS_X=foo bar\r\n", 2),
        ("\u{feff}HALLPASS_DOCS=on\nHALLPASS_X=foo bar\n", 2),
    ] {
        let folder = Folder::with_roster("rolls = 1\n");
        folder.write(".env", env);
        let outcome = folder.run_with(&[("HALLPASS_WORKERS", "0")], "check").exit_code(1);
        let outcome =
            outcome.stdout_contains(&[&format!(".env:{line}: {error}"), "HALLPASS_WORKERS"]);
        let outcome = outcome.stdout_contains(&["roster.toml:1: "]);
        assert_eq!(outcome.out.matches(error).count(), 1, "{env:?}: {}", outcome.out);
    }
    let folder = Folder::with_roster("");
    folder.write(".env", "HALLPASS_X same words\nHALLPASS_DOCS=on\nHALLPASS_X same words\n");
    folder.run_with(&[SECRET], "check").exit_code(1).stdout_contains(&[".env:1: ", ".env:3: "]);
}

#[test]
fn somebody_elses_line_of_env_is_a_warning_and_stops_no_command() {
    let folder = Folder::new();
    folder.write(".env", "JAVA_OPTS=-Xmx1g -Xms1g\nGREETING=it's\nHALLPASS_DOCS=off\n");
    folder.run("key add billing").success();
    for line in ["check", "key list", "openapi", "explain"] {
        folder.run_with(&[SECRET], line).success();
    }
    let check = folder.run_with(&[SECRET], "check").success();
    let check = check.stdout_contains(&[".env:1: ", ".env:2: ", "(a warning)"]);
    assert!(!check.out.contains("Xmx1g"), "{}", check.out);
    assert!(!folder.run("explain").success().out.contains("/docs/"), "our own line counts");
    let mut dev = RunningService::start(&folder, "serve --dev --bind 127.0.0.1:0");
    assert_eq!(dev.stop_with("TERM").code(), Some(0));
    std::fs::write(folder.path(".env"), b"\xff\xfeH\0").unwrap();
    folder.run_with(&[SECRET], "check").exit_code(1).stdout_contains(&[".env: is UTF-16"]);
}

#[test]
fn a_wildcard_address_without_an_issuer_is_a_warning_that_names_the_setting() {
    let folder = Folder::with_roster("");
    let issuer = ("HALLPASS_ISSUER", "https://auth.example.com");
    for bind in ["0.0.0.0:8080", "[::]:8080"] {
        let line = format!("check --bind {bind}");
        let warned = folder.run_with(&[SECRET], &line).success();
        warned.stdout_contains(&["--bind: ", &format!("http://{bind}"), "HALLPASS_ISSUER"]);
        let out = folder.run_with(&[SECRET, issuer], &line).success().out;
        assert_eq!(out.lines().count(), 1, "{out}");
    }
    let mut serve = folder.command("serve --bind 0.0.0.0:0");
    let mut serve = RunningService::spawn(serve.envs([SECRET, ("HALLPASS_STATE", "memory")]));
    serve.signal("TERM");
    let log = std::io::read_to_string(serve.stderr()).unwrap();
    let warning = log.lines().find(|line| line.contains("HALLPASS_ISSUER"));
    assert!(warning.is_some_and(|line| line.contains(" WARN ")), "{log}");
}

#[test]
fn origins_that_never_match_are_errors_with_their_fix() {
    let folder = Folder::with_roster("");
    let check =
        |origins: &str| folder.run_with(&[SECRET, ("HALLPASS_CORS_ORIGINS", origins)], "check");
    let refused = check("https://*.example.com,https://Good.example/,null").exit_code(1);
    refused.stdout_contains(&[
        "HALLPASS_CORS_ORIGINS",
        "a wildcard never matches",
        "write https://good.example",
    ]);
    check("https://good.example,ionic://localhost,chrome-extension://abcdefghijklmnop").success();
}

#[test]
fn a_lifetime_in_other_units_is_refused_with_the_units() {
    let folder = Folder::with_roster("");
    for name in ["HALLPASS_TOKEN_LIFETIME", "HALLPASS_LEEWAY"] {
        for bad in ["1M", "1w", "1y", "30min", "1000ms"] {
            let refused = folder.run_with(&[SECRET, (name, bad)], "check").exit_code(1);
            refused.stdout_contains(&[name, bad, "the units s, m, h, d"]);
        }
    }
    let good = [SECRET, ("HALLPASS_TOKEN_LIFETIME", "1h30m")];
    folder.run_with(&good, "check").success();
    for flag in ["add a --expires", "rotate a --overlap"] {
        let refused = folder.run(&format!("key {flag} 1M")).usage_error();
        refused.stderr_contains(&["the units s, m, h, d"]);
    }
}

#[test]
fn warnings_do_not_fail_the_check() {
    let folder = Folder::with_roster(&format!(
        "[clients.billing]\n[[clients.billing.keys]]\nid = '4fQz81LmXc0a'\n\
         hash = '$2b$04${TAIL}'\ncreated = 2026-11-23T00:00:00Z\n\
         [users.alice]\npassword = '$2b$09${TAIL}'\n"
    ));
    folder.write(".env", "HALLPASS_DCOS=off\n");
    let environment = [SECRET, ("HALLPASS_PORT", "1")];
    folder.run_with(&environment, "check").success().stdout_contains(&[
        "roster.toml:7: ",
        "cost 9",
        ".env:1: HALLPASS_DCOS",
        "environment: HALLPASS_PORT",
    ]);
    folder.write("roster.toml", &folder.read("roster.toml").replace("$2b$09", "$2b$10"));
    folder.write(".env", "");
    let out = folder.run_with(&[SECRET], "check").success().out;
    assert_eq!(out.lines().count(), 1, "nothing to warn about: {out}");
}

#[test]
fn warnings_are_shown_beside_errors_of_every_kind() {
    let user = format!("[users.alice]\npassword = '$2b$09${TAIL}'\n");
    let (setting, wildcard) = (("HALLPASS_DOCS", "maybe"), ("HALLPASS_BIND", "0.0.0.0:0"));
    for (extra, environment) in [
        ("rolls = 1\n", &[SECRET, wildcard][..]),
        ("", &[SECRET, setting, wildcard]),
        ("", &[wildcard]),
    ] {
        let folder = Folder::with_roster(&format!("{extra}{user}"));
        folder.write(".env", "HALLPASS_DCOS=off\nfoo bar\n");
        let out = folder.run_with(environment, "check").exit_code(1).out;
        let warnings: Vec<_> = out.lines().filter(|line| line.ends_with("(a warning)")).collect();
        for part in ["cost 9", ".env:1: HALLPASS_DCOS", ".env:2: ", "HALLPASS_ISSUER"] {
            assert!(warnings.iter().any(|warning| warning.contains(part)), "{part}: {out}");
        }
        assert!(out.lines().count() > warnings.len(), "{out}");
        assert_eq!(folder.run_with(environment, "serve").failure().err, out);
    }
}

#[test]
fn check_counts_clients_users_and_issuers() {
    let user = |name: &str| format!("[users.{name}]\npassword = '$2b$12${TAIL}'\n");
    let issuer = "[issuers.corp]\nurl = 'https://corp.example'\naudience = 'a'\n";
    for (roster, counts) in [
        (String::new(), "0 clients."),
        (user("alice"), "0 clients and 1 user."),
        (format!("[clients.a]\n{}{}", user("b"), user("c")), "1 client and 2 users."),
        (format!("[clients.a]\n{}{issuer}", user("b")), "1 client, 1 user and 1 external issuer."),
    ] {
        let checked = Folder::with_roster(&roster).run_with(&[SECRET], "check").success();
        checked.stdout_contains(&[&format!("roster.toml holds {counts}")]);
    }
}

#[test]
fn a_list_in_one_string_is_a_warning_and_an_issuer_is_named_as_a_scheme_can_be() {
    let folder =
        Folder::with_roster("[clients.a]\nroles = ['admin,reader']\nscopes = ['a', 'b']\n");
    let checked = folder.run_with(&[SECRET], "check").success();
    let checked =
        checked.stdout_contains(&["roster.toml:2: ", "[\"admin\", \"reader\"]", "(a warning)"]);
    assert_eq!(checked.out.lines().count(), 2, "{}", checked.out);
    folder.write("roster.toml", "[issuers.'a@b']\nurl = 'https://corp.example'\naudience = 'a'\n");
    let refused = folder.run_with(&[SECRET], "check").exit_code(1);
    refused.stdout_contains(&["roster.toml:1: ", "must not contain @"]);
}

#[test]
fn values_that_are_not_utf_8_are_errors() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = Folder::with_roster("");
    let mut command = folder.command("check");
    command.env(SECRET.0, SECRET.1).env("HALLPASS_LEEWAY", OsStr::from_bytes(b"\xff"));
    let outcome = CommandOutput::new("check", command.output().unwrap()).exit_code(1);
    outcome.stdout_contains(&["environment: HALLPASS_LEEWAY"]);
    let mut command = folder.command("key add fresh --roster");
    command.arg(OsStr::from_bytes(b"\xff.toml"));
    CommandOutput::new("key add", command.output().unwrap())
        .failure()
        .stderr_contains(&["--roster"]);
    assert_eq!(folder.names(), ["roster.toml"], "no file of a similar name is made");
}

#[test]
fn serve_refuses_what_check_refuses_before_it_listens() {
    let (text, _) = broken_roster();
    for (roster, env, environment) in [
        (None, "", &[][..]),
        (None, "", &[SECRET]),
        (Some(""), "", &[]),
        (Some(&*text), "HALLPASS_DOCS=maybe\n", &[("HALLPASS_SECRET_KEY", "short")]),
        (Some(&*text), "HALLPASS_DOCS no line\n", &[SECRET]),
        (Some(""), "HALLPASS_COOKIE_NAME=__Host-a\nHALLPASS_COOKIE_SECURE=off\n", &[SECRET]),
    ] {
        let folder = Folder::new();
        roster.inspect(|text| folder.write("roster.toml", text));
        folder.write(".env", env);
        let check = folder.run_with(environment, "check --bind 127.0.0.1:0").exit_code(1);
        let serve = folder.run_with(environment, "serve --bind 127.0.0.1:0").failure();
        assert_eq!(serve.err, check.out);
    }
}
