//! The gate: authority and settings of one process, and the way from them to a protected application.
//!
//! Must not know sockets, or what a document says.

use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use actix_web::HttpResponse;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    authority::Authority,
    config::{RawSettings, Settings},
    diagnostics::Diagnostics,
    roster::{Issuer, RosterFile},
};

use crate::server::{
    counters::Metrics,
    credentials::secrets::Secrets,
    prepare::prepare,
    site::Site,
    tls::Tls,
    watch::{Watch, watch_roster},
};

#[derive(Debug)]
struct Inner {
    authority: Arc<Authority>,
    secrets: Secrets,
    settings: Settings,
    /// As they were at start: every worker must read the same document.
    issuers: Vec<Issuer>,
    counted: Metrics,
    stopping: AtomicBool,
    watch: OnceLock<Watch>,
    tls: Option<Tls>,
}

/// Who may come in, and what signs their tokens: made once in a process, from its settings.
///
/// Clones share everything.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

impl Gate {
    pub(crate) fn new(
        authority: Authority,
        settings: Settings,
        tls: Option<Tls>,
        counted: Metrics,
    ) -> Self {
        let issuers = authority.roster().issuers().cloned().collect();
        let authority = Arc::new(authority);
        Self(Arc::new(Inner {
            issuers,
            secrets: Secrets::new(Arc::clone(&authority), settings.rate_limit),
            authority,
            settings,
            counted,
            stopping: AtomicBool::new(false),
            watch: OnceLock::new(),
            tls,
        }))
    }

    /// The gate that the `HALLPASS_` variables of the environment and of `.env` describe. It watches the roster
    /// file as long as it lives, and holds the state file.
    ///
    /// # Errors
    /// Every problem of settings, signing keys and roster at once, or one of the state file.
    pub fn from_env() -> Result<Self, Diagnostics> {
        let prepared = prepare(&RawSettings::gather())?;
        prepared.warn();
        let base_url = prepared.settings.base_url(prepared.settings.bind);
        prepared.gate(&base_url)
    }

    /// Puts an application's operations under protection, beside those of hallpass (`/login`, `/docs/`, ...).
    ///
    /// `about` is what the application says of itself: title, version, description, tags, usually
    /// `Api::openapi()` of a `#[derive(OpenApi)]`. `operations` registers handlers that carry `#[utoipa::path]`;
    /// it is called once here and once in every worker, and what it gives to `app_data` reaches the handlers.
    ///
    /// The document of all these operations is completed (security schemes, refusals), compiled and published here,
    /// so that whatever is wrong with it ends the program before it listens.
    ///
    /// # Errors
    /// Every operation whose `security` is missing or cannot be enforced, and every operation that hallpass has
    /// already; only `GET /` may be the application's own.
    pub fn protect(
        &self,
        about: OpenApi,
        operations: impl Fn(&mut ServiceConfig<'_>) + Send + Sync + 'static,
    ) -> Result<Site, Diagnostics> {
        Site::of_application(self.clone(), about, Arc::new(operations))
    }

    /// What `HALLPASS_BIND` says, for those who listen.
    pub fn bind_address(&self) -> SocketAddr {
        self.0.settings.bind
    }

    /// What this process counts, as an answer that Prometheus reads; the README tells what is in it. For an
    /// operation of yours, under the `security` of your choice: `HALLPASS_METRICS_BIND` is for `hallpass serve`.
    pub fn metrics(&self) -> HttpResponse {
        crate::server::metrics::answer(self)
    }

    /// What `HALLPASS_TLS_CERT` and `HALLPASS_TLS_KEY` say, for those who listen
    /// ([`HttpServer::bind_rustls_0_23`](actix_web::HttpServer::bind_rustls_0_23)): it follows every change of these
    /// files. `None` where they are not set.
    pub fn tls(&self) -> Option<rustls::ServerConfig> {
        self.0.tls.as_ref().map(Tls::config)
    }

    /// Whether the last good certificate is in use, because the files of TLS have faults.
    pub(crate) fn has_broken_tls(&self) -> bool {
        self.0.tls.as_ref().is_some_and(Tls::is_broken)
    }

    /// Who proves credentials and issues tokens here.
    #[doc(hidden)]
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    pub(crate) fn shared_authority(&self) -> &Arc<Authority> {
        &self.0.authority
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn counted(&self) -> &Metrics {
        &self.0.counted
    }

    pub(crate) fn issuers(&self) -> &[Issuer] {
        &self.0.issuers
    }

    /// Follows the changes of a roster file, of one at most, and of the files of TLS.
    pub(crate) fn watch(&self, source: Option<RosterFile>) {
        if let Some(tls) = &self.0.tls {
            tls.watch();
        }
        let Some(source) = source else { return };
        match watch_roster(source, &self.0.authority) {
            Ok(watch) => drop(self.0.watch.set(watch)),
            Err(error) => log::error!("the roster is not watched, changes need a restart: {error}"),
        }
    }

    /// Has the roster file and those of TLS read at once, as on SIGHUP; returns before that is done. Does nothing
    /// where the roster came from no file.
    pub fn reload(&self) {
        if let Some(tls) = &self.0.tls {
            tls.read_now();
        }
        if let Some(watch) = self.0.watch.get() {
            watch.read_now();
        }
    }

    /// Makes `/health/ready` answer 503, so that load balancers go elsewhere, and has each further answer close its
    /// connection, so that none is lost in the end: call it a moment before stopping.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }
}
