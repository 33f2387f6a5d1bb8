//! The public handle: from the settings of a process to a protected application.

use std::{net::SocketAddr, sync::Arc};

use actix_web::{HttpResponse, web};
use rand::distr::{Alphanumeric, SampleString};
use serde::Serialize;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    config::raw_settings::RawSettings,
    diagnostics::{Diagnostic, Diagnostics},
    server::{
        context::Context,
        forward::followed_policy::FollowedPolicy,
        metrics,
        prepare::{Prepared, prepare},
        publication::Publications,
        reloads::GateFiles,
        site::{Site, SiteParts},
        site_builder::SiteBuilder,
        upkeep,
        watch::log_warnings,
    },
};

/// The characters of a secret that nobody gets to know.
const SECRET_CHARACTERS: usize = 64;

/// The principals, the signing keys and the state of one service: opened once per process, from its settings.
///
/// Clones share everything.
#[derive(Debug, Clone)]
pub struct Gate {
    context: Arc<Context>,
    policy: Option<Arc<FollowedPolicy>>,
    publications: Arc<Publications>,
    /// Whether it has a signing key of its own.
    can_issue: bool,
}

impl Gate {
    /// The gate that the `HALLPASS_` variables of the environment and of `.env` describe. It follows the roster
    /// file, the directory of signing keys, the policy file and the TLS files, and holds the state file, for as long as a
    /// clone of it lives.
    ///
    /// Variables that `hallpass serve` alone reads (workers, metrics, log) are warned about: they have no effect here.
    ///
    /// # Errors
    /// All diagnostics of settings, signing keys and roster at once, or the one of the state file.
    pub fn from_env() -> Result<Self, Diagnostics> {
        let raw = RawSettings::gather();
        let prepared = prepare(&raw)?;
        prepared.warn();
        log_warnings(&raw.without_effect_in_application());
        let base_url = prepared.settings.base_url(prepared.settings.bind);
        Self::open(prepared, &base_url)
    }

    /// A gate that issues no tokens: it accepts those of the roster's issuers, such as another hallpass, and the API keys
    /// and passwords of the roster. It needs neither a signing key nor a state file, and its sites have none of hallpass'
    /// own routes, unless [`SiteBuilder::own_routes`] asks for those that need no key: the document, Swagger UI,
    /// `/request`, `/clients`, `/verify` and the probes.
    ///
    /// Variables about issuing have no effect: keys, state, issuer and audience.
    ///
    /// # Errors
    /// As [`Gate::from_env`]; and a roster that names nobody.
    pub fn verifier_from_env() -> Result<Self, Diagnostics> {
        Self::verifier(RawSettings::gather())
    }

    fn verifier(mut raw: RawSettings) -> Result<Self, Diagnostics> {
        raw.verify_only(&Alphanumeric.sample_string(&mut rand::rng(), SECRET_CHARACTERS));
        let prepared = prepare(&raw)?;
        let roster = &prepared.loaded.roster;
        if roster.issuers().next().is_none() && roster.clients().next().is_none() {
            let what = "names neither an issuer nor a client, so nobody could come in: add [issuers.NAME] with `url` and \
                        `audience`";
            return Err(Diagnostic::new(raw.roster().display().to_string(), what).into());
        }
        prepared.warn();
        let gate = Self::open(prepared, "")?;
        Ok(Self { can_issue: false, ..gate })
    }

    /// The gate of the service that is reached at `base_url`, which is `iss` where no issuer is set.
    ///
    /// # Errors
    /// A state file that is in use, empty, no state file, damaged or out of reach.
    pub(crate) fn open(mut prepared: Prepared, base_url: &str) -> Result<Self, Diagnostics> {
        let files = GateFiles::take(&mut prepared);
        let context = Arc::new(prepared.into_context(base_url)?);
        if let Err(error) = upkeep::start(Arc::downgrade(&context)) {
            log::error!("the state file cannot be followed: {error}");
        }
        let publications = Arc::new(Publications::default());
        let policy = files.follow(&context, &publications)?;
        Ok(Self { context, policy, publications, can_issue: true })
    }

    /// Puts an application's operations under protection, beside those of hallpass (`/login`, `/token`, ...).
    ///
    /// `about` is what the application says of itself: title, version, description, tags, usually
    /// `Api::openapi()` of a `#[derive(OpenApi)]`. `operations` registers handlers that carry `#[utoipa::path]`;
    /// it is called twice here and once in every worker, and what it passes to `app_data` reaches the handlers, as does
    /// this gate (`web::Data<Gate>`). [`Gate::site`] has more choices.
    ///
    /// The document of all these operations is completed (security schemes, refusals), compiled and published here,
    /// so that whatever is wrong with it ends the program before it listens.
    ///
    /// # Errors
    /// Every operation whose `security` is missing or cannot be enforced, and every operation whose path hallpass
    /// serves itself; only `GET /` may be the application's own. Every two handlers of which one could answer requests
    /// that are judged as the other's.
    pub fn protect(
        &self,
        about: OpenApi,
        operations: impl Fn(&mut ServiceConfig<'_>) + Send + Sync + 'static,
    ) -> Result<Site, Diagnostics> {
        self.site(about).base("").operations(operations).build()
    }

    /// Begins a site of an application that exists: `document` is anything that serialises as an OpenAPI 3 document,
    /// such as `Api::openapi()` of a `#[derive(OpenApi)]` with `paths(...)`, or a `serde_json::Value` that another
    /// library made or that was read from a file.
    ///
    /// The application registers the handlers of these operations itself, inside of [`Site::guard`]. Those that
    /// utoipa-actix-web collects are given to [`SiteBuilder::operations`].
    pub fn site(&self, document: impl Serialize) -> SiteBuilder {
        let gate = web::Data::new(self.clone());
        let data = move |config: &mut ServiceConfig<'_>| {
            config.app_data(gate.clone());
        };
        SiteBuilder::new(self.parts(), Arc::new(data), &document)
    }

    /// The value of `HALLPASS_BIND`, for the application's own `HttpServer::bind`.
    pub fn bind_address(&self) -> SocketAddr {
        self.context.settings.bind
    }

    /// The metrics of this process in Prometheus' text format, for an operation of the application under the
    /// `security` of its choice: `HALLPASS_METRICS_BIND` is read by `hallpass serve` only.
    pub fn metrics(&self) -> HttpResponse {
        metrics::respond(&self.context)
    }

    /// The TLS configuration of `HALLPASS_TLS_CERT` and `HALLPASS_TLS_KEY`, for the application's own
    /// [`HttpServer::bind_rustls_0_23`](actix_web::HttpServer::bind_rustls_0_23); it follows every change of these
    /// files. `None` where they are not set.
    pub fn tls(&self) -> Option<rustls::ServerConfig> {
        self.context.tls.as_ref().map(|tls| tls.config())
    }

    /// Has the roster file, the directory of signing keys, the policy file and the TLS files read at once, as on SIGHUP;
    /// returns before that is done.
    pub fn reload(&self) {
        self.context.watchers.get().into_iter().flatten().for_each(|watcher| watcher.read_now());
    }

    /// Whether what [`Self::reload`] began is still to be done.
    pub(crate) fn is_reloading(&self) -> bool {
        let mut watchers = self.context.watchers.get().into_iter().flatten();
        watchers.any(|watcher| watcher.is_reading())
    }

    /// Makes `/health/ready` answer 503, so that load balancers go elsewhere, and has each further answer close its
    /// connection: call it a moment before stopping, so that no request is lost.
    pub fn stop(&self) {
        self.context.stop();
    }

    /// What every site of this gate works with.
    pub(crate) fn parts(&self) -> SiteParts {
        SiteParts {
            context: Arc::clone(&self.context),
            policy: self.policy.clone(),
            publications: Arc::clone(&self.publications),
            can_issue: self.can_issue,
        }
    }

    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::PathBuf,
        thread,
        time::{Duration, Instant},
    };

    use actix_web::{get, test as actix_test};
    use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
    use base64::{Engine, engine::general_purpose::STANDARD};
    use utoipa::OpenApi as _;

    use super::*;
    use crate::{
        principal::Principal,
        roster::roster_entries::Client,
        server::{
            http::own_routes::OwnRoutes,
            role_warnings,
            testing::{TestGate, test_roster::TestRoster},
        },
    };

    /// A gate that follows a roster with one client, and the path of the roster.
    fn following() -> (tempfile::TempDir, PathBuf, Gate) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        fs::write(&path, "[clients.a]").unwrap();
        let mut raw = RawSettings::default();
        raw.set("HALLPASS_SECRET_KEY", &"x".repeat(32), "test");
        raw.set("HALLPASS_ROSTER", path.to_str().unwrap(), "test");
        raw.set("HALLPASS_STATE", "memory", "test");
        let gate = Gate::open(prepare(&raw).unwrap(), "http://localhost").unwrap();
        (directory, path, gate)
    }

    /// Waits until the condition holds, for longer than it may take.
    fn eventually(condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < Duration::from_secs(20), "it never holds");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn changes_reach_the_authority_and_broken_files_its_status() {
        let (_directory, path, gate) = following();
        let authority = &gate.context.authority;
        let clients = || authority.roster().clients().count();
        let broken = || authority.roster_status().broken.is_some();
        fs::write(&path, "[clients.a]\n[clients.b]").unwrap();
        eventually(|| clients() == 2);
        fs::write(&path, "[clients.a").unwrap();
        eventually(broken);
        assert_eq!(clients(), 2);
        fs::write(&path, "[clients.a]").unwrap();
        eventually(|| clients() == 1 && !broken());
    }

    #[test]
    fn a_document_that_names_an_issuer_itself_does_not_keep_it_in_the_roster() {
        let (_directory, path, gate) = following();
        let corp = "[clients.a]\n[issuers.corp]\nurl = 'https://corp.test'\naudience = 'here'\n";
        fs::write(&path, corp).unwrap();
        let issuers = || gate.context.authority.roster().issuers().count();
        eventually(|| issuers() == 1);
        let site = Site::own(gate.parts()).unwrap();
        let named = site.with_document(site.document()).unwrap();
        let has_corp = |site: &Site| {
            let policy = site.enforced();
            policy.guard.policy().schemes().iter().any(|scheme| &*scheme.name == "corp")
        };
        assert!(has_corp(&site) && has_corp(&named));
        fs::write(&path, "[clients.a]\n").unwrap();
        eventually(|| issuers() == 0);
        eventually(|| !has_corp(&site));
        assert!(has_corp(&named) && gate.context.authority.roster_status().broken.is_none());
        assert!(named.with_document(named.document()).is_err(), "a new one cannot name it");
    }

    #[test]
    fn what_an_application_demands_is_compared_with_the_roster() {
        let (_directory, path, gate) = following();
        fs::write(&path, "[clients.a]\nroles = ['reeder']\n").unwrap();
        let has_role = |client: &Client| !client.roles.is_empty();
        eventually(|| gate.context.authority.roster().clients().any(has_role));
        let found =
            || role_warnings::current(&gate.context, &gate.publications, None).iter().count();
        let site = gate.protect(OpenApi::default(), |_| {}).unwrap();
        assert_eq!(found(), 0, "the roles are for others");
        let mut document = site.document().clone();
        let security = document.pointer_mut("/paths/~1request/get/security").unwrap();
        *security = serde_json::json!([{ "bearer": ["reader"] }]);
        let demanding = site.with_document(&document).unwrap();
        assert_eq!(found(), 2, "a demand and a role");
        drop(demanding);
        assert_eq!(found(), 0);
    }

    #[test]
    fn a_requested_reload_happens_although_nothing_changed() {
        let (_directory, _path, gate) = following();
        let reloaded = || gate.context.authority.roster_status().reloaded;
        assert_eq!(reloaded(), None);
        gate.reload();
        eventually(|| reloaded().is_some());
    }

    #[utoipa::path(responses((status = 200)), security(("bearer" = ["reader"])))]
    #[get("/notes")]
    async fn notes(principal: Principal) -> String {
        format!(
            "{} of {}",
            principal.subject(),
            principal.issuer().map_or("nobody else", |issuer| issuer.as_str())
        )
    }

    #[derive(utoipa::OpenApi)]
    #[openapi(paths(notes))]
    struct Notes;

    /// Settings with this roster, in a directory of their own.
    fn with_roster(text: &str) -> (tempfile::TempDir, RawSettings) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        fs::write(&path, text).unwrap();
        let mut raw = RawSettings::default();
        raw.set("HALLPASS_ROSTER", path.to_str().unwrap(), "test");
        (directory, raw)
    }

    #[actix_web::test]
    async fn a_gate_that_only_verifies_takes_the_tokens_of_another_hallpass() {
        let (directory, mut raw) = with_roster("[clients.alice]\nroles = ['reader']\n");
        let key = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
        let key = STANDARD.encode(key.as_ref());
        let key = format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n");
        let key_file = directory.path().join("key.pem");
        fs::write(&key_file, key).unwrap();
        raw.set("HALLPASS_SIGNING_KEY", key_file.to_str().unwrap(), "test");
        raw.set("HALLPASS_STATE", "memory", "test");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Gate::open(prepare(&raw).unwrap(), &url).unwrap();
        let site = Site::own(issuer.parts()).unwrap();
        let server = actix_web::HttpServer::new(move || site.app()).workers(1).disable_signals();
        let server = server.listen(listener).unwrap().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let roster = TestRoster::new(&issuer.context);
        let key = roster.add_key("alice", &["reader"], &[]);
        let token = roster.token(&roster.principal(&key));

        let entry =
            format!("[issuers.main]\nurl = '{url}'\naudience = '{url}'\nroles_claim = 'roles'\n");
        let (_directory, raw) = with_roster(&entry);
        let verifier = Gate::verifier(raw).unwrap();
        let site = verifier.site(Notes::openapi()).build().unwrap();
        let paths = site.document()["paths"].as_object().unwrap();
        assert_eq!(paths.keys().collect::<Vec<_>>(), ["/notes"]);
        let app = actix_test::init_service(site.app().service(notes)).await;
        let own = TestGate::new().token("alice", &["reader"], &[]);
        for (path, token, status) in [
            ("/notes", Some(&token), 200),
            ("/notes", Some(&own), 401),
            ("/notes", None, 401),
            ("/login", None, 404),
            ("/openapi.json", None, 404),
        ] {
            let mut request = actix_test::TestRequest::with_uri(path);
            if let Some(token) = token {
                request = request.insert_header(("Authorization", format!("Bearer {token}")));
            }
            let answer = actix_test::call_service(&app, request.to_request()).await;
            assert_eq!(answer.status(), status, "{path}");
            if status == 200 {
                assert_eq!(actix_test::read_body(answer).await, "alice of main");
            }
        }
        handle.stop(false).await;
    }

    #[test]
    fn a_gate_that_only_verifies_serves_what_needs_no_signing_key_and_wants_somebody_to_verify() {
        let (_directory, raw) = with_roster("[clients.alice]\nroles = ['reader']\n");
        let verifier = Gate::verifier(raw).unwrap();
        let site = verifier.site(Notes::openapi()).own_routes(OwnRoutes::under("/auth"));
        let site = site.build().unwrap();
        let paths = site.document()["paths"].as_object().unwrap();
        let ours = [
            "/auth/request",
            "/auth/clients",
            "/auth/health/live",
            "/auth/health/ready",
            "/auth/verify",
        ];
        let expected: Vec<_> = std::iter::once("/notes").chain(ours).collect();
        assert_eq!(paths.keys().collect::<Vec<_>>(), expected);
        assert!(site.document()["components"]["securitySchemes"].get("oauth2").is_none());
        let (_directory, raw) = with_roster(
            "[users.bob]\nroles = []\npassword = '$2b$10$abcdefghijklmnopqrstuuKDZdsYKmVJmQvQJ2mJZ7RJ0aY7dP0ya'\n",
        );
        let diagnostics = Gate::verifier(raw).unwrap_err().to_string();
        assert!(diagnostics.contains("names neither an issuer nor a client"), "{diagnostics}");
    }

    #[test]
    fn the_thread_ends_with_the_gate() {
        let (_directory, path, gate) = following();
        let authority = Arc::downgrade(&gate.context.authority);
        drop(gate);
        eventually(|| authority.strong_count() == 0);
        drop(path);
    }
}
