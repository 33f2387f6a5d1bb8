//! `hallpass init` writes the first settings and overwrites nothing.

use crate::support::{folder::Folder, running_service::RunningService};

#[test]
fn init_writes_settings_and_an_empty_roster_with_mode_0600() {
    let folder = Folder::new();
    folder.run("init").success().stdout_contains(&["hallpass key add", "hallpass serve"]);
    assert_eq!(folder.names(), [".env", "roster.toml"]);
    assert_eq!((folder.mode(".env"), folder.mode("roster.toml")), (0o600, 0o600));
    let secret = secret_of(&folder);
    assert!(secret.len() >= 43, "at least 256 bits: {secret}");
    assert_eq!(folder.run("key list --json").success().out, "[]\n");
}

#[test]
fn init_generates_a_new_secret_each_time_and_does_not_print_it() {
    let (one, two) = (Folder::new(), Folder::new());
    for folder in [&one, &two] {
        let outcome = folder.run("init").success();
        let secret = secret_of(folder);
        assert!(!outcome.out.contains(&secret) && !outcome.err.contains(&secret));
    }
    assert_ne!(secret_of(&one), secret_of(&two));
}

fn secret_of(folder: &Folder) -> String {
    let env = folder.read(".env");
    let mut set = env.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let secret = set.next().and_then(|line| line.strip_prefix("HALLPASS_SECRET_KEY="));
    assert_eq!(set.next(), None, "nothing but the secret differs from the example");
    secret.unwrap().to_owned()
}

#[test]
fn a_second_init_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    folder.run("init").success();
    let before = (folder.read(".env"), folder.read("roster.toml"));
    folder.run("init").failure().stderr_contains(&[".env", "nothing was changed"]);
    assert_eq!((folder.read(".env"), folder.read("roster.toml")), before);
    assert_eq!(folder.names(), [".env", "roster.toml"]);
}

#[test]
fn init_makes_the_file_that_is_missing_and_leaves_the_other() {
    let folder = Folder::new();
    folder.run("key add billing").success();
    let roster = folder.read("roster.toml");
    folder.run("check").exit_code(1).stdout_contains(&["`hallpass init`"]);
    folder.run("init").success().stdout_contains(&["Made .env", "left roster.toml as it is"]);
    assert_eq!((folder.read("roster.toml"), folder.mode(".env")), (roster, 0o600));
    folder.run("check").success().stdout_contains(&["1 client"]);

    let folder = Folder::new();
    folder.write(".env", "JAVA_OPTS=-Xmx1g -Xms1g\nHALLPASS_ROSTER=who.toml");
    let made = folder.run("init").success();
    made.stdout_contains(&[
        "Made who.toml",
        "left .env as it is",
        "HALLPASS_SECRET_KEY",
        "openssl",
    ]);
    assert_eq!(folder.names(), [".env", "who.toml"]);
    assert!(folder.read(".env").ends_with("who.toml"), "nothing was added");
    // Neither command sends to the other one.
    let check =
        folder.run("check").exit_code(1).stdout_contains(&["HALLPASS_SECRET_KEY", "openssl"]);
    assert!(!check.out.contains("hallpass init"), "{}", check.out);
    folder.run("init").failure().stderr_contains(&["nothing was changed", "openssl"]);
    let secret = format!("HALLPASS_SECRET_KEY={}\nHALLPASS_ROSTER=who.toml\n", "s".repeat(40));
    folder.write(".env", &secret);
    folder.run("check").success();

    let folder = Folder::new();
    folder.write(".env", &secret);
    let other = folder.run("init --roster other.toml").success();
    other.stdout_contains(&["Made other.toml", "HALLPASS_ROSTER=other.toml belongs into .env"]);
}

#[test]
fn init_is_refused_where_something_else_is_in_the_way() {
    for name in ["roster.toml", ".env"] {
        let folder = Folder::new();
        std::os::unix::fs::symlink("nowhere", folder.path(name)).unwrap();
        folder.run("init").failure().stderr_contains(&[name, "link", "nothing was changed"]);
        assert_eq!(folder.names(), [name]);
    }
    let folder = Folder::new();
    std::fs::create_dir(folder.path("roster.toml")).unwrap();
    folder.run("init").failure().stderr_contains(&["roster.toml", "directory"]);
    assert_eq!(folder.names(), ["roster.toml"]);
}

#[test]
fn init_leaves_no_file_behind_when_it_cannot_write() {
    let folder = Folder::new();
    folder
        .run("init --roster no/such/folder.toml")
        .failure()
        .stderr_contains(&["no/such/folder.toml"]);
    assert!(folder.names().is_empty());
}

#[test]
fn check_and_serve_accept_what_init_wrote() {
    let folder = Folder::new();
    folder.run("init").success();
    folder.run("check").success().stdout_contains(&["roster.toml"]);
    let mut service = RunningService::start(&folder, "serve --bind 127.0.0.1:0");
    assert!(service.address.starts_with("http://127.0.0.1:"), "{}", service.address);
    assert_eq!(service.stop_with("TERM").code(), Some(0));
}

#[test]
fn init_writes_a_roster_path_that_later_commands_use() {
    for (environment, line) in [
        (&[][..], "init --roster who.toml"),
        (&[("HALLPASS_ROSTER", "who.toml")], "init"),
        (&[("HALLPASS_ROSTER", "other.toml")], "init --roster who.toml"),
    ] {
        let folder = Folder::new();
        folder.run_with(environment, line).success().stdout_contains(&["who.toml"]);
        assert_eq!(folder.names(), [".env", "who.toml"]);
        folder.run("check").success().stdout_contains(&["who.toml"]);
        folder.run("key add billing").success();
        assert!(folder.read("who.toml").contains("[clients.billing]"));
    }
}

#[test]
fn a_roster_path_with_spaces_and_symbols_is_quoted_in_env() {
    let folder = Folder::new();
    let name = "my $HOME #1 roster.toml";
    folder.run_with(&[("HALLPASS_ROSTER", name)], "init").success();
    assert_eq!(folder.names(), [".env", name]);
    folder.run("check").success().stdout_contains(&[name]);
    let folder = Folder::new();
    folder.run("init --roster o'clock.toml").failure().stderr_contains(&["must not contain"]);
    assert!(folder.names().is_empty(), "nothing is written for a name that .env cannot hold");
}

#[test]
fn init_example_prints_the_committed_file_and_writes_nothing() {
    let folder = Folder::new();
    let example = folder.run("init --example").success().out;
    assert_eq!(example, include_str!("../../../.env.example"));
    assert!(folder.names().is_empty());
    // The copied example sets nothing, so every required setting is reported.
    folder.write(".env", &example);
    folder.run("check").exit_code(1).stdout_contains(&["HALLPASS_SECRET_KEY is missing"]);
    folder.write(".env", &example.replace("\n#HALLPASS_", "\nHALLPASS_"));
    let diagnostics = folder.run("check").exit_code(1).out;
    assert_eq!(diagnostics.lines().count(), 2, "every default is valid: {diagnostics}");
}
