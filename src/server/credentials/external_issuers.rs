//! Whose tokens each scheme of the document takes: ours, or those of exactly one issuer of the roster.
//!
//! Must not know what is demanded of whom, or how a token is checked.

use std::sync::Arc;

use actix_web::rt::task::{JoinHandle, spawn_blocking};
use jiff::Timestamp;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    authority::Authority,
    diagnostics::{Diagnostic, Diagnostics},
    oauth::{ProviderUrl, Subject},
    policy::{
        compiled::Policy,
        scheme::{Scheme, SchemeKind},
    },
    principal::Principal,
    roster::Issuer,
    tokens::{ExternalTokenError, Refresh},
};

/// Our own discovery, seen from a document at the top of our addresses.
const OWN_DISCOVERY: &str = ".well-known/openid-configuration";

/// For each scheme that takes another issuer's tokens, that issuer; all other schemes take ours.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<(usize, Foreign)>);

impl Sources {
    /// Finds the issuer of every `openIdConnect` scheme by its discovery URL.
    ///
    /// # Errors
    /// A scheme whose URL is neither ours nor that of one of `issuers`, and an issuer that is ourselves.
    pub(crate) fn of(
        policy: &Policy,
        issuers: &[Issuer],
        authority: &Authority,
    ) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let own = format!("{}/{OWN_DISCOVERY}", authority.issuer().trim_end_matches('/'));
        for issuer in issuers.iter().filter(|issuer| issuer.url.discovery() == own) {
            let what =
                "`url` is this service's own issuer, whose tokens are welcome anyway; remove it";
            diagnostics.push(Diagnostic::new(format!("issuers.{}", issuer.name), what));
        }
        let mut foreign = Vec::new();
        for scheme in policy.schemes() {
            let SchemeKind::OpenIdConnect { url } = &scheme.kind else { continue };
            let relative = url.strip_prefix("./").or(url.strip_prefix('/')).unwrap_or(url);
            if *url == own || relative == OWN_DISCOVERY {
                continue;
            }
            match issuers.iter().find(|issuer| issuer.url.discovery() == *url) {
                Some(issuer) => foreign.push((scheme.index, Foreign::new(issuer.url.clone()))),
                None => diagnostics.push(Diagnostic::new(
                    format!("scheme `{}`", scheme.name),
                    format!("the roster has no issuer with the discovery URL {url}; add it there as [issuers.NAME]"),
                )),
            }
        }
        diagnostics.or(Self(foreign))
    }

    /// The other issuer whose tokens `scheme` takes; none if it takes ours.
    pub(crate) fn foreign(&self, scheme: &Scheme) -> Option<&Foreign> {
        self.0.iter().find(|(index, _)| *index == scheme.index).map(|(_, foreign)| foreign)
    }
}

/// Another issuer, and the right to fetch its keys.
#[derive(Debug)]
pub(crate) struct Foreign {
    url: ProviderUrl,
    /// Whoever waits for a fetch waits here, where it costs no thread.
    flight: Arc<Mutex<()>>,
}

impl Foreign {
    fn new(url: ProviderUrl) -> Self {
        Self { url, flight: Arc::default() }
    }

    /// Proves a token, if need be with keys that are fetched first. The roster as it is now says whether the
    /// issuer that the document names is still trusted.
    pub(crate) async fn prove(
        &self,
        authority: &Arc<Authority>,
        token: &str,
    ) -> Result<Principal, ExternalTokenError> {
        let name = authority.issuer_at(&self.url).ok_or(ExternalTokenError::Untrusted)?;
        let prove = || authority.authenticate_issuer_token(&name, token, Timestamp::now());
        match prove() {
            Err(ExternalTokenError::KeysNeeded) => {}
            proven => {
                self.refresh_old_keys(authority, &name);
                return proven;
            }
        }
        let flight = Arc::clone(&self.flight).lock_owned().await;
        // Whoever had the right before may have brought the keys.
        match prove() {
            Err(ExternalTokenError::KeysNeeded) => {
                let _ = fetch(authority, &name, flight).await;
                prove()
            }
            proven => proven,
        }
    }

    /// In the background: the old keys serve meanwhile.
    fn refresh_old_keys(&self, authority: &Arc<Authority>, name: &Subject) {
        if authority.wants_refresh(name, Timestamp::now())
            && let Ok(flight) = Arc::clone(&self.flight).try_lock_owned()
        {
            drop(fetch(authority, name, flight));
        }
    }
}

/// Fetches to the end, even if the request that asked for it is gone.
fn fetch(
    authority: &Arc<Authority>,
    name: &Subject,
    flight: OwnedMutexGuard<()>,
) -> JoinHandle<()> {
    let (authority, name) = (Arc::clone(authority), name.clone());
    spawn_blocking(move || {
        match authority.refresh_issuer(&name, Timestamp::now()) {
            Ok(Refresh::Done) => log::info!("fetched the keys of the issuer {name}"),
            Ok(Refresh::NotNow) => {}
            Err(fault) => log::warn!("cannot fetch the keys of the issuer {name}: {fault}"),
        }
        drop(flight);
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        policy::compile_options::CompileOptions,
        roster::Roster,
        tokens::{Keyring, Revocations, SigningKey, Tokens},
    };

    fn roster(url: &str) -> Roster {
        let text = format!("[issuers.corp]\nurl = \"{url}\"\naudience = \"here\"\n");
        Roster::parse(&text, "roster").unwrap().roster
    }

    /// For each of these schemes whether it takes the tokens of another issuer.
    fn sources(issuer: &str, schemes: &[Value]) -> Result<Vec<bool>, Diagnostics> {
        let names: Vec<String> = (0..schemes.len()).map(|index| format!("s{index}")).collect();
        let security: Vec<Value> = names.iter().map(|name| json!({ name: [] })).collect();
        let schemes: Value = names.iter().cloned().zip(schemes.iter().cloned()).collect();
        let document = json!({
            "openapi": "3.1.0",
            "paths": { "/a": { "get": { "security": security } } },
            "components": { "securitySchemes": schemes },
        });
        let policy = Policy::compile(&document, &CompileOptions::own("access_token")).unwrap();
        let key = SigningKey::from_secret(&"x".repeat(32).into()).unwrap();
        let tokens = Tokens {
            keyring: Keyring::new(key, Vec::new()).unwrap(),
            issuer: "http://127.0.0.1:8080/base/".to_owned(),
            audience: "here".to_owned(),
            lifetime: Duration::from_secs(60),
            leeway: Duration::ZERO,
            revocations: Revocations::default(),
        };
        let roster = roster(issuer);
        let issuers: Vec<Issuer> = roster.issuers().cloned().collect();
        let sources = Sources::of(&policy, &issuers, &Authority::new(roster, tokens))?;
        Ok(policy.schemes().iter().map(|scheme| sources.foreign(scheme).is_some()).collect())
    }

    fn openid(url: &str) -> Value {
        json!({ "type": "openIdConnect", "openIdConnectUrl": url })
    }

    #[test]
    fn an_issuers_scheme_takes_its_tokens_and_all_others_take_ours() {
        let schemes = [
            json!({ "type": "http", "scheme": "bearer" }),
            openid(&format!("/{OWN_DISCOVERY}")),
            openid(OWN_DISCOVERY),
            openid(&format!("./{OWN_DISCOVERY}")),
            openid(&format!("http://127.0.0.1:8080/base/{OWN_DISCOVERY}")),
            openid(&format!("https://corp.test/{OWN_DISCOVERY}")),
        ];
        let foreign = sources("https://corp.test/", &schemes).unwrap();
        assert_eq!(foreign, [false, false, false, false, false, true]);
    }

    #[test]
    fn an_unknown_discovery_url_is_a_problem_that_names_the_scheme() {
        for url in [
            format!("https://other.test/{OWN_DISCOVERY}"),
            format!("https://corp.test//{OWN_DISCOVERY}"),
            format!("http://corp.test/{OWN_DISCOVERY}"),
            format!("/elsewhere/{OWN_DISCOVERY}"),
            "https://corp.test".to_owned(),
        ] {
            let diagnostics = sources("https://corp.test", &[openid(&url)]).unwrap_err();
            assert!(diagnostics.to_string().starts_with("scheme `s0`: "), "{url}: {diagnostics}");
        }
    }

    #[test]
    fn we_are_no_issuer_of_the_roster() {
        for url in ["http://127.0.0.1:8080/base", "http://127.0.0.1:8080/base/"] {
            let diagnostics = sources(url, &[]).unwrap_err();
            assert!(diagnostics.to_string().starts_with("issuers.corp: "), "{url}: {diagnostics}");
        }
        assert!(sources("http://127.0.0.1:8080", &[]).is_ok());
    }
}
