//! The checked settings of a service.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;

use crate::{
    config::{
        cors_origins::origins,
        document_settings::{DocumentSettings, token_lifetime},
        key_source::KeySource,
        log_format::{LogFormat, log_format},
        policy_settings::reports_only,
        rate_limit::{RateLimit, rate_limit},
        raw_settings::RawSettings,
        settings_reader::SettingsReader,
        state_location::{StateLocation, state},
        tls_files::TlsFiles,
        values::{bind, issuer, log_filter, networks, on_or_off, redirect, workers},
    },
    diagnostics::{Diagnostic, Diagnostics},
};

/// All settings, checked. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Address and port to listen on.
    pub bind: SocketAddr,
    /// `None` is plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The path of the roster.
    pub roster: PathBuf,
    /// What signs tokens.
    pub signing_key: KeySource,
    /// Keys that verify and never sign.
    pub previous_keys: Vec<KeySource>,
    /// Where the state is kept.
    pub state: StateLocation,
    /// `iss`, if set.
    pub issuer: Option<String>,
    /// `aud`, if set.
    pub audience: Option<String>,
    /// The tolerated clock skew, in whole seconds.
    pub leeway: Duration,
    pub document: DocumentSettings,
    /// Whether the session cookie is `Secure`.
    pub cookie_secure: bool,
    /// Where logout redirects a browser.
    pub logout_redirect: Option<String>,
    /// Origins that CORS allows (RFC 6454 §6.2, serialised).
    pub cors_origins: Vec<String>,
    /// Proxies whose `Forwarded` (RFC 7239) or `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether `/verify` lets everything pass, and only logs what it would refuse.
    pub reports_only: bool,
    /// Whether `/verify` hands the backend an access token.
    pub verify_token: bool,
    /// `None` is no limit.
    pub rate_limit: Option<RateLimit>,
    /// Worker threads; `None` is one per core.
    pub workers: Option<NonZeroUsize>,
    /// Address and port of the metrics; `None` serves none.
    pub metrics_bind: Option<SocketAddr>,
    /// The log filter, in env_logger's syntax.
    pub log: String,
    pub log_format: LogFormat,
    /// What works and should be changed.
    pub warnings: Diagnostics,
}

impl Settings {
    /// Checks all values.
    ///
    /// # Errors
    /// Every invalid value, each with its location.
    pub(crate) fn resolve(raw: &RawSettings) -> Result<Self, Diagnostics> {
        let mut reader = SettingsReader::new(raw);
        let document = DocumentSettings::read(&mut reader);
        let settings = Self {
            bind: reader.bind(),
            tls: reader.diagnostics.keep(TlsFiles::resolve(raw)).flatten(),
            roster: raw.roster(),
            signing_key: reader.signing_key(),
            previous_keys: reader.previous_keys(),
            state: state_location(&mut reader),
            issuer: reader.value("HALLPASS_ISSUER", None, |text| issuer(text).map(Some)),
            audience: raw.text("HALLPASS_AUDIENCE").map(str::to_owned),
            leeway: reader.leeway(),
            document,
            cookie_secure: reader.value("HALLPASS_COOKIE_SECURE", true, on_or_off),
            logout_redirect: reader
                .value("HALLPASS_LOGOUT_REDIRECT", None, |text| redirect(text).map(Some)),
            cors_origins: reader.value("HALLPASS_CORS_ORIGINS", Vec::new(), origins),
            trusted_proxies: reader.value("HALLPASS_TRUSTED_PROXIES", Vec::new(), networks),
            reports_only: reports_only(&mut reader),
            verify_token: reader.value("HALLPASS_VERIFY_TOKEN", false, on_or_off),
            rate_limit: reader.value("HALLPASS_RATE_LIMIT", Some(RateLimit::DEFAULT), rate_limit),
            workers: reader.value("HALLPASS_WORKERS", None, |text| workers(text).map(Some)),
            metrics_bind: reader.value("HALLPASS_METRICS_BIND", None, |text| bind(text).map(Some)),
            log: reader.value("HALLPASS_LOG", "info".into(), log_filter),
            log_format: reader.value("HALLPASS_LOG_FORMAT", LogFormat::Text, log_format),
            warnings: Diagnostics::default(),
        };
        check_cookie_prefix(&mut reader, &settings);
        warn_of_wildcard(&mut reader, &settings);
        warn_of_secret_key(&mut reader, &settings);
        warn_of_unasked_policy(&mut reader, &settings);
        let SettingsReader { mut diagnostics, warnings, .. } = reader;
        diagnostics.warn(warnings.clone());
        diagnostics.or(Self { warnings, ..settings })
    }

    /// Reads only the format of the log, so that an error of another setting can be written in it.
    pub(crate) fn log_format(raw: &RawSettings) -> LogFormat {
        SettingsReader::values_only(raw).value("HALLPASS_LOG_FORMAT", LogFormat::Text, log_format)
    }

    /// Reads only the current and the previous signing keys.
    ///
    /// # Errors
    /// Every invalid value.
    pub(crate) fn signing_keys(
        raw: &RawSettings,
    ) -> Result<(KeySource, Vec<KeySource>), Diagnostics> {
        let mut reader = SettingsReader::values_only(raw);
        let keys = (reader.signing_key(), reader.previous_keys());
        reader.diagnostics.or(keys)
    }

    /// Reads only how long a token may be accepted after it was issued: lifetime and leeway.
    ///
    /// # Errors
    /// They are malformed.
    pub(crate) fn longest_acceptance(raw: &RawSettings) -> Result<Duration, Diagnostics> {
        let mut reader = SettingsReader::values_only(raw);
        let lifetime = token_lifetime(&mut reader);
        let longest = lifetime.saturating_add(reader.leeway());
        reader.diagnostics.or(longest)
    }

    /// Reads only where the state is.
    ///
    /// # Errors
    /// It is malformed.
    pub(crate) fn state_location(raw: &RawSettings) -> Result<StateLocation, Diagnostics> {
        let mut reader = SettingsReader::values_only(raw);
        let location = state_location(&mut reader);
        reader.diagnostics.or(location)
    }

    /// Reads only how long a token lives at most.
    ///
    /// # Errors
    /// It is malformed.
    pub(crate) fn token_lifetime(raw: &RawSettings) -> Result<Duration, Diagnostics> {
        let mut reader = SettingsReader::values_only(raw);
        let lifetime = token_lifetime(&mut reader);
        reader.diagnostics.or(lifetime)
    }

    /// The path of the signing key or of the directory of keys, as it is set.
    pub(crate) fn signing_key_path(raw: &RawSettings) -> Option<PathBuf> {
        raw.text("HALLPASS_SIGNING_KEY").map(PathBuf::from)
    }

    /// Reads only the address to listen on.
    ///
    /// # Errors
    /// It is malformed.
    pub(crate) fn address(raw: &RawSettings) -> Result<SocketAddr, Diagnostics> {
        let mut reader = SettingsReader::values_only(raw);
        let address = reader.bind();
        reader.diagnostics.or(address)
    }

    /// The scheme of the issuer, if one is set.
    pub(crate) fn issuer_scheme(&self) -> Option<&str> {
        self.issuer.as_deref()?.split_once(':').map(|(scheme, _)| scheme)
    }

    /// The URL of a service that listens at `address`, without a trailing slash.
    pub(crate) fn base_url(&self, address: SocketAddr) -> String {
        base_url(self.tls.is_some(), address)
    }

    /// `iss` as configured, before anything listens.
    pub(crate) fn expected_issuer(&self) -> String {
        self.issuer.clone().unwrap_or_else(|| self.base_url(self.bind))
    }

    /// The URL of the service as configured, before anything listens.
    ///
    /// # Errors
    /// A setting that it depends on is invalid.
    pub(crate) fn expected_base_url(raw: &RawSettings) -> Result<String, Diagnostics> {
        let (has_tls, address) = Self::tls_and_address(raw)?;
        Ok(base_url(has_tls, address))
    }

    /// The URL by which a process of the same machine reaches the service as configured.
    ///
    /// # Errors
    /// A setting that it depends on is invalid, or leaves the port open.
    pub(crate) fn local_base_url(raw: &RawSettings) -> Result<String, Diagnostics> {
        let (has_tls, address) = Self::tls_and_address(raw)?;
        if address.port() == 0 {
            let what = "HALLPASS_BIND takes any free port: name the one that `serve` printed, by --bind or --url";
            return Err(Diagnostic::new(raw.location("HALLPASS_BIND"), what).into());
        }
        Ok(base_url(has_tls, reachable(address)))
    }

    fn tls_and_address(raw: &RawSettings) -> Result<(bool, SocketAddr), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let address = diagnostics.keep(Self::address(raw));
        let tls = diagnostics.keep(TlsFiles::resolve(raw));
        match (address, tls) {
            (Some(address), Some(tls)) => Ok((tls.is_some(), address)),
            _ => Err(diagnostics),
        }
    }
}

/// Where a process of the same machine reaches what listens at `address`: a wildcard includes loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().to_canonical().is_unspecified() {
        let loopback = match address {
            SocketAddr::V6(address) if address.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            _ => Ipv4Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    address
}

fn state_location(reader: &mut SettingsReader<'_>) -> StateLocation {
    reader.value("HALLPASS_STATE", StateLocation::File("hallpass.redb".into()), state)
}

fn base_url(has_tls: bool, address: SocketAddr) -> String {
    format!("{}://{address}", if has_tls { "https" } else { "http" })
}

/// A wildcard is no address that a client could reach, and is not the `iss` that other services expect.
fn warn_of_wildcard(reader: &mut SettingsReader<'_>, settings: &Settings) {
    let address = settings.bind.ip().to_canonical();
    if address.is_unspecified() && settings.issuer.is_none() {
        let what = format!(
            "HALLPASS_BIND is a wildcard address, so that the issuer of tokens is {}: \
             set HALLPASS_ISSUER to the address that clients use",
            settings.base_url(settings.bind)
        );
        let location = reader.raw.location("HALLPASS_BIND");
        reader.warnings.push(Diagnostic::new(location, what));
    }
}

/// The JWK Set never holds a secret.
fn warn_of_secret_key(reader: &mut SettingsReader<'_>, settings: &Settings) {
    let is_secret = matches!(settings.signing_key, KeySource::Secret(_));
    if settings.verify_token && is_secret && reader.diagnostics.is_empty() {
        let what = "HALLPASS_VERIFY_TOKEN is on with a secret key, so that backends cannot verify the tokens by the \
                    JWK Set: set HALLPASS_SIGNING_KEY instead of the secret, or have them ask /introspect";
        let location = reader.raw.location("HALLPASS_VERIFY_TOKEN");
        reader.warnings.push(Diagnostic::new(location, what));
    }
}

fn warn_of_unasked_policy(reader: &mut SettingsReader<'_>, settings: &Settings) {
    const NAME: &str = "HALLPASS_POLICY";
    let nobody_may_ask = settings.trusted_proxies.is_empty() && reader.diagnostics.is_empty();
    if reader.raw.text(NAME).is_some() && nobody_may_ask {
        let what = "HALLPASS_POLICY is set, but nobody may ask /verify: name the addresses of your proxies in \
                    HALLPASS_TRUSTED_PROXIES";
        let location = reader.raw.location(NAME);
        reader.warnings.push(Diagnostic::new(location, what));
    }
}

fn check_cookie_prefix(reader: &mut SettingsReader<'_>, settings: &Settings) {
    let name = &settings.document.cookie_name;
    if !settings.cookie_secure && (name.starts_with("__Host-") || name.starts_with("__Secure-")) {
        let message = "begins with a prefix that browsers accept on Secure cookies only: \
                    set HALLPASS_COOKIE_SECURE=on, or take another name";
        reader.diagnostic("HALLPASS_COOKIE_NAME", message);
    }
}
