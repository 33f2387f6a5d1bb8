//! What newcomers stumbled over once: each is told what to do, and nothing odd stays behind.

use super::{Folder, SECRET, service::Serving};

/// Well-formed, but for its last character, which is wrong.
const MISTYPED: &str = "hp_4fQz81LmXc0a_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg2fLbt5";

#[test]
fn the_curl_line_sends_the_body_that_the_operation_requires() {
    let folder = Folder::new();
    for (path, body) in [
        ("/token", " -d grant_type=client_credentials "),
        ("/introspect", " --data-urlencode \"token=$TOKEN\" "),
        ("/revoke", " --data-urlencode \"token=$TOKEN\" "),
    ] {
        folder.run(&format!("explain POST {path}")).done().shows(&[body]);
    }
    let login = folder.run("explain POST /login").done().out;
    assert!(!login.contains("-d "), "its body may be left out: {login}");
}

#[test]
fn a_wrong_address_is_reported_and_not_printed_as_one() {
    let folder = Folder::new();
    for line in ["explain", "explain GET /clients"] {
        let outcome = folder.run_with(&[("HALLPASS_BIND", "foo")], line).refused();
        outcome.complains(&["environment: HALLPASS_BIND is \"foo\""]);
    }
    folder.run("explain GET /clients --bind foo").refused().complains(&["--bind"]);
    let both = [("HALLPASS_BIND", "foo"), ("HALLPASS_DOCS", "perhaps")];
    folder.run_with(&both, "explain").refused().complains(&["HALLPASS_BIND", "HALLPASS_DOCS"]);
}

#[test]
fn a_new_key_comes_with_a_curl_line_to_the_configured_address() {
    let folder = Folder::new();
    folder.run("key add a").done().complains(&["http://127.0.0.1:8080/login", "2 seconds"]);
    let elsewhere = [("HALLPASS_BIND", "[::1]:9000")];
    folder.run_with(&elsewhere, "key add a").done().complains(&["http://[::1]:9000/login"]);
    folder.run_with(&[("HALLPASS_BIND", "foo")], "key rotate a").done().complains(&["/login"]);
}

#[test]
fn check_counts_as_people_do() {
    let folder = Folder::with_roster("[clients.a]\n");
    folder.run_with(&[SECRET], "check").done().shows(&["holds 1 client."]);
    folder.write("roster.toml", "[clients.a]\n[clients.b]\n");
    folder.run_with(&[SECRET], "check").done().shows(&["holds 2 clients."]);
}

#[test]
fn dev_says_that_it_does_not_read_the_roster_it_was_given() {
    let folder = Folder::new();
    for (line, is_told) in [
        ("serve --dev --bind 127.0.0.1:0 --roster mine.toml", true),
        ("serve --dev --bind 127.0.0.1:0", false),
    ] {
        let err = Serving::start(&folder, line).ended_with_log();
        assert_eq!(err.contains("--roster mine.toml is not read"), is_told, "{err}");
    }
}

#[test]
fn a_mistyped_key_is_not_repeated() {
    let folder = Folder::with_roster("");
    for text in [MISTYPED, &MISTYPED[..40], &format!("{MISTYPED}x"), &MISTYPED[3..]] {
        let outcome = folder.run(&format!("key revoke {text}")).misused();
        assert!(!outcome.err.contains(&text[20..30]), "{outcome:#?}");
    }
    folder
        .run(&format!("key revoke {MISTYPED}"))
        .misused()
        .complains(&["checksum", "12 characters"]);
    folder.run("key revoke x").misused().complains(&["hallpass key list"]);
}

#[test]
fn a_directory_is_no_roster_and_gets_no_lock() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("house")).unwrap();
    for line in ["key add a --roster house", "key add a --roster house/", "key add a --roster ."] {
        folder.run(line).refused().complains(&["directory", "path of a file"]);
    }
    assert_eq!(folder.names(), ["house"]);
}

#[test]
fn a_key_for_ever_is_one_without_an_end() {
    let folder = Folder::new();
    for line in ["key add a --expires 500000000000y", "key add a --expires 101y"] {
        folder.run(line).misused().complains(&["more than 100 years", "--expires"]);
    }
    folder.run("key rotate a --overlap 101y").misused().complains(&["more than 100 years"]);
    assert!(folder.names().is_empty());
    folder.run("key add a --expires 99y").done();
}

#[test]
fn pipes_get_no_styles_and_programs_one_line() {
    let folder = Folder::with_roster("[clients.a]\n");
    let coloured = [("TERM", "xterm-256color"), ("CLICOLOR", "1"), SECRET];
    for line in ["explain", "key list", "--help", "key add --help", "check", "key revoke x", "nope"]
    {
        let outcome = folder.run_with(&coloured, line);
        assert!(!outcome.out.contains('\u{1b}') && !outcome.err.contains('\u{1b}'), "{outcome:#?}");
    }
    let mut command = folder.command("serve --bind 127.0.0.1:0");
    let mut serving = Serving::of(command.envs(coloured));
    serving.stopped_by("TERM");
    assert_eq!(serving.line(), "", "only the first line");
}

#[test]
fn help_shows_how_it_is_done() {
    let folder = Folder::new();
    for line in ["key add", "token inspect", "explain"] {
        let part = format!("hallpass {line} ");
        folder.run(&format!("{line} --help")).done().shows(&["Examples:", &part]);
    }
}
