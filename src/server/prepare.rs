//! Everything that must be right before anything listens: `serve` and `check` ask here alike.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;

use crate::{
    authority::authority::Authority,
    config::{
        key_source::KeySource, policy_settings::PolicySettings, raw_settings::RawSettings,
        settings::Settings, tls_files::TlsFiles,
    },
    diagnostics::{Diagnostic, Diagnostics},
    policy::compiled::Policy,
    roster::{
        roster::{LoadedRoster, Roster},
        roster_entries::KeyRecord,
        roster_file::RosterFile,
    },
    server::{
        context::Context,
        counters::{self, Counters},
        forward::followed_policy,
        site::own_document,
        tls::Tls,
        watch::FollowedFiles,
    },
    store::{revocations::Revocations, state_file},
    tokens::{
        access_tokens::{Tokens, longest_revocation},
        keyring::Keyring,
        signing_key::SigningKey,
    },
};

/// How many warnings are logged one by one.
const WARNINGS: usize = 20;

/// Settings, keys and roster without faults.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) settings: Settings,
    pub(crate) loaded: LoadedRoster,
    keyring: Keyring,
    tls: Option<Tls>,
    /// The roster file, unless the roster came from elsewhere.
    pub(crate) roster_file: Option<(FollowedFiles, RosterFile)>,
    pub(crate) tls_files: Option<FollowedFiles>,
    pub(crate) policy: Option<(FollowedFiles, PolicySettings, Policy)>,
}

/// Reads settings, signing keys and roster.
///
/// # Errors
/// All diagnostics of all of them, and of the document.
pub(crate) fn prepare(raw: &RawSettings) -> Result<Prepared, Diagnostics> {
    let path = raw.roster();
    let (followed, read) = FollowedFiles::open(vec![path.clone()]);
    let opened = match read.first() {
        Some(read) => RosterFile::open(&path, read),
        None => Err(Diagnostics::default()),
    };
    let (file, roster) = match opened {
        Ok((file, loaded)) => (Some(file), Ok(loaded)),
        Err(diagnostics) => (None, Err(diagnostics)),
    };
    let prepared = prepare_with_roster(raw, roster)?;
    Ok(Prepared { roster_file: file.map(|file| (followed, file)), ..prepared })
}

/// The same with a roster from elsewhere, so that there is no file to follow.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn prepare_with_roster(
    raw: &RawSettings,
    roster: Result<LoadedRoster, Diagnostics>,
) -> Result<Prepared, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let settings = diagnostics.keep(Settings::resolve(raw));
    let keyring = match &settings {
        Some(settings) => {
            let issuers: Vec<_> =
                roster.iter().flat_map(|loaded| loaded.roster.issuers()).cloned().collect();
            diagnostics.keep(own_document(&settings.document, &issuers));
            diagnostics
                .keep(settings.state.as_deref().map_or(Ok(()), |path| check_state(raw, path)));
            diagnostics.keep(keyring(raw, &settings.signing_key, &settings.previous_keys))
        }
        // Whatever could not be resolved is among the diagnostics already.
        None => Settings::signing_keys(raw)
            .ok()
            .and_then(|(current, previous)| diagnostics.keep(keyring(raw, &current, &previous))),
    };
    let policy = settings
        .as_ref()
        .and_then(|settings| diagnostics.keep(policy(settings, settings.policy.as_ref()?)));
    let tls = TlsFiles::resolve(raw).ok().flatten();
    let tls = tls.and_then(|files| diagnostics.keep(Tls::open(&files)));
    let loaded = diagnostics.keep(roster);
    match (settings, keyring, loaded) {
        (Some(settings), Some(keyring), Some(mut loaded)) if diagnostics.is_empty() => {
            loaded.warnings.extend(settings.warnings.clone());
            let (tls, tls_files) = match tls {
                Some((tls, files, warnings)) => {
                    loaded.warnings.extend(warnings);
                    (Some(tls), Some(files))
                }
                None => (None, None),
            };
            Ok(Prepared { settings, loaded, keyring, tls, roster_file: None, tls_files, policy })
        }
        (settings, _, loaded) => {
            let warnings = [
                settings.map(|settings| settings.warnings),
                loaded.map(|loaded| loaded.warnings),
                tls.map(|(_, _, warnings)| warnings),
            ];
            warnings.into_iter().flatten().for_each(|warnings| diagnostics.warn(warnings));
            Err(diagnostics)
        }
    }
}

/// Reads and compiles the policy file.
fn policy(
    settings: &Settings,
    file: &PolicySettings,
) -> Result<(FollowedFiles, PolicySettings, Policy), Diagnostics> {
    let (followed, read) = FollowedFiles::open(vec![file.path.clone()]);
    let read = read.first().ok_or_else(Diagnostics::default)?;
    let policy = followed_policy::compile(file, settings, read)?;
    Ok((followed, file.clone(), policy))
}

/// Whether `serve` could open the state file.
fn check_state(raw: &RawSettings, state: &Path) -> Result<(), Diagnostics> {
    let location = raw.location("HALLPASS_STATE");
    let diagnostic = |error| Diagnostic::new(location, format!("HALLPASS_STATE: {error}"));
    Ok(state_file::check(state).map_err(diagnostic)?)
}

/// All keys that sign or verify; all are read, so that all their diagnostics are reported.
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

/// A key from a secret or a PEM; the variables are those of the one and the other.
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
    /// What the service works with that is reached at `base_url`, which is `iss` where no issuer is set. Opens the
    /// state file, and holds it for as long as the context lives.
    ///
    /// # Errors
    /// A state file that is in use, empty, no state file, damaged or out of reach.
    pub(crate) fn into_context(mut self, base_url: &str) -> Result<Context, Diagnostics> {
        let longest = longest_revocation(self.settings.document.token_lifetime);
        let revocations = match &self.settings.state {
            None => Revocations::in_memory(longest),
            Some(path) => Revocations::open(path, longest)
                .map_err(|error| Diagnostic::new("HALLPASS_STATE", error.to_string()))?,
        };
        let (settings, tls) = (self.settings.clone(), self.tls.take());
        let counters = Counters::new().map_err(counters::diagnostic)?;
        let authority = self.into_authority(base_url, revocations);
        Ok(Context::new(authority, settings, counters, tls.map(Arc::new)))
    }

    /// The authority of the service at `base_url` with these revocations; opens and follows no file.
    pub(crate) fn into_authority(self, base_url: &str, revocations: Revocations) -> Authority {
        let settings = self.settings;
        let issuer = settings.issuer.unwrap_or_else(|| base_url.to_owned());
        let tokens = Tokens {
            keyring: self.keyring,
            audience: settings.audience.unwrap_or_else(|| issuer.clone()),
            issuer,
            lifetime: settings.document.token_lifetime,
            leeway: settings.leeway,
        };
        Authority::new(self.loaded.roster, tokens, revocations)
    }

    /// Logs the warnings.
    pub(crate) fn warn(&self) {
        log_warnings(&self.loaded.warnings);
        warn_without_keys(&self.loaded.roster, Timestamp::now());
    }
}

/// Logs that nobody can log in.
pub(crate) fn warn_without_keys(roster: &Roster, now: Timestamp) {
    if roster.users().any(|user| !user.disabled) || roster.issuers().next().is_some() {
        return;
    }
    let is_usable = |key: &KeyRecord| key.expires.is_none_or(|end| end > now);
    let mut clients = roster.clients().filter(|client| !client.disabled);
    if !clients.any(|client| client.keys.iter().any(is_usable)) {
        log::warn!("the roster holds no usable API key: `hallpass key add CLIENT` makes one");
    }
}

/// Logs the first warnings, and how many more there are: a long roster may have the same one for every key.
pub(crate) fn log_warnings(warnings: &Diagnostics) {
    for warning in warnings.iter().take(WARNINGS) {
        log::warn!("{warning}");
    }
    if let Some(more @ 1..) = warnings.iter().len().checked_sub(WARNINGS) {
        log::warn!("and {more} more warnings: `hallpass check` shows all");
    }
}
