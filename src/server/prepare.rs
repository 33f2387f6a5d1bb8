//! Everything that must be right before anything listens: `serve` and `check` ask here alike.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::{
    authority::authority::Authority,
    config::{
        document_settings::DocumentSettings, policy_settings::PolicySettings,
        raw_settings::RawSettings, settings::Settings, state_location::StateLocation,
        tls_files::TlsFiles,
    },
    diagnostics::{Diagnostic, Diagnostics},
    policy::compiled::Policy,
    roster::{
        roster::{LoadedRoster, Roster},
        roster_entries::{Issuer, KeyRecord},
        roster_file::RosterFile,
    },
    server::{
        context::Context,
        counters::{self, Counters},
        credentials::scheme_issuers::{SchemeIssuers, refuse_own},
        followed_keys::{self, OpenedKeys},
        forward::followed_policy,
        http::endpoints::OPENID_CONFIGURATION,
        own_document::own_document,
        role_warnings::{self, Demanding},
        tls::Tls,
        watch::{FollowedFiles, log_warnings},
    },
    store::{
        revocation_table::RevocationTable,
        revocations::Revocations,
        shared::{
            redis_log::{Probe, RedisLog, probe},
            redis_url::RedisUrl,
        },
        state_error::StateError,
        state_file,
    },
    tokens::access_tokens::{Tokens, longest_revocation},
};

/// Settings, keys and roster without faults.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) settings: Settings,
    pub(crate) loaded: LoadedRoster,
    keys: OpenedKeys,
    tls: Option<Tls>,
    pub(crate) state: CheckedState,
    /// The roster file, unless the roster came from elsewhere.
    pub(crate) roster_file: Option<(FollowedFiles, RosterFile)>,
    pub(crate) tls_files: Option<FollowedFiles>,
    pub(crate) policy: Option<OpenedPolicy>,
}

/// Reads settings, signing keys and roster.
///
/// # Errors
/// All diagnostics of all of them, and of the document.
pub(crate) fn prepare(raw: &RawSettings) -> Result<Prepared, Diagnostics> {
    let path = raw.roster();
    let (followed, read) = FollowedFiles::open(vec![path.clone()]);
    let opened = match read.first() {
        Some((_, read)) => RosterFile::open(&path, read, Settings::token_lifetime(raw).ok()),
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
    let issuers: Vec<_> =
        roster.iter().flat_map(|loaded| loaded.roster.issuers()).cloned().collect();
    let keys = match &settings {
        Some(settings) => {
            diagnostics.keep(own_document(&settings.document, &issuers));
            diagnostics.keep(refuse_own(&issuers, &settings.expected_issuer()));
            let previous = &settings.previous_keys;
            diagnostics.keep(followed_keys::open(raw, &settings.signing_key, previous))
        }
        // Whatever could not be resolved is among the diagnostics already.
        None => Settings::signing_keys(raw).ok().and_then(|(key, previous)| {
            diagnostics.keep(followed_keys::open(raw, &key, &previous))
        }),
    };
    let state = settings.as_ref().map(|settings| check_state(raw, &settings.state));
    let state = state.and_then(|state| diagnostics.keep(state));
    let policy = diagnostics.keep(PolicySettings::resolve(raw)).flatten();
    let policy = policy.and_then(|file| {
        let own = settings.as_ref().filter(|_| roster.is_ok()).map(Settings::expected_issuer);
        diagnostics.keep(prepare_policy(raw, file, own.map(|own| (issuers.as_slice(), own))))
    });
    let tls = TlsFiles::resolve(raw).ok().flatten();
    let tls = tls.and_then(|files| diagnostics.keep(Tls::open(&files)));
    let loaded = diagnostics.keep(roster);
    let found = [
        settings.as_ref().map(|settings| &settings.warnings),
        loaded.as_ref().map(|loaded| &loaded.warnings),
        tls.as_ref().map(|(_, _, warnings)| warnings),
        policy.as_ref().map(|(_, warnings)| warnings),
        keys.as_ref().map(|keys| &keys.warnings),
        state.as_ref().map(|state| &state.warnings),
    ];
    let mut warnings = Diagnostics::default();
    found.into_iter().flatten().for_each(|found| warnings.extend(found.clone()));
    match (settings, keys, loaded, state) {
        (Some(settings), Some(keys), Some(loaded), Some(state)) if diagnostics.is_empty() => {
            let (tls, tls_files) = tls.map(|(tls, files, _)| (tls, files)).unzip();
            let policy = policy.map(|(policy, _)| policy);
            let loaded = LoadedRoster { warnings, ..loaded };
            Ok(Prepared {
                settings,
                loaded,
                keys,
                tls,
                state,
                roster_file: None,
                tls_files,
                policy,
            })
        }
        _ => {
            diagnostics.warn(warnings);
            Err(diagnostics)
        }
    }
}

/// A policy and the file that it was read from.
pub(crate) type OpenedPolicy = (FollowedFiles, PolicySettings, Policy);

/// Reads and compiles the policy file; where they are known, its issuers are compared with those of the roster, and with
/// ours. Also returns the warnings.
fn prepare_policy(
    raw: &RawSettings,
    file: PolicySettings,
    issuers: Option<(&[Issuer], String)>,
) -> Result<(OpenedPolicy, Diagnostics), Diagnostics> {
    let (followed, read) = FollowedFiles::open(vec![file.path.clone()]);
    let (_, read) = read.first().ok_or_else(Diagnostics::default)?;
    let policy = followed_policy::compile(&file, DocumentSettings::cookie_name(raw), read)?;
    if let Some((issuers, own)) = issuers {
        followed_policy::issuers(&file, &policy, issuers, &own, None)?;
    }
    let warnings = followed_policy::warnings(&file, read, &policy);
    Ok(((followed, file, policy), warnings))
}

/// What is known of the state before it is opened.
#[derive(Debug, Default)]
pub(crate) struct CheckedState {
    /// Where replicas share it.
    redis: Option<RedisUrl>,
    /// Why Redis cannot be reached now; `serve` waits for it.
    pub(crate) unreachable: Option<Diagnostic>,
    warnings: Diagnostics,
}

/// Whether `serve` could open the state.
fn check_state(raw: &RawSettings, state: &StateLocation) -> Result<CheckedState, Diagnostics> {
    let location = raw.location("HALLPASS_STATE");
    let diagnostic = |what: String| Diagnostic::new(location, what);
    let fault = |error: StateError| diagnostic(format!("HALLPASS_STATE: {error}"));
    let mut checked = CheckedState::default();
    let url = match state {
        StateLocation::Memory => return Ok(checked),
        StateLocation::File(path) => {
            state_file::check(path).map_err(fault)?;
            return Ok(checked);
        }
        StateLocation::Redis(url) => RedisUrl::parse(url.expose_secret())
            .map_err(|error| diagnostic(format!("HALLPASS_STATE {error}")))?,
    };
    match probe(&url) {
        Ok(Probe { eviction: Some(policy) }) => checked.warnings.push(diagnostic(format!(
            "HALLPASS_STATE: {url} has maxmemory-policy {policy}, which may throw away revocations: set it to noeviction"
        ))),
        Ok(Probe { eviction: None }) => {}
        Err(error) if error.is_temporary() => checked.unreachable = Some(fault(error)),
        Err(error) => return Err(fault(error).into()),
    }
    checked.redis = Some(url);
    Ok(checked)
}

impl Prepared {
    /// What the service works with that is reached at `base_url`, which is `iss` where no issuer is set. Opens the
    /// state, and holds it for as long as the context lives.
    ///
    /// # Errors
    /// A state file that is in use, empty, no state file, damaged or out of reach.
    pub(crate) fn into_context(mut self, base_url: &str) -> Result<Context, Diagnostics> {
        let longest = longest_revocation(self.settings.document.token_lifetime);
        let fault = |error: String| Diagnostic::new("HALLPASS_STATE", error);
        let mut shared = None;
        let revocations = match (&self.settings.state, self.state.redis.take()) {
            (_, Some(url)) => {
                let table = Arc::new(RevocationTable::default());
                let redis =
                    RedisLog::start(url, Arc::clone(&table), self.state.unreachable.is_none());
                let redis = redis.map_err(|error| fault(error.to_string()))?;
                shared = Some(redis.clone());
                Revocations::shared(table, Box::new(redis), longest)
            }
            (StateLocation::File(path), None) => {
                Revocations::open(path, longest).map_err(|error| fault(error.to_string()))?
            }
            (StateLocation::Memory | StateLocation::Redis(_), None) => {
                Revocations::in_memory(longest)
            }
        };
        let (settings, tls) = (self.settings.clone(), self.tls.take());
        let counters = Counters::new().map_err(counters::diagnostic)?;
        let authority = self.into_authority(base_url, revocations);
        Ok(Context::new(authority, settings, counters, tls.map(Arc::new), shared))
    }

    /// The authority of the service at `base_url` with these revocations; opens and follows no file.
    pub(crate) fn into_authority(self, base_url: &str, revocations: Revocations) -> Authority {
        let settings = self.settings;
        let issuer = settings.issuer.unwrap_or_else(|| base_url.to_owned());
        let tokens = Tokens {
            keyring: ArcSwap::from_pointee(self.keys.keyring),
            audience: settings.audience.unwrap_or_else(|| issuer.clone()),
            issuer,
            lifetime: settings.document.token_lifetime,
            leeway: settings.leeway,
        };
        Authority::new(self.loaded.roster, tokens, revocations)
    }

    /// The files of the directory of signing keys, to be followed.
    pub(crate) fn take_key_files(&mut self) -> Option<FollowedFiles> {
        self.keys.files.take()
    }

    /// The roles and scopes that only one of roster and documents knows; nothing where the roster is no file. The
    /// documents of an application come later.
    pub(crate) fn role_warnings(&self) -> Diagnostics {
        let Some((_, file)) = &self.roster_file else { return Diagnostics::default() };
        let roster = &self.loaded.roster;
        let issuers: Vec<_> = roster.issuers().cloned().collect();
        let own = self.settings.expected_issuer();
        // None of this fails: it is part of what was prepared.
        let Ok((_, policy)) = own_document(&self.settings.document, &issuers) else {
            return Diagnostics::default();
        };
        let other = self.policy.as_ref().map(|(_, file, policy)| (policy, Some(&*file.path)));
        let documents = std::iter::once((&policy, None)).chain(other);
        let trusted: Vec<_> = documents
            .filter_map(|(policy, file)| {
                let trusted =
                    SchemeIssuers::new(policy, &issuers, &own, OPENID_CONFIGURATION, None).ok()?;
                Some((policy, trusted, file))
            })
            .collect();
        let documents: Vec<_> = trusted
            .iter()
            .map(|(policy, issuers, file)| Demanding { policy, issuers, file: *file })
            .collect();
        role_warnings::find(&documents, roster, file)
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
