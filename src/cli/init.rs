//! `hallpass init`: a first `.env` with a fresh secret, and an empty roster; whichever of them is missing.

use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use rand::distr::{Alphanumeric, SampleString};

use crate::{
    cli::settings_flags::RosterFlag,
    config::{
        raw_settings::RawSettings,
        settings::Settings,
        variables::{example, first_env},
    },
    roster,
};

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Print .env.example, with every setting and its default, and write nothing
    #[arg(long)]
    example: bool,
    #[command(flatten)]
    roster: RosterFlag,
}

impl Init {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut out = std::io::stdout().lock();
        if self.example {
            write!(out, "{}", example())?;
            return Ok(ExitCode::SUCCESS);
        }
        let roster = self.roster.apply(RawSettings::from_env()?).complete()?.roster();
        let env = Path::new(".env");
        match (exists(env)?, exists(&roster)?) {
            (false, false) => {
                let text = env_text(&roster)?;
                roster::edit::create(&roster)?;
                // Without .env the roster is removed, so that init can be run again.
                write_env(env, &text).inspect_err(|_| drop(std::fs::remove_file(&roster)))?;
                writeln!(
                    out,
                    "Made .env with a fresh secret key, and {} without clients. Both files are readable by you alone (mode 0600).",
                    roster.display()
                )?;
            }
            (false, true) => {
                write_env(env, &env_text(&roster)?)?;
                writeln!(
                    out,
                    "Made .env with a fresh secret key (mode 0600), and left {} as it is.",
                    roster.display()
                )?;
            }
            (true, false) => {
                roster::edit::create(&roster)?;
                writeln!(
                    out,
                    "Made {} without clients (mode 0600), and left .env as it is.",
                    roster.display()
                )?;
            }
            (true, true) => {
                let steps = steps(&roster)?;
                let next = if steps.is_empty() { steps } else { format!(". Next:{steps}") };
                bail!(
                    ".env and {} already exist, and init overwrites nothing; nothing was changed{next}",
                    roster.display()
                );
            }
        }
        writeln!(
            out,
            "Next:{}\n  hallpass key add CLIENT --role reader   creates a client and prints its API key, once\n  \
             hallpass serve                          serves at the address in .env",
            steps(&roster)?
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What a `.env` that init has left as it is still needs before other commands find their settings.
fn steps(roster: &Path) -> anyhow::Result<String> {
    let raw = RawSettings::from_env()?;
    let mut steps = String::new();
    if raw.roster() != roster {
        steps = format!("\n  HALLPASS_ROSTER={} belongs into .env", roster.display());
    }
    if let Err(diagnostics) = Settings::signing_keys(&raw) {
        for diagnostic in diagnostics.iter() {
            steps = format!("{steps}\n  {diagnostic}");
        }
    }
    Ok(steps)
}

/// Whether there is a file.
///
/// # Errors
/// There is something else, which would be in the way.
fn exists(path: &Path) -> anyhow::Result<bool> {
    let shown = path.display();
    match (path.symlink_metadata(), path.metadata()) {
        (Err(error), _) if error.kind() == ErrorKind::NotFound => Ok(false),
        (Err(error), _) => Err(error).with_context(|| format!("cannot look for {shown}")),
        (Ok(_), Ok(found)) if found.is_dir() => {
            bail!("{shown} is a directory; nothing was changed")
        }
        (Ok(_), Ok(_)) => Ok(true),
        (Ok(_), Err(error)) => bail!(
            "{shown} is a link, and what it names cannot be found ({error}): create that or remove the link; \
             nothing was changed"
        ),
    }
}

fn env_text(roster: &Path) -> anyhow::Result<String> {
    // 62^64 secrets are 381 bits: more than HS256 can use.
    let secret = Alphanumeric.sample_string(&mut rand::rng(), 64);
    first_env(&secret, &roster.to_string_lossy())
        .context("the path of the roster must not contain \\, ' or control characters")
}

fn write_env(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot create {}", path.display()))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}
