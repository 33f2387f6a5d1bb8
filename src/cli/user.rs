//! `hallpass user`: adds and removes users, and asks for their passwords.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use clap::Subcommand;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    cli::entry_flags::EntryFlags,
    oauth::Subject,
    roster::{edit, edit_error::EditError, roster::Roster, secret_hash::PASSWORD_COST},
};

/// Upper bound on the bytes read from stdin: a file may have been piped in by mistake.
const MAX_LINE_BYTES: u64 = 4096;
/// Shorter passwords are warned about (NIST SP 800-63B §5.1.1.1).
const SHORT_PASSWORD: usize = 8;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; asks for the password
    ///
    /// On a terminal the password is asked for twice and not shown; elsewhere it is the first line of stdin.
    /// The roster keeps only its hash. A missing roster is created.
    Add {
        /// Name of the user: 1 to 64 of A-Z a-z 0-9 . _ @ -; an e-mail address without + will do
        #[arg(value_parser = Subject::parse)]
        name: Subject,
        #[command(flatten)]
        entry: EntryFlags,
    },
    /// Remove a user; their tokens are refused at once
    Remove {
        /// Name of the user
        #[arg(value_parser = Subject::parse)]
        name: Subject,
    },
}

/// Runs a command on the roster file; tokens live no longer than `longest`, if that is known. `ask` returns the password of the user that it is given; messages go
/// to `err`.
///
/// # Errors
/// Why the command was refused; the roster is then as before.
pub(crate) fn run(
    command: UserCommand,
    roster: &Path,
    longest: Option<Duration>,
    now: Timestamp,
    ask: impl FnOnce(&Subject) -> anyhow::Result<SecretString>,
    err: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    match command {
        UserCommand::Add { name, entry } => {
            // Checked before the password is asked for, not only by `add_user`.
            if Roster::load(roster).is_ok_and(|loaded| loaded.roster.user(&name).is_some()) {
                return Err(EditError::UserExists(name).into());
            }
            let entry = entry.entitlements(longest)?;
            let password = ask(&name)?;
            edit::add_user(roster, &name, &entry, &password, PASSWORD_COST, now)?;
            let _ = writeln!(err, "Added the user {name} to {}.", roster.display());
            if password.expose_secret().chars().count() < SHORT_PASSWORD {
                let _ = writeln!(
                    err,
                    "warning: the password has fewer than {SHORT_PASSWORD} characters and is soon guessed: \
                     `hallpass user remove {name}`, and add the user again with a longer one"
                );
            }
        }
        UserCommand::Remove { name } => {
            edit::remove_user(roster, &name)?;
            let _ = writeln!(err, "Removed the user {name}, whose tokens are refused from now on.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks twice for the password of `name`, without echo; if stdin is not a terminal, reads its first line.
///
/// # Errors
/// If stdin cannot be read, or the two passwords differ.
pub(crate) fn ask(name: &Subject) -> anyhow::Result<SecretString> {
    if !io::stdin().is_terminal() {
        return first_line(io::stdin().lock());
    }
    let typed = |prompt: &str| {
        let typed = rpassword::prompt_password(prompt).context("cannot ask for the password")?;
        anyhow::Ok(SecretString::from(typed))
    };
    let password = typed(&format!("Password of {name}: "))?;
    let again = typed("Repeat the password: ")?;
    if password.expose_secret() != again.expose_secret() {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok(password)
}

/// The first line, without its end.
fn first_line(input: impl BufRead) -> anyhow::Result<SecretString> {
    let mut line = String::new();
    input
        .take(MAX_LINE_BYTES)
        .read_line(&mut line)
        .context("cannot read the password from stdin")?;
    // PowerShell may put a byte order mark before what it pipes.
    Ok(line.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']).into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::roster::secret_cache::SecretCache;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: UserCommand,
    }

    /// What a command line of `hallpass user` writes to stderr; the password is typed where it is asked for.
    fn run_line(roster: &Path, line: &str, password: &str) -> anyhow::Result<String> {
        let command = Line::try_parse_from(std::iter::once("user").chain(line.split(' ')))?.command;
        let mut err = Vec::new();
        run(command, roster, None, Timestamp::UNIX_EPOCH, |_| Ok(password.into()), &mut err)?;
        Ok(String::from_utf8(err)?)
    }

    #[test]
    fn a_user_is_added_with_a_cost_12_hash_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        let err = run_line(&path, "add alice --role admin --scope a:b", "open sesame").unwrap();
        assert!(err.contains("alice") && !err.contains("sesame"));
        assert!(std::fs::read_to_string(&path).unwrap().contains("$2b$12$"));
        let roster = Roster::load(&path).unwrap().roster;
        let proof = roster
            .verify_password(&SecretCache::default(), "alice", &"open sesame".into(), None)
            .unwrap();
        assert_eq!(proof.roles().len(), 1);
        assert_eq!(proof.scopes().to_string(), "a:b");
        run_line(&path, "remove alice", "").unwrap();
        assert_eq!(Roster::load(&path).unwrap().roster.users().count(), 0);
        assert!(run_line(&path, "remove alice", "").is_err());
    }

    #[test]
    fn a_short_password_is_warned_about_and_names_may_be_e_mail_addresses() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        for (name, password, is_short) in [
            ("a@example.com", "x", true),
            ("b@example.com", "7 chärs", true),
            ("c@example.com", "8 chars!", false),
        ] {
            let err = run_line(&path, &format!("add {name}"), password).unwrap();
            assert_eq!(err.contains("warning: "), is_short, "{err}");
            assert!(!err.contains(password) || password == "x");
            let roster = Roster::load(&path).unwrap().roster;
            assert!(roster.user(&Subject::parse(name).unwrap()).is_some());
        }
        run_line(&path, "remove a@example.com", "").unwrap();
        let refused = run_line(&path, "add a+b@example.com", "8 chars!").unwrap_err().to_string();
        assert!(refused.contains("A-Z a-z 0-9 . _ @ -"), "{refused}");
    }

    #[test]
    fn no_password_is_asked_for_when_the_user_exists() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        run_line(&path, "add alice", "open sesame").unwrap();
        let command = Line::try_parse_from(["user", "add", "alice"]).unwrap().command;
        let refused =
            run(command, &path, None, Timestamp::UNIX_EPOCH, |_| panic!("asked"), &mut Vec::new())
                .unwrap_err();
        assert!(refused.to_string().contains("hallpass user remove alice"));
    }

    #[test]
    fn the_first_line_of_stdin_is_the_password_with_its_spaces() {
        let read = |text: &str| first_line(text.as_bytes()).unwrap().expose_secret().to_owned();
        assert_eq!(read(" open sesame \nmore\n"), " open sesame ");
        assert_eq!(read("windows\r\n"), "windows");
        assert_eq!(read("\u{feff}powershell\r\n"), "powershell");
        assert_eq!(read("no end"), "no end");
        assert_eq!(read(""), "");
        assert_eq!(read(&"x".repeat(10_000)).len(), 4096);
        assert!(first_line(&b"\xff\n"[..]).is_err());
    }

    #[test]
    fn wrong_usage_differs_from_refusals() {
        let path = Path::new("no/such/roster.toml");
        for line in ["add a/b", "add a --role é", "remove", "list"] {
            assert!(run_line(path, line, "x").unwrap_err().is::<clap::Error>(), "{line}");
        }
        for line in ["add a", "remove a"] {
            assert!(!run_line(path, line, "x").unwrap_err().is::<clap::Error>(), "{line}");
        }
    }
}
