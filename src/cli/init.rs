//! `hallpass init`: a first `.env` with a fresh secret, and an empty roster.

use std::{
    fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path, process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;
use rand::distr::{Alphanumeric, SampleString};

use crate::{
    cli::settings_flags::RosterFlag,
    config::{
        raw_settings::RawSettings,
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
        for path in [env, &roster] {
            if path.symlink_metadata().is_ok() {
                bail!(
                    "{} already exists, and init overwrites nothing; nothing was changed",
                    path.display()
                );
            }
        }
        // 62^64 secrets are 381 bits: more than HS256 can use.
        let secret = Alphanumeric.sample_string(&mut rand::rng(), 64);
        let text = first_env(&secret, &roster.to_string_lossy());
        let text =
            text.context("the path of the roster must not contain \\, ' or control characters")?;
        roster::edit::create(&roster)?;
        if let Err(error) = write_env(env, &text) {
            // Without .env the roster is removed, so that init can be run again.
            let _ = std::fs::remove_file(&roster);
            return Err(error);
        }
        writeln!(
            out,
            "Made .env with a fresh secret key, and {} without clients. Both files are readable by you alone (mode 0600).\n\
             Next:\n  hallpass key add CLIENT --role reader   creates a client and prints its API key, once\n  \
             hallpass serve                          serves at the address in .env",
            roster.display()
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

fn write_env(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot create {}", path.display()))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}
