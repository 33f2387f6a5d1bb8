//! What one process works with: plain data, shared by everything that answers requests.

use std::sync::{
    Arc, Mutex, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use crate::{
    authority::authority::Authority,
    config::settings::Settings,
    oauth::Subject,
    roster::roster_file::RosterFile,
    server::{
        clock::Clock,
        counters::Counters,
        credentials::{lookups::Lookups, secret_verifier::SecretVerifier},
        limits::{TOKEN_INTERVAL, TOKENS_AT_ONCE},
        tls::Tls,
        watch::{LoadStatus, Watcher},
    },
    store::{cell_rate::CellRate, shared::redis_log::RedisLog},
};

/// Everything that requests share: made once, before the first document is published.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) clock: Clock,
    pub(crate) authority: Arc<Authority>,
    pub(crate) secrets: SecretVerifier,
    /// Whom the application lets us ask.
    pub(crate) lookups: Arc<Lookups>,
    /// The tokens of each client and user.
    pub(crate) issued: CellRate<Subject>,
    pub(crate) settings: Settings,
    pub(crate) counters: Counters,
    pub(crate) tls: Option<Arc<Tls>>,
    /// What replicas share.
    pub(crate) redis: Option<RedisLog>,
    /// The roster file, unless the roster came from elsewhere.
    pub(crate) roster_file: OnceLock<Mutex<RosterFile>>,
    /// What follows the files, where there are any: started once the rest is there.
    pub(crate) watchers: OnceLock<Vec<Arc<Watcher>>>,
    /// Broken while older signing keys are in use than those of their directory.
    pub(crate) keys_status: LoadStatus,
    /// Broken while an older policy is enforced than that of the policy file.
    pub(crate) policy_status: LoadStatus,
    /// Set once the service is stopping.
    stopping: AtomicBool,
    /// Set once there is a site that only reports what it would refuse.
    has_reporting_site: AtomicBool,
}

impl Context {
    pub(crate) fn new(
        authority: Authority,
        settings: Settings,
        counters: Counters,
        tls: Option<Arc<Tls>>,
        redis: Option<RedisLog>,
    ) -> Self {
        let (authority, lookups) = (Arc::new(authority), Arc::<Lookups>::default());
        let clock = Clock::default();
        Self {
            secrets: SecretVerifier::new(
                Arc::clone(&authority),
                Arc::clone(&lookups),
                clock.clone(),
                settings.rate_limit,
                redis.clone(),
            ),
            clock,
            lookups,
            issued: CellRate::new(TOKENS_AT_ONCE, TOKEN_INTERVAL),
            authority,
            settings,
            counters,
            tls,
            redis,
            roster_file: OnceLock::new(),
            watchers: OnceLock::new(),
            keys_status: LoadStatus::default(),
            policy_status: LoadStatus::default(),
            stopping: AtomicBool::new(false),
            has_reporting_site: AtomicBool::new(false),
        }
    }

    /// From now on `/health/ready` answers 503 and every answer closes its connection.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Notes that there is a site that only reports what it would refuse.
    pub(crate) fn note_reporting_site(&self) {
        self.has_reporting_site.store(true, Ordering::Relaxed);
    }

    /// Whether something refuses nothing: `/verify`, or a site.
    pub(crate) fn reports_only(&self) -> bool {
        self.settings.reports_only || self.has_reporting_site.load(Ordering::Relaxed)
    }

    /// Whether something works only because of what was read earlier: the roster file, the signing keys, the TLS files,
    /// the state or the keys of an external issuer are broken or out of reach, or files are not followed any more. Or the policy is
    /// not enforced.
    pub(crate) fn is_degraded(&self) -> bool {
        let mut watchers = self.watchers.get().into_iter().flatten();
        self.authority.roster_status().broken.is_some()
            || self.authority.has_failing_issuer()
            || self.authority.durability().fault.is_some()
            || self.reports_only()
            || self.keys_status.is_broken()
            || self.policy_status.is_broken()
            || self.tls.as_ref().is_some_and(|tls| tls.status().is_broken())
            || watchers.any(|watcher| !watcher.is_following())
    }
}
