//! Fetches an issuer's keys: its discovery document (OpenID Connect Discovery 1.0 §4), then its JWK Set (RFC 7517).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};
use url::Url;

use crate::{
    oauth::ProviderUrl,
    tokens::{external::fetched_jwk_set::Keys, keyring::json_object},
};

/// Larger answers are refused, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Why an issuer's keys cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchError {
    /// No answer, none in time, or an untrusted certificate.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// What was fetched.
        url: String,
        /// What happened.
        reason: String,
    },
    /// Another status than 200; redirects are not followed.
    #[error("{url} answers with the status {status}")]
    Status {
        /// What was fetched.
        url: String,
        /// The answer's status.
        status: u16,
    },
    /// The answer is larger than 1 MiB.
    #[error("{0} answers with more than 1 MiB")]
    TooLarge(String),
    /// The answer is no JSON, or not the JSON that should be there. Its content type does not matter: providers send
    /// `text/plain`, `application/octet-stream` or none.
    #[error("{url} does not answer with {expected}")]
    Unreadable {
        /// What was fetched.
        url: String,
        /// What should be there.
        expected: &'static str,
    },
    /// Discovery names another issuer than the roster does.
    #[error("{url} describes the issuer {found:?}: `url` in the roster must be exactly that")]
    OtherIssuer {
        /// What was fetched.
        url: String,
        /// The `issuer` in it.
        found: String,
    },
    /// The keys are where they could be changed on the way, or no address at all.
    #[error("the jwks_uri {0:?} is not https, nor http on loopback as its issuer is")]
    KeysAddress(String),
}

/// As far as it is of use here; the rest is not read.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// The keys of the issuer at `url`, within `limit` for everything together.
///
/// # Errors
/// Why they cannot be had.
pub(super) fn keys(url: &ProviderUrl, limit: Duration) -> Result<Keys, FetchError> {
    let until = Instant::now() + limit;
    let agent = agent(url.is_https());
    let address = url.discovery();
    let unreadable = |url: &str, expected| FetchError::Unreadable { url: url.to_owned(), expected };
    let discovery: Discovery = json_object(&body(&agent, &address, until)?)
        .ok_or_else(|| unreadable(&address, "an OpenID discovery document"))?;
    if discovery.issuer != url.as_str() {
        return Err(FetchError::OtherIssuer { url: address, found: discovery.issuer });
    }
    let place = keys_address(url, discovery.jwks_uri)?;
    let set = body(&agent, place.as_str(), until)?;
    Keys::parse(&set).ok_or_else(|| unreadable(place.as_str(), "a JWK Set"))
}

/// Keys may be anywhere that is as safe as their issuer's own address: an issuer far away has no business here.
pub(super) fn keys_address(issuer: &ProviderUrl, text: String) -> Result<ProviderUrl, FetchError> {
    let place = ProviderUrl::parse(&text).ok();
    let is_safe = |place: &ProviderUrl| place.is_https() || !issuer.is_https();
    place.filter(is_safe).ok_or(FetchError::KeysAddress(text))
}

/// An HTTP client for one fetch, so that a changed root store or proxy needs no restart.
///
/// The roots are the system's: providers inside a company often have a certificate of the company's own
/// authority, which a list that is compiled in could not know. The crypto is the one that checks signatures.
fn agent(is_https: bool) -> Agent {
    let mut config = Agent::config_builder()
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent("hallpass")
        .accept("application/jwk-set+json, application/json");
    if is_https {
        config = config.tls_config(system_roots());
    } else {
        // What is on loopback is not asked for through a proxy.
        config = config.proxy(None);
    }
    config.build().new_agent()
}

/// TLS for a client that trusts what the system trusts.
pub(crate) fn system_roots() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    let roots = found.certs.iter().map(|root| Certificate::from_der(root).to_owned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().root_certs(RootCerts::from(roots));
    tls.unversioned_rustls_crypto_provider(provider).build()
}

fn body(agent: &Agent, url: &str, until: Instant) -> Result<Vec<u8>, FetchError> {
    let fault = |error: ureq::Error| match error {
        ureq::Error::BodyExceedsLimit(_) => FetchError::TooLarge(url.to_owned()),
        error => FetchError::Unreachable { url: url.to_owned(), reason: error.to_string() },
    };
    // The reader that judged the address is the one that writes it: no two ideas of what the host is.
    let address = Url::parse(url).map_err(|_| FetchError::KeysAddress(url.to_owned()))?;
    let left = until.saturating_duration_since(Instant::now());
    let request = agent.get(address.as_str()).config().timeout_global(Some(left)).build();
    let mut response = request.call().map_err(fault)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(FetchError::Status { url: url.to_owned(), status });
    }
    response.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(fault)
}
