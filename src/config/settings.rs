//! Settings as values: what `serve` works with, checked.
//!
//! Must not know where a value was written: `raw` remembers places.

use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use secrecy::SecretString;

use crate::{
    config::{
        raw_settings::RawSettings,
        tls_files::TlsFiles,
        values::{
            LogFormat, RateLimit, bind, cookie_name, issuer, leeway, lifetime, list, log_filter,
            log_format, networks, on_or_off, origins, rate_limit, redirect, secret, workers,
        },
    },
    diagnostics::{Diagnostic, Diagnostics},
};

const THIRTY_MINUTES: Duration = Duration::from_secs(30 * 60);
const SIXTY_A_MINUTE: RateLimit =
    RateLimit { failures: NonZeroU32::new(60).unwrap(), per: Duration::from_secs(60) };

/// A key for tokens, as it was given. It cannot be printed.
#[derive(Debug, Clone)]
pub(crate) enum KeySource {
    /// An HS256 secret of at least 32 bytes (RFC 7518 §3.2).
    Secret(SecretString),
    /// A private key as PKCS#8 PEM (RFC 5958), not yet parsed.
    Pem {
        /// Where it was read from, for problems.
        path: PathBuf,
        /// Its text.
        pem: SecretString,
    },
}

const SECRET_KEY: &str = "HALLPASS_SECRET_KEY";
const SIGNING_KEY: &str = "HALLPASS_SIGNING_KEY";

/// `memory` keeps no file.
fn state(raw: &RawSettings) -> Option<PathBuf> {
    match raw.text("HALLPASS_STATE").unwrap_or("hallpass.redb") {
        "memory" => None,
        path => Some(path.into()),
    }
}

/// The settings that show in the OpenAPI document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentSettings {
    /// Whether Swagger UI is served.
    pub docs: bool,
    /// Name of the session cookie (RFC 6265 §4.1.1).
    pub cookie_name: String,
    /// How long a token lives; whole seconds.
    pub token_lifetime: Duration,
}

impl DocumentSettings {
    /// Reads these settings alone.
    ///
    /// # Errors
    /// All problems of them at once.
    pub(crate) fn resolve(raw: &RawSettings) -> Result<Self, Diagnostics> {
        let mut reader = Reader { raw, diagnostics: raw.faults().clone() };
        let settings = reader.document_settings();
        reader.diagnostics.or(settings)
    }
}

/// Everything that can be set, checked. Secrets in it cannot be printed.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Address and port to listen on.
    pub bind: SocketAddr,
    /// What TLS is spoken with; `None` is plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The roster file.
    pub roster: PathBuf,
    /// What signs tokens.
    pub signing_key: KeySource,
    /// What still verifies and never signs.
    pub previous_keys: Vec<KeySource>,
    /// Where revocations are kept; `None` is memory.
    pub state: Option<PathBuf>,
    /// `iss`, where it was set.
    pub issuer: Option<String>,
    /// `aud`, where it was set.
    pub audience: Option<String>,
    /// Tolerated clock error; whole seconds.
    pub leeway: Duration,
    /// What shows in the document.
    pub document: DocumentSettings,
    /// Whether the session cookie is `Secure`.
    pub cookie_secure: bool,
    /// Where a browser lands after logout.
    pub logout_redirect: String,
    /// Origins that CORS admits (RFC 6454 §6.2, serialised).
    pub cors_origins: Vec<String>,
    /// Proxies whose `Forwarded` (RFC 7239) or `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How many attempts with a wrong secret one peer has; `None` is no limit.
    pub rate_limit: Option<RateLimit>,
    /// Worker threads; `None` is one a core.
    pub workers: Option<NonZeroUsize>,
    /// Address and port on which metrics are shown; `None` shows none.
    pub metrics_bind: Option<SocketAddr>,
    /// What is logged, in the words of env_logger.
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
}

impl Settings {
    /// Reads every value.
    ///
    /// # Errors
    /// All problems at once, each with the place where the value was written.
    pub(crate) fn resolve(raw: &RawSettings) -> Result<Self, Diagnostics> {
        let mut reader = Reader { raw, diagnostics: raw.faults().clone() };
        let settings = Self {
            bind: reader.bind(),
            tls: reader.diagnostics.keep(TlsFiles::resolve(raw)).flatten(),
            roster: raw.roster(),
            signing_key: reader.signing_key(),
            previous_keys: reader.previous_keys(),
            state: state(raw),
            issuer: reader.value("HALLPASS_ISSUER", None, |text| issuer(text).map(Some)),
            audience: raw.text("HALLPASS_AUDIENCE").map(str::to_owned),
            leeway: reader.value("HALLPASS_LEEWAY", Duration::ZERO, leeway),
            document: reader.document_settings(),
            cookie_secure: reader.value("HALLPASS_COOKIE_SECURE", true, on_or_off),
            logout_redirect: reader.value("HALLPASS_LOGOUT_REDIRECT", "/docs/".into(), redirect),
            cors_origins: reader.value("HALLPASS_CORS_ORIGINS", Vec::new(), origins),
            trusted_proxies: reader.value("HALLPASS_TRUSTED_PROXIES", Vec::new(), networks),
            rate_limit: reader.value("HALLPASS_RATE_LIMIT", Some(SIXTY_A_MINUTE), rate_limit),
            workers: reader.value("HALLPASS_WORKERS", None, |text| workers(text).map(Some)),
            metrics_bind: reader.value("HALLPASS_METRICS_BIND", None, |text| bind(text).map(Some)),
            log: reader.value("HALLPASS_LOG", "info".into(), log_filter),
            log_format: reader.value("HALLPASS_LOG_FORMAT", LogFormat::Text, log_format),
        };
        reader.check_cookie_prefix(&settings);
        reader.diagnostics.or(settings)
    }

    /// The address alone, for those who only name it.
    ///
    /// # Errors
    /// It is wrong.
    pub(super) fn address(raw: &RawSettings) -> Result<SocketAddr, Diagnostics> {
        let mut reader = Reader { raw, diagnostics: Diagnostics::default() };
        let address = reader.bind();
        reader.diagnostics.or(address)
    }

    /// The current and the previous signing keys alone: they can be checked whatever else is wrong.
    ///
    /// # Errors
    /// All problems of them at once.
    pub(crate) fn signing_keys(
        raw: &RawSettings,
    ) -> Result<(KeySource, Vec<KeySource>), Diagnostics> {
        let mut reader = Reader { raw, diagnostics: Diagnostics::default() };
        let keys = (reader.signing_key(), reader.previous_keys());
        reader.diagnostics.or(keys)
    }

    /// Where the service is reached that listens at `address`, without a slash at the end.
    pub(crate) fn base_url(&self, address: SocketAddr) -> String {
        base_url(self.tls.is_some(), address)
    }

    /// Where the service will be reached, for those who only say so.
    ///
    /// # Errors
    /// A setting that it depends on is wrong.
    pub(crate) fn expected_base_url(raw: &RawSettings) -> Result<String, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let address = diagnostics.keep(Self::address(raw));
        let tls = diagnostics.keep(TlsFiles::resolve(raw));
        match (address, tls) {
            (Some(address), Some(tls)) => Ok(base_url(tls.is_some(), address)),
            _ => Err(diagnostics),
        }
    }
}

fn base_url(has_tls: bool, address: SocketAddr) -> String {
    format!("{}://{address}", if has_tls { "https" } else { "http" })
}

struct Reader<'r> {
    raw: &'r RawSettings,
    diagnostics: Diagnostics,
}

impl Reader<'_> {
    fn diagnostic(&mut self, name: &str, what: &str) {
        self.diagnostics.push(Diagnostic::new(self.raw.location(name), format!("{name} {what}")));
    }

    fn value<T>(&mut self, name: &str, default: T, read: fn(&str) -> Result<T, String>) -> T {
        match self.raw.text(name).map(read) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(what)) => {
                self.diagnostic(name, &what);
                default
            }
        }
    }

    fn bind(&mut self) -> SocketAddr {
        self.value("HALLPASS_BIND", SocketAddr::from(([127, 0, 0, 1], 8080)), bind)
    }

    fn document_settings(&mut self) -> DocumentSettings {
        DocumentSettings {
            docs: self.value("HALLPASS_DOCS", true, on_or_off),
            cookie_name: self.value("HALLPASS_COOKIE_NAME", "access_token".into(), cookie_name),
            token_lifetime: self.value("HALLPASS_TOKEN_LIFETIME", THIRTY_MINUTES, lifetime),
        }
    }

    /// The secret or the PEM; exactly one of them must be there.
    fn signing_key(&mut self) -> KeySource {
        let path = self.raw.text(SIGNING_KEY).unwrap_or_default();
        let secret = self.raw.text(SECRET_KEY).unwrap_or_default();
        let source = match (secret.is_empty(), path.is_empty()) {
            (false, true) => self.secret(SECRET_KEY, secret),
            (true, false) => self.pem(SIGNING_KEY, path),
            // It may stand in a line that could not be read.
            (true, true) if !self.raw.faults().is_empty() => None,
            (true, true) => {
                let what = "is missing: run `hallpass init`, which makes one, \
                            or set it or HALLPASS_SIGNING_KEY";
                self.diagnostic(SECRET_KEY, what);
                None
            }
            (false, false) => {
                let what = "and HALLPASS_SECRET_KEY are both set: one signs; \
                            name the other in HALLPASS_PREVIOUS_SECRET_KEYS or HALLPASS_PREVIOUS_SIGNING_KEYS";
                self.diagnostic(SIGNING_KEY, what);
                None
            }
        };
        source.unwrap_or_else(|| KeySource::Secret(SecretString::default()))
    }

    fn previous_keys(&mut self) -> Vec<KeySource> {
        let (secrets, paths) = ("HALLPASS_PREVIOUS_SECRET_KEYS", "HALLPASS_PREVIOUS_SIGNING_KEYS");
        let mut keys = Vec::new();
        for text in list(self.raw.text(secrets).unwrap_or_default()) {
            keys.extend(self.secret(secrets, text));
        }
        for path in list(self.raw.text(paths).unwrap_or_default()) {
            keys.extend(self.pem(paths, path));
        }
        keys
    }

    fn secret(&mut self, name: &str, text: &str) -> Option<KeySource> {
        match secret(text) {
            Ok(()) => Some(KeySource::Secret(text.into())),
            Err(what) => {
                self.diagnostic(name, what);
                None
            }
        }
    }

    fn pem(&mut self, name: &str, path: &str) -> Option<KeySource> {
        if path.contains("-----BEGIN") {
            // Not repeated: it is the key.
            self.diagnostic(name, "is a PEM: save it in a file, and give the path of the file");
            return None;
        }
        match std::fs::read_to_string(path) {
            Ok(pem) => Some(KeySource::Pem { path: path.into(), pem: pem.into() }),
            Err(error) => {
                // Repeated only if it looks like a file: people set the wrong variable.
                let file = if path.ends_with(".pem") { path } else { "a file" };
                self.diagnostic(name, &format!("names {file}, which cannot be read: {error}"));
                None
            }
        }
    }

    fn check_cookie_prefix(&mut self, settings: &Settings) {
        let name = &settings.document.cookie_name;
        if !settings.cookie_secure && (name.starts_with("__Host-") || name.starts_with("__Secure-"))
        {
            let what = "begins with a prefix that browsers accept on Secure cookies only: \
                        set HALLPASS_COOKIE_SECURE=on, or take another name";
            self.diagnostic("HALLPASS_COOKIE_NAME", what);
        }
    }
}
