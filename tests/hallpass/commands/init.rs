//! `hallpass init`: the first start, which overwrites nothing.

use super::{Folder, service::Serving};

#[test]
fn init_makes_settings_and_an_empty_roster_for_their_owner_alone() {
    let folder = Folder::new();
    folder.run("init").done().shows(&["hallpass key add", "hallpass serve"]);
    assert_eq!(folder.names(), [".env", "roster.toml"]);
    assert_eq!((folder.mode(".env"), folder.mode("roster.toml")), (0o600, 0o600));
    let secret = secret_of(&folder);
    assert!(secret.len() >= 43, "256 bits and more: {secret}");
    assert_eq!(folder.run("key list --json").done().out, "[]\n");
}

#[test]
fn init_makes_another_secret_each_time_and_never_prints_it() {
    let (one, two) = (Folder::new(), Folder::new());
    for folder in [&one, &two] {
        let outcome = folder.run("init").done();
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
    folder.run("init").done();
    let before = (folder.read(".env"), folder.read("roster.toml"));
    folder.run("init").refused().complains(&[".env", "nothing was changed"]);
    assert_eq!((folder.read(".env"), folder.read("roster.toml")), before);
    assert_eq!(folder.names(), [".env", "roster.toml"]);
}

#[test]
fn init_refuses_where_one_of_the_two_is_there_already() {
    for there in [".env", "roster.toml"] {
        let folder = Folder::new();
        folder.write(there, "# mine\n");
        folder.run("init").refused().complains(&[there]);
        assert_eq!(folder.read(there), "# mine\n");
        assert_eq!(folder.names(), [there], "half a start is no start");
    }
    let folder = Folder::new();
    std::os::unix::fs::symlink("nowhere", folder.path("roster.toml")).unwrap();
    folder.run("init").refused().complains(&["roster.toml"]);
    assert_eq!(folder.names(), ["roster.toml"], "a link that leads nowhere is something too");
}

#[test]
fn init_leaves_nothing_behind_where_it_cannot_write() {
    let folder = Folder::new();
    folder.run("init --roster no/such/folder.toml").refused().complains(&["no/such/folder.toml"]);
    assert!(folder.names().is_empty());
}

#[test]
fn what_init_made_is_checked_and_served_without_more() {
    let folder = Folder::new();
    folder.run("init").done();
    folder.run("check").done().shows(&["roster.toml"]);
    let mut serving = Serving::start(&folder, "serve --bind 127.0.0.1:0");
    assert!(serving.address.starts_with("http://127.0.0.1:"), "{}", serving.address);
    assert_eq!(serving.stopped_by("TERM").code(), Some(0));
}

#[test]
fn a_roster_elsewhere_is_made_there_and_found_again_by_the_next_commands() {
    for (environment, line) in [
        (&[][..], "init --roster who.toml"),
        (&[("HALLPASS_ROSTER", "who.toml")], "init"),
        (&[("HALLPASS_ROSTER", "other.toml")], "init --roster who.toml"),
    ] {
        let folder = Folder::new();
        folder.run_with(environment, line).done().shows(&["who.toml"]);
        assert_eq!(folder.names(), [".env", "who.toml"]);
        folder.run("check").done().shows(&["who.toml"]);
        folder.run("key add billing").done();
        assert!(folder.read("who.toml").contains("[clients.billing]"));
    }
}

#[test]
fn a_roster_whose_name_has_spaces_and_signs_is_found_again_too() {
    let folder = Folder::new();
    let name = "my $HOME #1 roster.toml";
    folder.run_with(&[("HALLPASS_ROSTER", name)], "init").done();
    assert_eq!(folder.names(), [".env", name]);
    folder.run("check").done().shows(&[name]);
    let folder = Folder::new();
    folder.run("init --roster o'clock.toml").refused().complains(&["must not hold"]);
    assert!(folder.names().is_empty(), "a name that .env cannot hold is not used");
}

#[test]
fn the_example_is_the_committed_file_and_nothing_is_written() {
    let folder = Folder::new();
    let example = folder.run("init --example").done().out;
    assert_eq!(example, include_str!("../../../.env.example"));
    assert!(folder.names().is_empty());
    // Somebody copies it: nothing in it is set, so all that can be missing is missing.
    folder.write(".env", &example);
    folder.run("check").ended_with(1).shows(&["HALLPASS_SECRET_KEY is missing"]);
    folder.write(".env", &example.replace("\n#HALLPASS_", "\nHALLPASS_"));
    let diagnostics = folder.run("check").ended_with(1).out;
    assert_eq!(diagnostics.lines().count(), 2, "every default is a good value: {diagnostics}");
}
