//! All that must be right before anything listens: `serve` and `check` ask here alike.
//!
//! Must not know sockets.

use jiff::Timestamp;

use crate::{
    authority::Authority,
    config::{KeySource, Raw, Settings},
    policy::{Policy, Reading},
    problem::{Problem, Problems},
    roster::{Checked, KeyRecord, Roster},
    tokens::{Keyring, Revocations, Tokens},
};

use super::{Gate, document::own_document, issuer_schemes};

/// Settings and roster without faults.
#[derive(Debug)]
pub struct Prepared {
    /// Every setting, resolved.
    pub settings: Settings,
    /// The roster, with what is worth a warning.
    pub checked: Checked,
    keyring: Keyring,
}

/// Reads settings and roster.
///
/// # Errors
/// The problems of both, and of the document, in one list.
pub fn prepare(raw: &Raw) -> Result<Prepared, Problems> {
    assemble(raw, Roster::load(&raw.roster()))
}

/// The same with a roster that is at hand.
///
/// # Errors
/// As [`prepare`].
pub fn assemble(raw: &Raw, roster: Result<Checked, Problems>) -> Result<Prepared, Problems> {
    match (Settings::resolve(raw), roster) {
        (Ok(settings), Ok(mut checked)) => {
            let issuers: Vec<_> = checked.roster.issuers().cloned().collect();
            let document = issuer_schemes::add(own_document(&settings.surface), &issuers)?;
            Policy::compile(&document, &Reading::own())?;
            let keyring = keyring(&settings)?;
            checked.warnings.extend(raw.unknown());
            Ok(Prepared { settings, checked, keyring })
        }
        (settings, roster) => {
            let mut problems = settings.err().unwrap_or_default();
            problems.extend(roster.err().unwrap_or_default());
            Err(problems)
        }
    }
}

fn keyring(settings: &Settings) -> Result<Keyring, Problems> {
    let secret = |source: &KeySource| match source {
        KeySource::Secret(secret) => Some(secret.clone()),
        KeySource::Pem { .. } => None,
    };
    let previous: Vec<_> = settings.previous_keys.iter().filter_map(secret).collect();
    let current = secret(&settings.signing_key).unwrap_or_default();
    Keyring::from_secrets(&current, &previous).map_err(|error| {
        Problem::new("HALLPASS_SECRET_KEY", format!("cannot sign: {error}")).into()
    })
}

impl Prepared {
    /// The gate of the service that is reached at `base_url`, which is `iss` where no issuer is set.
    pub fn gate(self, base_url: &str) -> Gate {
        let settings = self.settings;
        let issuer = settings.issuer.clone().unwrap_or_else(|| base_url.to_owned());
        let tokens = Tokens {
            keyring: self.keyring,
            audience: settings.audience.clone().unwrap_or_else(|| issuer.clone()),
            issuer,
            lifetime: settings.token_lifetime,
            leeway: settings.leeway,
            revocations: Revocations::default(),
        };
        Gate::new(Authority::new(self.checked.roster, tokens), settings)
    }

    /// Says the warnings: they are worth reading and no reason to refuse.
    pub fn warn(&self) {
        for warning in self.checked.warnings.iter() {
            log::warn!("{warning}");
        }
        let now = Timestamp::now();
        let usable = |key: &KeyRecord| key.expires.is_none_or(|end| end > now);
        if !self
            .checked
            .roster
            .clients()
            .any(|client| !client.disabled && client.keys.iter().any(usable))
        {
            log::warn!("the roster holds no usable API key: `hallpass key add CLIENT` makes one");
        }
    }
}
