//! Whose tokens each scheme of the document takes: ours, or those of exactly one external issuer of the roster.

use std::sync::Arc;

use actix_web::rt::task::{JoinHandle, spawn_blocking};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    authority::authority::Authority,
    diagnostics::{Diagnostic, Diagnostics},
    oauth::{ProviderUrl, Subject},
    policy::{
        compiled::Policy,
        scheme::{Scheme, SchemeKind},
    },
    principal::Principal,
    roster::roster_entries::Issuer,
    server::{clock::Clock, http::endpoints::OPENID_CONFIGURATION},
    tokens::external::{external_issuer::Refresh, external_token_error::ExternalTokenError},
};

/// The external issuer of each scheme that has one, by the scheme's index; all other schemes take our own tokens.
#[derive(Debug, Default)]
pub(crate) struct SchemeIssuers(Vec<(usize, SchemeIssuer)>);

impl SchemeIssuers {
    /// Finds the issuer of every `openIdConnect` scheme by its discovery URL. One that the roster has lost since `before`
    /// stays the issuer of its scheme: its tokens are refused.
    ///
    /// # Errors
    /// A scheme whose URL is neither that of `own`, our issuer, or `own_path` at its root, nor that of one of `issuers` or of those before.
    pub(crate) fn new(
        policy: &Policy,
        issuers: &[Issuer],
        own: &str,
        own_path: &str,
        before: Option<&Self>,
    ) -> Result<Self, Diagnostics> {
        let lost =
            before.into_iter().flat_map(|before| before.0.iter().map(|(_, issuer)| &issuer.url));
        let known: Vec<_> = issuers.iter().map(|issuer| &issuer.url).chain(lost).collect();
        let mut diagnostics = Diagnostics::default();
        let own = discovery(own);
        let mut found = Vec::new();
        for scheme in policy.schemes() {
            let SchemeKind::OpenIdConnect { url } = &scheme.kind else { continue };
            // Seen from the root of this service.
            let relative = url.strip_prefix("./").or(url.strip_prefix('/')).unwrap_or(url);
            if *url == own || own_path.trim_start_matches('/') == relative {
                continue;
            }
            match known.iter().find(|issuer| issuer.discovery() == *url) {
                Some(issuer) => found.push((scheme.index, SchemeIssuer::new((*issuer).clone()))),
                None => diagnostics.push(Diagnostic::new(
                    format!("scheme `{}`", scheme.name),
                    format!("the roster has no issuer with the discovery URL {url}; add it there as [issuers.NAME]"),
                )),
            }
        }
        diagnostics.or(Self(found))
    }

    /// The external issuer whose tokens `scheme` takes; none if it takes our own.
    pub(crate) fn find(&self, scheme: &Scheme) -> Option<&SchemeIssuer> {
        self.0.iter().find(|(index, _)| *index == scheme.index).map(|(_, issuer)| issuer)
    }
}

/// Refuses an issuer of the roster that is `own`, our issuer.
///
/// # Errors
/// It is there.
pub(crate) fn refuse_own(issuers: &[Issuer], own: &str) -> Result<(), Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let own = discovery(own);
    for issuer in issuers.iter().filter(|issuer| issuer.url.discovery() == own) {
        let what =
            "`url` is this service's own issuer, whose tokens are accepted anyway; remove it";
        diagnostics.push(Diagnostic::new(format!("issuers.{}", issuer.name), what));
    }
    diagnostics.or(())
}

/// The discovery URL of an issuer.
fn discovery(issuer: &str) -> String {
    format!("{}{OPENID_CONFIGURATION}", issuer.trim_end_matches('/'))
}

/// An external issuer, and the permit to fetch its keys.
#[derive(Debug)]
pub(crate) struct SchemeIssuer {
    url: ProviderUrl,
    /// Held during a fetch, so that there is one at a time; waiting for it occupies no thread.
    fetching: Arc<Mutex<()>>,
}

impl SchemeIssuer {
    fn new(url: ProviderUrl) -> Self {
        Self { url, fetching: Arc::default() }
    }

    /// Authenticates a token, if necessary with keys that are fetched first. The roster as it is now decides whether
    /// the issuer that the document names is still trusted.
    pub(crate) async fn authenticate(
        &self,
        authority: &Arc<Authority>,
        clock: &Clock,
        token: &str,
    ) -> Result<Principal, ExternalTokenError> {
        let name = authority.issuer_at(&self.url).ok_or(ExternalTokenError::Untrusted)?;
        let authenticate = || authority.authenticate_issuer_token(&name, token, clock.now());
        match authenticate() {
            Err(ExternalTokenError::KeysNeeded) => {}
            result => {
                self.refresh_old_keys(authority, clock, &name);
                return result;
            }
        }
        let permit = Arc::clone(&self.fetching).lock_owned().await;
        // The previous holder of the permit may have fetched the keys.
        match authenticate() {
            Err(ExternalTokenError::KeysNeeded) => {
                let _ = fetch(authority, clock, &name, permit).await;
                authenticate()
            }
            result => result,
        }
    }

    /// Fetches in the background; the old keys stay in use meanwhile.
    fn refresh_old_keys(&self, authority: &Arc<Authority>, clock: &Clock, name: &Subject) {
        if authority.wants_refresh(name, clock.now())
            && let Ok(permit) = Arc::clone(&self.fetching).try_lock_owned()
        {
            drop(fetch(authority, clock, name, permit));
        }
    }
}

/// Fetches to the end even if the request that needs it is gone.
fn fetch(
    authority: &Arc<Authority>,
    clock: &Clock,
    name: &Subject,
    permit: OwnedMutexGuard<()>,
) -> JoinHandle<()> {
    let (authority, clock, name) = (Arc::clone(authority), clock.clone(), name.clone());
    spawn_blocking(move || {
        match authority.refresh_issuer(&name, clock.now()) {
            Ok(Refresh::Done) => log::info!("fetched the keys of the issuer {name}"),
            Ok(Refresh::NotNow) => {}
            Err(error) => log::warn!("cannot fetch the keys of the issuer {name}: {error}"),
        }
        drop(permit);
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const OWN_DISCOVERY: &str = ".well-known/openid-configuration";
    use crate::{policy::compile_options::CompileOptions, roster::roster::Roster};

    const OWN: &str = "http://127.0.0.1:8080/base/";

    fn roster(url: &str) -> Roster {
        let text = format!("[issuers.corp]\nurl = \"{url}\"\naudience = \"here\"\n");
        Roster::parse(&text, "roster").unwrap().roster
    }

    /// For each of these schemes, whether it takes the tokens of an external issuer.
    fn external(issuer: &str, schemes: &[Value]) -> Result<Vec<bool>, Diagnostics> {
        let names: Vec<String> = (0..schemes.len()).map(|index| format!("s{index}")).collect();
        let security: Vec<Value> = names.iter().map(|name| json!({ name: [] })).collect();
        let schemes: Value = names.iter().cloned().zip(schemes.iter().cloned()).collect();
        let document = json!({
            "openapi": "3.1.0",
            "paths": { "/a": { "get": { "security": security } } },
            "components": { "securitySchemes": schemes },
        });
        let policy = Policy::compile(&document, &CompileOptions::own("access_token")).unwrap();
        let issuers: Vec<Issuer> = roster(issuer).issuers().cloned().collect();
        let found = SchemeIssuers::new(&policy, &issuers, OWN, OPENID_CONFIGURATION, None)?;
        Ok(policy.schemes().iter().map(|scheme| found.find(scheme).is_some()).collect())
    }

    fn openid(url: &str) -> Value {
        json!({ "type": "openIdConnect", "openIdConnectUrl": url })
    }

    #[test]
    fn the_scheme_of_an_issuer_takes_its_tokens_and_all_others_take_ours() {
        let schemes = [
            json!({ "type": "http", "scheme": "bearer" }),
            openid(&format!("/{OWN_DISCOVERY}")),
            openid(OWN_DISCOVERY),
            openid(&format!("./{OWN_DISCOVERY}")),
            openid(&format!("http://127.0.0.1:8080/base/{OWN_DISCOVERY}")),
            openid(&format!("https://corp.test/{OWN_DISCOVERY}")),
        ];
        let external_schemes = external("https://corp.test/", &schemes).unwrap();
        assert_eq!(external_schemes, [false, false, false, false, false, true]);
    }

    #[test]
    fn an_unknown_discovery_url_is_an_error_that_names_the_scheme() {
        for url in [
            format!("https://other.test/{OWN_DISCOVERY}"),
            format!("https://corp.test//{OWN_DISCOVERY}"),
            format!("http://corp.test/{OWN_DISCOVERY}"),
            format!("/elsewhere/{OWN_DISCOVERY}"),
            "https://corp.test".to_owned(),
        ] {
            let diagnostics = external("https://corp.test", &[openid(&url)]).unwrap_err();
            assert!(diagnostics.to_string().starts_with("scheme `s0`: "), "{url}: {diagnostics}");
        }
    }

    #[test]
    fn this_service_must_not_be_an_issuer_of_the_roster() {
        let refused = |url| refuse_own(&roster(url).issuers().cloned().collect::<Vec<_>>(), OWN);
        for url in ["http://127.0.0.1:8080/base", "http://127.0.0.1:8080/base/"] {
            let diagnostics = refused(url).unwrap_err();
            assert!(diagnostics.to_string().starts_with("issuers.corp: "), "{url}: {diagnostics}");
        }
        assert!(refused("http://127.0.0.1:8080").is_ok());
    }
}
