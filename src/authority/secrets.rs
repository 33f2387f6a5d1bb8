//! The authority's part for API keys and passwords.

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;
use secrecy::SecretString;

use crate::{
    authority::authority::Authority,
    principal::Principal,
    roster::{
        api_key::ApiKey,
        client_record::SourcedClient,
        verified_key::{ApiKeyError, VerifiedKey},
        verified_password::PasswordError,
    },
};

impl Authority {
    /// Authenticates an API key of this peer, with at most one bcrypt: call it where blocking is fine.
    ///
    /// # Errors
    /// Why it is refused; only the log may tell the reasons apart.
    pub(crate) fn authenticate_key(
        &self,
        key: &ApiKey,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Arc<Principal>, ApiKeyError> {
        let verified = self.roster.load().verify(&self.api_keys, key, peer, now)?;
        Ok(self.used(verified, now))
    }

    /// The same without bcrypt; none for a key that [`Self::authenticate_key`] has to verify first.
    pub(crate) fn authenticate_known_key(
        &self,
        key: &ApiKey,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, ApiKeyError>> {
        let verified = self.roster.load().recall(&self.api_keys, key, peer, now)?;
        Some(verified.map(|verified| self.used(verified, now)))
    }

    /// Authenticates an API key that is not in the roster, by what the application knows of it; else as
    /// [`Self::authenticate_key`].
    ///
    /// # Errors
    /// The same.
    pub(crate) fn authenticate_sourced_key(
        &self,
        key: &ApiKey,
        sourced: &SourcedClient,
        now: Timestamp,
    ) -> Result<Arc<Principal>, ApiKeyError> {
        let verified = self.roster.load().verify_sourced(&self.api_keys, key, sourced, now)?;
        Ok(Arc::new(verified.into()))
    }

    /// The same without bcrypt; none for a key that [`Self::authenticate_sourced_key`] has to verify first.
    pub(crate) fn authenticate_known_sourced_key(
        &self,
        key: &ApiKey,
        sourced: &SourcedClient,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, ApiKeyError>> {
        let verified = self.roster.load().recall_sourced(&self.api_keys, key, sourced, now)?;
        Some(verified.map(|verified| Arc::new(verified.into())))
    }

    fn used(&self, verified: VerifiedKey, now: Timestamp) -> Arc<Principal> {
        self.key_usage.record(verified.key_id(), now);
        Arc::new(verified.into())
    }

    /// Authenticates a user at this peer by password, with exactly one bcrypt: call it where blocking is fine.
    ///
    /// # Errors
    /// Why it is refused; only the log may tell the reasons apart.
    pub(crate) fn authenticate_password(
        &self,
        name: &str,
        password: &SecretString,
        peer: Option<IpAddr>,
    ) -> Result<Principal, PasswordError> {
        Ok(self.roster.load().verify_password(&self.passwords, name, password, peer)?.into())
    }

    /// Authenticates a user by a password that [`Self::authenticate_password`] verified before, without bcrypt; none
    /// if it has not.
    pub(crate) fn authenticate_known_password(
        &self,
        name: &str,
        password: &SecretString,
        peer: Option<IpAddr>,
    ) -> Option<Result<Principal, PasswordError>> {
        let verified = self.roster.load().recall_password(&self.passwords, name, password, peer)?;
        Some(verified.map(Principal::from))
    }
}
