//! The authority's part for other issuers' tokens: the roster says whom to trust, at every single token.
//!
//! Must not know when the server fetches, or OpenAPI.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    oauth::{ProviderUrl, Subject},
    principal::Principal,
    roster::Issuer,
    tokens::{FetchFault, IssuerRefusal, IssuerSettings, IssuerStatus, Refresh, TrustedIssuer},
};

use super::Authority;

impl Authority {
    /// Proves a token of the issuer that the roster calls `name` now.
    ///
    /// # Errors
    /// `KeysNeeded`: call [`Authority::refresh_issuer`], then ask once more. Else why it is refused.
    pub fn authenticate_issuer_token(
        &self,
        name: &Subject,
        token: &str,
        now: Timestamp,
    ) -> Result<Principal, IssuerRefusal> {
        let issuer = self.trusted(name).ok_or(IssuerRefusal::Untrusted)?;
        Ok(issuer.verify(token, now)?.into())
    }

    /// Fetches the keys of this issuer, unless that happens just now or did so in the last 10 seconds. It may
    /// take 5 seconds: call it where blocking is fine.
    ///
    /// # Errors
    /// Why the keys cannot be had; those that were fetched before still serve.
    pub fn refresh_issuer(&self, name: &Subject, now: Timestamp) -> Result<Refresh, FetchFault> {
        self.trusted(name).map_or(Ok(Refresh::NotNow), |issuer| issuer.refresh(now))
    }

    /// Whether this issuer's keys serve but are old: then fetch them in the background.
    pub fn wants_refresh(&self, name: &Subject, now: Timestamp) -> bool {
        self.trusted(name).is_some_and(|issuer| issuer.wants_refresh(now))
    }

    /// The roster's name of the issuer at this address.
    pub fn issuer_at(&self, url: &ProviderUrl) -> Option<Subject> {
        let roster = self.roster.load();
        roster.issuers().find(|issuer| issuer.url == *url).map(|issuer| issuer.name.clone())
    }

    /// How it stands with the keys of every issuer of the roster, by name.
    pub fn issuers_status(&self) -> Vec<(Subject, IssuerStatus)> {
        let roster = self.roster.load();
        let status =
            |issuer: &Issuer| (issuer.name.clone(), self.issuers.of(&settings(issuer)).status());
        roster.issuers().map(status).collect()
    }

    /// Whether the last fetch of some issuer's keys failed.
    pub fn has_failing_issuer(&self) -> bool {
        let failing = |(_, status): &_| matches!(status, IssuerStatus::Failing(_));
        self.issuers_status().iter().any(failing)
    }

    fn trusted(&self, name: &Subject) -> Option<Arc<TrustedIssuer>> {
        let roster = self.roster.load();
        let issuer = roster.issuers().find(|issuer| issuer.name == *name)?;
        Some(self.issuers.of(&settings(issuer)))
    }
}

fn settings(issuer: &Issuer) -> IssuerSettings {
    IssuerSettings {
        name: issuer.name.clone(),
        url: issuer.url.clone(),
        audience: issuer.audience.clone(),
        roles_claim: issuer.roles_claim.clone(),
    }
}
