//! All that must be right before anything listens: `serve` and `check` ask here alike.
//!
//! Must not know sockets.

use std::path::Path;

use jiff::Timestamp;

use crate::{
    authority::Authority,
    config::{KeySource, RawSettings, Settings, TlsFiles},
    diagnostics::{Diagnostic, Diagnostics},
    policy::{compile_options::CompileOptions, compiled::Policy},
    roster::{Issuer, KeyRecord, LoadedRoster, RosterFile},
    tokens::{Keyring, Revocations, SigningKey, Tokens},
};

use crate::server::{
    counters::{self, Metrics},
    document::{issuer_schemes, own_document},
    gate::Gate,
    tls::Tls,
};

/// How many warnings are said one by one.
const WARNINGS: usize = 20;

/// Settings and roster without faults.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Every setting, resolved.
    pub settings: Settings,
    /// The roster, with what is worth a warning.
    pub checked: LoadedRoster,
    keyring: Keyring,
    tls: Option<Tls>,
    /// The roster file, unless the roster came from elsewhere.
    source: Option<RosterFile>,
}

/// Reads settings, signing keys and roster.
///
/// # Errors
/// The problems of all of them, and of the document, in one list.
pub(crate) fn prepare(raw: &RawSettings) -> Result<Prepared, Diagnostics> {
    let (source, roster) = RosterFile::open(&raw.roster());
    let prepared = assemble(raw, roster)?;
    Ok(Prepared { source: Some(source), ..prepared })
}

/// The same with a roster that is at hand, and no file to watch.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn assemble(
    raw: &RawSettings,
    roster: Result<LoadedRoster, Diagnostics>,
) -> Result<Prepared, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let settings = diagnostics.keep(Settings::resolve(raw));
    let keyring = match &settings {
        Some(settings) => {
            let issuers = roster.iter().flat_map(|checked| checked.roster.issuers()).cloned();
            diagnostics.keep(enforceable(settings, &issuers.collect::<Vec<_>>()));
            diagnostics.keep(settings.state.as_deref().map_or(Ok(()), |path| reachable(raw, path)));
            diagnostics.keep(keyring(raw, &settings.signing_key, &settings.previous_keys))
        }
        // What cannot even be read is among the problems already.
        None => Settings::signing_keys(raw)
            .ok()
            .and_then(|(current, previous)| diagnostics.keep(keyring(raw, &current, &previous))),
    };
    // As above.
    let files = TlsFiles::resolve(raw).ok().flatten();
    let tls = files.and_then(|files| diagnostics.keep(Tls::open(&files)));
    let checked = diagnostics.keep(roster);
    match (settings, keyring, checked) {
        (Some(settings), Some(keyring), Some(mut checked)) if diagnostics.is_empty() => {
            checked.warnings.extend(raw.unknown());
            Ok(Prepared { settings, checked, keyring, tls, source: None })
        }
        _ => Err(diagnostics),
    }
}

/// The document of these settings and issuers can be enforced.
fn enforceable(settings: &Settings, issuers: &[Issuer]) -> Result<Policy, Diagnostics> {
    let document = issuer_schemes::add(own_document(&settings.surface), issuers)?;
    Policy::compile(&document, &CompileOptions::own(&settings.surface.cookie_name))
}

/// The state file is opened by whoever serves; whether that could work can be said before.
fn reachable(raw: &RawSettings, state: &Path) -> Result<(), Diagnostics> {
    let place = raw.location("HALLPASS_STATE");
    let diagnostic = |error| Diagnostic::new(place, format!("HALLPASS_STATE: {error}"));
    Ok(Revocations::check(state).map_err(diagnostic)?)
}

/// All keys that sign or verify; every one of them is looked at.
fn keyring(
    raw: &RawSettings,
    current: &KeySource,
    previous: &[KeySource],
) -> Result<Keyring, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let now = ["HALLPASS_SECRET_KEY", "HALLPASS_SIGNING_KEY"];
    let former = ["HALLPASS_PREVIOUS_SECRET_KEYS", "HALLPASS_PREVIOUS_SIGNING_KEYS"];
    let current = diagnostics.keep(signing_key(raw, now, current));
    let previous: Vec<_> =
        previous.iter().filter_map(|key| diagnostics.keep(signing_key(raw, former, key))).collect();
    match current {
        Some(current) if diagnostics.is_empty() => Keyring::new(current, previous)
            .map_err(|error| Diagnostic::new("signing keys", format!("one {error}")).into()),
        _ => Err(diagnostics),
    }
}

/// A key from a secret or a PEM; `variables` are the names of the settings for the one and the other.
fn signing_key(
    raw: &RawSettings,
    [secrets, pems]: [&str; 2],
    source: &KeySource,
) -> Result<SigningKey, Diagnostics> {
    let (variable, key, subject) = match source {
        KeySource::Secret(secret) => (secrets, SigningKey::from_secret(secret), secrets.to_owned()),
        KeySource::Pem { path, pem } => {
            let subject = format!("{pems} names {}, which", path.display());
            (pems, SigningKey::from_pem(pem), subject)
        }
    };
    key.map_err(|error| {
        Diagnostic::new(raw.location(variable), format!("{subject} {error}")).into()
    })
}

impl Prepared {
    /// The gate of the service that is reached at `base_url`, which is `iss` where no issuer is set. Opens the
    /// state file, and holds it and watches the other files for as long as the gate lives.
    ///
    /// # Errors
    /// A state file that is in use, no state file, damaged or out of reach.
    pub(crate) fn gate(mut self, base_url: &str) -> Result<Gate, Diagnostics> {
        let revocations = match &self.settings.state {
            None => Revocations::in_memory(),
            Some(path) => Revocations::open(path, Timestamp::now())
                .map_err(|error| Diagnostic::new("HALLPASS_STATE", error.to_string()))?,
        };
        let (settings, source, tls) = (self.settings.clone(), self.source.take(), self.tls.take());
        let counted = Metrics::new().map_err(counters::fault)?;
        let authority = self.authority(base_url, revocations);
        let gate = Gate::new(authority, settings, tls, counted);
        gate.watch(source);
        Ok(gate)
    }

    /// Who proves and issues at `base_url` with these revocations; opens and watches no file.
    pub(crate) fn authority(self, base_url: &str, revocations: Revocations) -> Authority {
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
    pub(crate) fn warn(&self) {
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
pub(crate) fn warn(warnings: &Diagnostics) {
    for warning in warnings.iter().take(WARNINGS) {
        log::warn!("{warning}");
    }
    if let Some(more @ 1..) = warnings.iter().len().checked_sub(WARNINGS) {
        log::warn!("and {more} warnings more: `hallpass check` shows all");
    }
}
