//! `hallpass key`: makes, lists, rotates and revokes API keys.

use std::{io::Write, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Subcommand;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::{
    cli::{
        entry_flags::EntryFlags,
        key_list::{self, KeyUses},
        terminal::with_bold_head,
        value_parsers::{KeyIdParser, cost, label, lifetime, overlap},
    },
    config::state_location::StateLocation,
    notation::{duration::format_duration, network::format_network},
    oauth::{KeyId, Subject},
    policy::explanation::shell,
    roster::{
        api_key::ApiKey,
        edit::{self, StagedKey},
        roster::Roster,
        secret_hash::DEFAULT_COST,
    },
};

const ADD_EXAMPLES: &str = "\
Examples:
  hallpass key add billing --role reader --scope invoices:read --expires 90d
  API_KEY=$(hallpass key add billing)     one more key of a client that exists";

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key for a client, and the client if it is new
    ///
    /// The key alone goes to stdout, once: the roster keeps only its hash. A missing roster is created.
    #[command(after_help = ADD_EXAMPLES)]
    Add {
        /// Name of the client: 1 to 64 of A-Z a-z 0-9 . _ @ -
        #[arg(value_parser = Subject::parse)]
        client: Subject,
        #[command(flatten)]
        entry: EntryFlags,
        /// How long the key is valid, as in 90d or 12h; without it, until it is revoked
        #[arg(long, value_name = "DURATION", value_parser = lifetime)]
        expires: Option<Duration>,
        /// What the key is for, or whose it is; `hallpass key list` shows it
        #[arg(long, value_name = "TEXT", value_parser = label)]
        label: Option<String>,
        /// The bcrypt cost of the hash, 4 to 14; a key is random, so the lowest protects it as well
        #[arg(long, value_name = "COST", default_value_t = DEFAULT_COST, value_parser = cost)]
        cost: u32,
    },
    /// Show all clients and their keys
    List {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Make a new key for a client; its older keys expire after an overlap
    ///
    /// The new key alone goes to stdout, once: the roster keeps only its hash.
    Rotate {
        /// Name of the client
        #[arg(value_parser = Subject::parse)]
        client: Subject,
        /// How long the older keys stay valid; 0s ends them at once
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = overlap)]
        overlap: Duration,
        /// How long the new key is valid, as in 90d or 12h; without it, until it is revoked
        #[arg(long, value_name = "DURATION", value_parser = lifetime)]
        expires: Option<Duration>,
        /// What the key is for, or whose it is; without it, the label of the last key
        #[arg(long, value_name = "TEXT", value_parser = label)]
        label: Option<String>,
        /// The bcrypt cost of the hash, 4 to 14; a key is random, so the lowest protects it as well
        #[arg(long, value_name = "COST", default_value_t = DEFAULT_COST, value_parser = cost)]
        cost: u32,
    },
    /// Remove a key; the tokens issued for it are refused at once
    Revoke {
        /// The key id, which `hallpass key list` shows, or the whole key
        #[arg(value_parser = KeyIdParser)]
        key_id: KeyId,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct KeyContext {
    pub roster: PathBuf,
    /// The address in the curl line.
    pub base_url: String,
    /// The header in the curl line.
    pub api_key_header: String,
    /// Whether stdout is a terminal that shows styles.
    pub is_styled: bool,
    /// `HALLPASS_TOKEN_LIFETIME`, if it is valid.
    pub longest_token_lifetime: Option<Duration>,
    /// Where the last uses of keys are recorded, if that is valid.
    pub state: Option<StateLocation>,
}

/// Runs a command on the roster file. Keys and lists go to `out`, explanations to `err`.
///
/// # Errors
/// Why the command was refused; the roster is then unchanged.
pub(crate) fn run(
    command: KeyCommand,
    context: &KeyContext,
    now: Timestamp,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let roster = context.roster.as_path();
    match command {
        KeyCommand::Add { client, entry, expires, label, cost } => {
            let entry = entry.entitlements(context.longest_token_lifetime)?;
            let label = label.as_deref();
            let key = edit::add_key(roster, &client, &entry, expires, label, cost, now)?;
            let key = commit_shown(key, out)?;
            explain_key(&key, expires, context, err);
            if let Some(networks) = &entry.options.from {
                let networks: Vec<_> = networks.iter().map(format_network).collect();
                let networks = networks.join(", ");
                let _ =
                    writeln!(err, "From everywhere but {networks} it is refused as a wrong key.");
            }
        }
        KeyCommand::Rotate { client, overlap, expires, label, cost } => {
            let label = label.as_deref();
            let key = edit::rotate(roster, &client, overlap, expires, label, cost, now)?;
            let key = commit_shown(key, out)?;
            explain_key(&key, expires, context, err);
            let overlap = format_duration(overlap);
            let _ = writeln!(err, "The older keys of {client} expire in {overlap} or earlier.");
        }
        KeyCommand::Revoke { key_id } => {
            let client = edit::revoke(roster, &key_id)?;
            let _ = writeln!(
                err,
                "Revoked the key {key_id} of {client}; its tokens are refused from now on."
            );
        }
        KeyCommand::List { json } => {
            let loaded = Roster::load(roster)?;
            for warning in loaded.warnings.iter() {
                let _ = writeln!(err, "warning: {warning}");
            }
            let uses = KeyUses::read(context.state.as_ref()).unwrap_or_else(|error| {
                let _ = writeln!(err, "warning: when keys were last used is not known: {error}");
                KeyUses::default()
            });
            if json {
                key_list::json(&loaded.roster, &uses, now, out)?;
            } else {
                let table = key_list::table(&loaded.roster, &uses, now);
                write!(out, "{}", with_bold_head(table, context.is_styled))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a key, the only time that it is shown, and then puts it in force: a kill in between leaves a key that
/// opens nothing, and never leaves a client whose only key was not shown.
fn commit_shown(staged: StagedKey, out: &mut dyn Write) -> anyhow::Result<ApiKey> {
    writeln!(out, "{}", staged.key().expose().expose_secret())
        .and_then(|()| out.flush())
        .context("the new key could not be written to stdout; nothing was changed")?;
    staged.commit().context("the key that was printed is not in force")
}

/// Says how to use a key that is in force. That stderr is closed changes nothing about it.
fn explain_key(
    key: &ApiKey,
    lifetime: Option<Duration>,
    context: &KeyContext,
    err: &mut dyn Write,
) {
    let (id, base_url) = (key.id(), &context.base_url);
    let header = shell(&format!("{}: ", context.api_key_header), "$API_KEY");
    let until = match lifetime {
        Some(lifetime) => format!("is valid for {}", format_duration(lifetime)),
        None => "is valid until it is revoked".to_owned(),
    };
    let _ = writeln!(
        err,
        "Store the key in a safe place now: it is not shown again. Its id is {id}; it {until}.\n\
         A running `hallpass serve` accepts it within 2 seconds. To try it, put it into API_KEY:\n  \
         curl -X POST -H {header} {base_url}/login"
    );
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::roster::secret_cache::SecretCache;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: KeyCommand,
    }

    /// What a command line of `hallpass key` writes to stdout and stderr.
    fn run_line(roster: &Path, line: &str) -> anyhow::Result<(String, String)> {
        let command = Line::try_parse_from(std::iter::once("key").chain(line.split(' ')))?.command;
        let now = "2026-11-23T10:00:00Z".parse()?;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let context = KeyContext {
            roster: roster.into(),
            base_url: "http://[::1]:81".to_owned(),
            api_key_header: "X-Key".to_owned(),
            is_styled: false,
            longest_token_lifetime: None,
            state: None,
        };
        run(command, &context, now, &mut out, &mut err)?;
        Ok((String::from_utf8(out)?, String::from_utf8(err)?))
    }

    #[test]
    fn the_key_alone_goes_to_stdout_and_never_to_stderr() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        for line in ["add billing --role reader --expires 90d", "rotate billing", "add billing"] {
            let (out, err) = run_line(&path, line).unwrap();
            let text = out.strip_suffix('\n').unwrap();
            let key = ApiKey::parse(text).unwrap();
            assert!(
                err.contains(key.id().as_str())
                    && err.contains("\"X-Key: $API_KEY\" http://[::1]:81/login")
            );
            assert!(!err.contains(&text[16..]));
            let roster = Roster::load(&path).unwrap().roster;
            assert!(
                roster.verify(&SecretCache::default(), &key, None, Timestamp::UNIX_EPOCH).is_ok()
            );
        }
    }

    #[test]
    fn the_list_shows_each_key_and_its_state_in_columns() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        let text = "[clients.a]\ndisabled = true\n[clients.billing]\nroles = ['admin', 'reader']\n\
            [[clients.billing.keys]]\nid = '4fQz81LmXc0a'\ncreated = 2026-01-01T00:00:00Z\n\
            expires = 2026-02-01T00:00:00Z\n\
            hash = '$2b$10$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.'\n";
        std::fs::write(&path, text).unwrap();
        assert_eq!(
            run_line(&path, "list").unwrap().0,
            "\
CLIENT   ROLES         SCOPES  KEY ID        CREATED               EXPIRES               STATE
a        -             -       -             -                     -                     disabled
billing  admin reader  -       4fQz81LmXc0a  2026-01-01T00:00:00Z  2026-02-01T00:00:00Z  expired
"
        );
        let json = run_line(&path, "list --json").unwrap().0;
        let clients: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(clients[0]["client"], "a");
        assert_eq!(clients[1]["roles"], serde_json::json!(["admin", "reader"]));
        assert_eq!(clients[1]["keys"][0]["key_id"], "4fQz81LmXc0a");
        assert_eq!(clients[1]["keys"][0]["state"], "expired");
        assert!(!json.contains("$2b$"));
    }

    #[test]
    fn a_key_is_revoked_by_its_id_or_by_the_whole_key() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        let (whole, _) = run_line(&path, "add a").unwrap();
        let (other, _) = run_line(&path, "add a").unwrap();
        run_line(&path, &format!("revoke {}", whole.trim())).unwrap();
        let (out, err) = run_line(&path, &format!("revoke {}", &other[3..15])).unwrap();
        assert!(out.is_empty() && err.contains("of a"));
        assert!(run_line(&path, &format!("revoke {}", &other[3..15])).is_err());
        assert!(run_line(&path, "list").unwrap().0.ends_with("no key\n"));
    }

    #[test]
    fn wrong_usage_differs_from_refusals() {
        let path = Path::new("no/such/roster.toml");
        for line in
            ["add a/b", "add a --role é", "add a --expires 0s", "add a --expires soon", "revoke x"]
        {
            assert!(run_line(path, line).unwrap_err().is::<clap::Error>(), "{line}");
        }
        for line in ["list", "rotate a", "revoke 4fQz81LmXc0a", "add a"] {
            assert!(!run_line(path, line).unwrap_err().is::<clap::Error>(), "{line}");
        }
    }
}
