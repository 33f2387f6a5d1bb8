//! `hallpass signing-key`: makes and replaces the signing keys of a directory.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::{
    config::{raw_settings::RawSettings, settings::Settings},
    tokens::{
        key_rotation::{RotationError, Step, rotate},
        new_signing_key::KeyKind,
    },
};

const EXAMPLES: &str = "\
Examples:
  mkdir -m 700 keys && hallpass signing-key rotate keys    makes the first key
  hallpass signing-key rotate                              a step in the directory of HALLPASS_SIGNING_KEY; \
weekly, a key signs for three weeks";

#[derive(Debug, Subcommand)]
pub(super) enum SigningKeyCommand {
    /// Take the next step of replacing the key that signs, one a call: publish, sign, withdraw
    ///
    /// Publish makes next.pem, which verifies. Sign renames it to current.pem, and current.pem to former.pem, which still
    /// verifies. Withdraw removes former.pem. In an empty directory the first call makes current.pem. A step whose time
    /// has not come is refused with exit code 1: next.pem has to reach everybody who keeps the JWK Set, and the last token
    /// of former.pem has to end (HALLPASS_TOKEN_LIFETIME, HALLPASS_LEEWAY). A running `hallpass serve` follows.
    #[command(after_help = EXAMPLES)]
    Rotate {
        /// The directory; without it, that of HALLPASS_SIGNING_KEY
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
        /// What kind of key to make; without it, that of current.pem
        #[arg(long)]
        algorithm: Option<Algorithm>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Algorithm {
    Ed25519,
    P256,
    Rsa3072,
}

impl From<Algorithm> for KeyKind {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Ed25519 => Self::Ed25519,
            Algorithm::P256 => Self::P256,
            Algorithm::Rsa3072 => Self::Rsa3072,
        }
    }
}

impl SigningKeyCommand {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Rotate { directory, algorithm } = self;
        let raw = RawSettings::from_env()?;
        let longest = Settings::longest_acceptance(&raw)?;
        let directory = directory.or_else(|| Settings::signing_key_path(&raw)).context(
            "no directory of signing keys is known: give its path, or set HALLPASS_SIGNING_KEY to it",
        )?;
        let now = Timestamp::from_second(Timestamp::now().as_second())?;
        let step = match rotate(&directory, algorithm.map(KeyKind::from), longest, now) {
            Err(RotationError::Keys(diagnostics)) => Err(diagnostics)?,
            step => step?,
        };
        // The step is taken, whether or not anybody reads of it.
        let _ = writeln!(std::io::stdout().lock(), "{}: {}", directory.display(), told(&step));
        Ok(ExitCode::SUCCESS)
    }
}

fn told(step: &Step) -> String {
    match step {
        Step::First { kid } => format!(
            "made the first key, current.pem (kid {kid}); it signs where HALLPASS_SIGNING_KEY names this directory"
        ),
        Step::Published { kid, signs_from } => format!(
            "made next.pem (kid {kid}), which verifies and is published; it may sign from {signs_from} on"
        ),
        Step::Signs { kid, withdrawn_from } => format!(
            "current.pem is the new key (kid {kid}) and signs; the old one is former.pem, which still verifies and \
             may be withdrawn from {withdrawn_from} on"
        ),
        Step::Withdrawn { kid } => {
            format!(
                "removed former.pem (kid {kid}), which verifies no more; the rotation is complete"
            )
        }
    }
}
