//! Usage errors and help.

use crate::support::folder::Folder;

#[test]
fn usage_errors_exit_with_code_2_and_print_help_on_stderr() {
    let folder = Folder::new();
    for (line, part) in [
        ("", "Usage: hallpass"),
        ("nope", "nope"),
        ("--nope", "--nope"),
        ("serve --nope", "--nope"),
        ("serve extra", "extra"),
        ("init extra", "extra"),
        ("check extra", "extra"),
        ("openapi extra", "extra"),
        ("key", "Usage: hallpass key"),
        ("key nope", "nope"),
        ("key list --nope", "--nope"),
        ("check --roster", "--roster"),
        ("check --bind 127.0.0.1:1 --bind 127.0.0.1:2", "--bind"),
    ] {
        folder.run(line).usage_error().stderr_contains(&[part]);
    }
    assert!(folder.names().is_empty());
}

#[test]
fn every_command_lists_its_flags_in_its_help() {
    let folder = Folder::new();
    for (line, parts) in [
        (
            "",
            &["serve", "init", "key", "check", "openapi", "explain", "reference", "--version"][..],
        ),
        ("serve", &["--dev", "--dev-anywhere", "--roster", "--bind"]),
        ("init", &["--example", "--roster"]),
        ("check", &["--roster", "--bind"]),
        ("key", &["add", "list", "rotate", "revoke", "--roster"]),
        ("key add", &["<CLIENT>", "--role", "--scope", "--expires", "--roster"]),
        ("key list", &["--json", "--roster"]),
        ("key rotate", &["<CLIENT>", "--overlap", "24h", "--roster"]),
        ("key revoke", &["<KEY_ID>", "--roster"]),
        ("token", &["inspect"]),
        ("token inspect", &["--json", "--roster", "--bind", "stdin"]),
        ("health", &["--url", "--bind", "--live"]),
        ("openapi", &["--format", "json", "yaml"]),
        ("explain", &["[METHOD]", "[PATH]", "--bind"]),
    ] {
        for help in ["--help", "-h"] {
            let outcome = folder.run(&format!("{line} {help}")).success().stdout_contains(parts);
            assert!(outcome.err.is_empty() && outcome.out.contains("Usage: hallpass"));
        }
    }
}

#[test]
fn every_command_of_the_help_has_help() {
    let folder = Folder::new();
    let help = folder.run("--help").success().out;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<_> = commands.map_while(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() >= 6, "{help}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        folder.run(&format!("{command} --help")).success();
    }
}

#[test]
fn the_version_flag_prints_the_crate_version() {
    let version = format!("hallpass {}\n", env!("CARGO_PKG_VERSION"));
    for flag in ["--version", "-V"] {
        assert_eq!(Folder::new().run(flag).success().out, version);
    }
}
