//! All that must be right before anything listens: `serve` and `check` ask here alike.
//!
//! Must not know sockets.

use std::path::Path;

use jiff::Timestamp;

use crate::{
    authority::Authority,
    config::{KeySource, Raw, Settings, TlsFiles},
    policy::{Policy, Reading},
    problem::{Problem, Problems},
    roster::{Checked, Issuer, KeyRecord, Source},
    tokens::{Keyring, Revocations, SigningKey, Tokens},
};

use super::{
    Gate,
    document::own_document,
    issuer_schemes,
    metrics::{self, Metrics},
    tls::Tls,
};

/// How many warnings are said one by one.
const WARNINGS: usize = 20;

/// Settings and roster without faults.
#[derive(Debug)]
pub struct Prepared {
    /// Every setting, resolved.
    pub settings: Settings,
    /// The roster, with what is worth a warning.
    pub checked: Checked,
    keyring: Keyring,
    tls: Option<Tls>,
    /// The roster file, unless the roster came from elsewhere.
    source: Option<Source>,
}

/// Reads settings, signing keys and roster.
///
/// # Errors
/// The problems of all of them, and of the document, in one list.
pub fn prepare(raw: &Raw) -> Result<Prepared, Problems> {
    let (source, roster) = Source::open(&raw.roster());
    let prepared = assemble(raw, roster)?;
    Ok(Prepared { source: Some(source), ..prepared })
}

/// The same with a roster that is at hand, and no file to watch.
///
/// # Errors
/// As [`prepare`].
pub fn assemble(raw: &Raw, roster: Result<Checked, Problems>) -> Result<Prepared, Problems> {
    let mut problems = Problems::default();
    let settings = problems.keep(Settings::resolve(raw));
    let keyring = match &settings {
        Some(settings) => {
            let issuers = roster.iter().flat_map(|checked| checked.roster.issuers()).cloned();
            problems.keep(enforceable(settings, &issuers.collect::<Vec<_>>()));
            problems.keep(settings.state.as_deref().map_or(Ok(()), |path| reachable(raw, path)));
            problems.keep(keyring(raw, &settings.signing_key, &settings.previous_keys))
        }
        // What cannot even be read is among the problems already.
        None => Settings::signing_keys(raw)
            .ok()
            .and_then(|(current, previous)| problems.keep(keyring(raw, &current, &previous))),
    };
    // As above.
    let files = TlsFiles::resolve(raw).ok().flatten();
    let tls = files.and_then(|files| problems.keep(Tls::open(&files)));
    let checked = problems.keep(roster);
    match (settings, keyring, checked) {
        (Some(settings), Some(keyring), Some(mut checked)) if problems.is_empty() => {
            checked.warnings.extend(raw.unknown());
            Ok(Prepared { settings, checked, keyring, tls, source: None })
        }
        _ => Err(problems),
    }
}

/// The document of these settings and issuers can be enforced.
fn enforceable(settings: &Settings, issuers: &[Issuer]) -> Result<Policy, Problems> {
    let document = issuer_schemes::add(own_document(&settings.surface), issuers)?;
    Policy::compile(&document, &Reading::own())
}

/// The state file is opened by whoever serves; whether that could work can be said before.
fn reachable(raw: &Raw, state: &Path) -> Result<(), Problems> {
    let place = raw.place("HALLPASS_STATE");
    let problem = |error| Problem::new(place, format!("HALLPASS_STATE: {error}"));
    Ok(Revocations::check(state).map_err(problem)?)
}

/// All keys that sign or verify; every one of them is looked at.
fn keyring(raw: &Raw, current: &KeySource, previous: &[KeySource]) -> Result<Keyring, Problems> {
    let mut problems = Problems::default();
    let now = ["HALLPASS_SECRET_KEY", "HALLPASS_SIGNING_KEY"];
    let former = ["HALLPASS_PREVIOUS_SECRET_KEYS", "HALLPASS_PREVIOUS_SIGNING_KEYS"];
    let current = problems.keep(signing_key(raw, now, current));
    let previous: Vec<_> =
        previous.iter().filter_map(|key| problems.keep(signing_key(raw, former, key))).collect();
    match current {
        Some(current) if problems.is_empty() => Keyring::new(current, previous)
            .map_err(|error| Problem::new("signing keys", format!("one {error}")).into()),
        _ => Err(problems),
    }
}

/// A key from a secret or a PEM; `variables` are the names of the settings for the one and the other.
fn signing_key(
    raw: &Raw,
    [secrets, pems]: [&str; 2],
    source: &KeySource,
) -> Result<SigningKey, Problems> {
    let (variable, key, subject) = match source {
        KeySource::Secret(secret) => (secrets, SigningKey::from_secret(secret), secrets.to_owned()),
        KeySource::Pem { path, pem } => {
            let subject = format!("{pems} names {}, which", path.display());
            (pems, SigningKey::from_pem(pem), subject)
        }
    };
    key.map_err(|error| Problem::new(raw.place(variable), format!("{subject} {error}")).into())
}

impl Prepared {
    /// The gate of the service that is reached at `base_url`, which is `iss` where no issuer is set. Opens the
    /// state file, and holds it and watches the other files for as long as the gate lives.
    ///
    /// # Errors
    /// A state file that is in use, no state file, damaged or out of reach.
    pub fn gate(mut self, base_url: &str) -> Result<Gate, Problems> {
        let revocations = match &self.settings.state {
            None => Revocations::in_memory(),
            Some(path) => Revocations::open(path, Timestamp::now())
                .map_err(|error| Problem::new("HALLPASS_STATE", error.to_string()))?,
        };
        let (settings, source, tls) = (self.settings.clone(), self.source.take(), self.tls.take());
        let counted = Metrics::new().map_err(metrics::fault)?;
        let authority = self.authority(base_url, revocations);
        let gate = Gate::new(authority, settings, tls, counted);
        gate.watch(source);
        Ok(gate)
    }

    /// Who proves and issues at `base_url` with these revocations; opens and watches no file.
    pub fn authority(self, base_url: &str, revocations: Revocations) -> Authority {
        let settings = self.settings;
        let issuer = settings.issuer.unwrap_or_else(|| base_url.to_owned());
        let tokens = Tokens {
            keyring: self.keyring,
            audience: settings.audience.unwrap_or_else(|| issuer.clone()),
            issuer,
            lifetime: settings.token_lifetime,
            leeway: settings.leeway,
            revocations,
        };
        Authority::new(self.checked.roster, tokens)
    }

    /// Says the warnings: they are worth reading and no reason to refuse.
    pub fn warn(&self) {
        warn(&self.checked.warnings);
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

/// Says the first warnings, and how many there are more: a long roster may have the same one for every key.
pub(super) fn warn(warnings: &Problems) {
    for warning in warnings.iter().take(WARNINGS) {
        log::warn!("{warning}");
    }
    if let Some(more @ 1..) = warnings.iter().len().checked_sub(WARNINGS) {
        log::warn!("and {more} warnings more: `hallpass check` shows all");
    }
}
