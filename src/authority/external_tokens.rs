//! The authority's part for other issuers' tokens: the roster says whom to trust, at every single token.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    authority::authority::Authority,
    oauth::{ProviderUrl, Subject},
    principal::Principal,
    roster::roster_entries::Issuer,
    tokens::external::{
        external_issuer::{ExternalIssuer, IssuerStatus, Refresh},
        external_issuer_settings::ExternalIssuerSettings,
        external_token_error::ExternalTokenError,
        fetch::FetchError,
    },
};

impl Authority {
    /// Proves a token of the issuer that the roster calls `name` now.
    ///
    /// # Errors
    /// `KeysNeeded`: call [`Authority::refresh_issuer`], then ask once more. Else why it is refused.
    pub(crate) fn authenticate_issuer_token(
        &self,
        name: &Subject,
        token: &str,
        now: Timestamp,
    ) -> Result<Principal, ExternalTokenError> {
        let issuer = self.trusted(name).ok_or(ExternalTokenError::Untrusted)?;
        Ok(issuer.verify(token, now)?.into())
    }

    /// Fetches the keys of this issuer, unless that happens just now or did so in the last 10 seconds. It may
    /// take 5 seconds: call it where blocking is fine.
    ///
    /// # Errors
    /// Why the keys cannot be had; those that were fetched before still serve.
    pub(crate) fn refresh_issuer(
        &self,
        name: &Subject,
        now: Timestamp,
    ) -> Result<Refresh, FetchError> {
        self.trusted(name).map_or(Ok(Refresh::NotNow), |issuer| issuer.refresh(now))
    }

    /// Whether this issuer's keys serve but are old: then fetch them in the background.
    pub(crate) fn wants_refresh(&self, name: &Subject, now: Timestamp) -> bool {
        self.trusted(name).is_some_and(|issuer| issuer.wants_refresh(now))
    }

    /// The roster's name of the issuer at this address.
    pub(crate) fn issuer_at(&self, url: &ProviderUrl) -> Option<Subject> {
        let roster = self.roster.load();
        roster.issuers().find(|issuer| issuer.url == *url).map(|issuer| issuer.name.clone())
    }

    /// How it stands with the keys of every issuer of the roster, by name.
    pub(crate) fn issuers_status(&self) -> Vec<(Subject, IssuerStatus)> {
        let roster = self.roster.load();
        let status = |issuer: &Issuer| {
            (issuer.name.clone(), self.issuers.get_or_add(&settings(issuer)).status())
        };
        roster.issuers().map(status).collect()
    }

    /// Whether the last fetch of some issuer's keys failed.
    pub(crate) fn has_failing_issuer(&self) -> bool {
        let failing = |(_, status): &_| matches!(status, IssuerStatus::Failing(_));
        self.issuers_status().iter().any(failing)
    }

    fn trusted(&self, name: &Subject) -> Option<Arc<ExternalIssuer>> {
        let roster = self.roster.load();
        let issuer = roster.issuers().find(|issuer| issuer.name == *name)?;
        Some(self.issuers.get_or_add(&settings(issuer)))
    }
}

fn settings(issuer: &Issuer) -> ExternalIssuerSettings {
    ExternalIssuerSettings {
        name: issuer.name.clone(),
        url: issuer.url.clone(),
        audience: issuer.audience.clone(),
        roles_claim: issuer.roles_claim.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use arc_swap::ArcSwap;

    use super::*;
    use crate::{
        authority::issue_request::{IssueError, IssueRequest, RevokeError},
        roster::roster::Roster,
        store::revocations::Revocations,
        tokens::{access_tokens::Tokens, keyring::Keyring},
    };

    fn roster(names: &[&str]) -> Roster {
        let table = |name: &&str| {
            format!("[issuers.{name}]\nurl = \"https://{name}.test\"\naudience = \"here\"\n")
        };
        let text: String = names.iter().map(table).collect();
        Roster::parse(&text, "roster").unwrap().roster
    }

    fn authority(names: &[&str]) -> Authority {
        let secret = "a secret of the tests, 32 bytes and more".into();
        let tokens = Tokens {
            keyring: ArcSwap::from_pointee(
                Keyring::new(
                    crate::tokens::signing_key::SigningKey::from_secret(&secret).unwrap(),
                    Vec::new(),
                )
                .unwrap(),
            ),
            issuer: "http://issuer.test".to_owned(),
            audience: "http://audience.test".to_owned(),
            lifetime: Duration::from_secs(60),
            leeway: Duration::ZERO,
        };
        Authority::new(roster(names), tokens, Revocations::default())
    }

    fn name(text: &str) -> Subject {
        Subject::parse(text).unwrap()
    }

    /// `{"alg":"RS256","kid":"k"}`, and an `iss` that is corp's.
    const OF_CORP: &str =
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImsifQ.eyJpc3MiOiJodHRwczovL2NvcnAudGVzdCJ9.AAAA";

    #[test]
    fn issuers_follow_the_roster_as_it_is_now() {
        let authority = authority(&["corp"]);
        let ask = |issuer: &str| {
            authority.authenticate_issuer_token(&name(issuer), OF_CORP, Timestamp::UNIX_EPOCH)
        };
        let of_another =
            Err(ExternalTokenError::Token(crate::tokens::token_error::TokenError::UnknownIssuer));
        assert_eq!(ask("corp"), Err(ExternalTokenError::KeysNeeded));
        assert_eq!(ask("other"), Err(ExternalTokenError::Untrusted));
        authority.roster.store(Arc::new(roster(&["other"])));
        assert_eq!(ask("corp"), Err(ExternalTokenError::Untrusted));
        assert_eq!(ask("other"), of_another);
        let other = ProviderUrl::parse("https://other.test").unwrap();
        assert_eq!(authority.issuer_at(&other), Some(name("other")));
        let gone = ProviderUrl::parse("https://corp.test").unwrap();
        assert_eq!(authority.issuer_at(&gone), None);
        assert_eq!(authority.issuers_status(), [(name("other"), IssuerStatus::Unasked)]);
        assert!(!authority.has_failing_issuer());
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(authority.refresh_issuer(&name("corp"), now), Ok(Refresh::NotNow));
    }

    #[test]
    fn nothing_is_issued_to_or_revoked_for_another_issuers_subject() {
        let authority = authority(&["corp"]);
        let foreign = Principal::external_for_tests("corp", "billing", &["a"]);
        let issued = authority.issue(&foreign, IssueRequest::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(issued.unwrap_err(), IssueError::Foreign);
        assert_eq!(authority.revoke(&foreign, Timestamp::UNIX_EPOCH), Err(RevokeError::NoToken));
        let ours = Principal::for_tests("billing", &[], &["a"]);
        assert!(authority.issue(&ours, IssueRequest::default(), Timestamp::UNIX_EPOCH).is_ok());
    }
}
