//! Verification of API keys.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::{
    oauth::{
        custom_claims::CustomClaims, key_id::KeyId, role::Roles, scope::Scopes, subject::Subject,
    },
    roster::{
        api_key::ApiKey,
        client_record::SourcedClient,
        roster::Roster,
        roster_entries::{Client, KeyRecord},
        secret_cache::SecretCache,
    },
};

/// Proof that the caller holds a valid API key of an enabled client. Only [`Roster::verify`] and [`Roster::recall`]
/// make one.
#[derive(Debug, Clone)]
pub struct VerifiedKey {
    client: Subject,
    roles: Roles,
    scopes: Scopes,
    claims: CustomClaims,
    key_id: KeyId,
    expires: Option<Timestamp>,
}

impl VerifiedKey {
    /// Called only after the secret was compared.
    fn new(client: &Client, key: &KeyRecord) -> Self {
        Self {
            client: client.name.clone(),
            roles: client.roles.clone(),
            scopes: client.scopes.clone(),
            claims: client.options.claims.clone(),
            key_id: key.id.clone(),
            expires: key.expires,
        }
    }

    pub fn client(&self) -> &Subject {
        &self.client
    }

    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    pub(crate) fn claims(&self) -> &CustomClaims {
        &self.claims
    }

    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// When the key expires; tokens issued for it must not live longer.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }
}

/// Why an API key is refused: logged, never sent to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiKeyError {
    #[error("no such key id in the roster")]
    UnknownKey,
    #[error("the hash in the roster is that of another secret")]
    OtherHash,
    #[error("the key has expired")]
    Expired,
    #[error("the client is disabled")]
    Disabled,
    #[error("the address is outside of the client's `from`")]
    Elsewhere,
    #[error("the application's client has the name of a client or user of the roster")]
    NameTaken,
}

impl Roster {
    /// Decides about an API key of this peer without bcrypt; none if that takes one. Since its id is that of its secret,
    /// only a key that was never verified is left, and nobody but its holder can present it.
    pub(crate) fn recall(
        &self,
        cache: &SecretCache,
        presented: &ApiKey,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<Result<VerifiedKey, ApiKeyError>> {
        recall(self.key_from(peer, presented.id(), now), cache, presented)
    }

    /// The same of a key that is not in the roster, by what the application knows of it.
    pub(crate) fn recall_sourced(
        &self,
        cache: &SecretCache,
        presented: &ApiKey,
        sourced: &SourcedClient,
        now: Timestamp,
    ) -> Option<Result<VerifiedKey, ApiKeyError>> {
        recall(self.sourced_key(sourced, presented.id(), now), cache, presented)
    }

    /// Verifies an API key of this peer by one bcrypt, if it may be used at all.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn verify(
        &self,
        cache: &SecretCache,
        presented: &ApiKey,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<VerifiedKey, ApiKeyError> {
        verify(self.key_from(peer, presented.id(), now), cache, presented)
    }

    /// The same of a key that is not in the roster, by what the application knows of it.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn verify_sourced(
        &self,
        cache: &SecretCache,
        presented: &ApiKey,
        sourced: &SourcedClient,
        now: Timestamp,
    ) -> Result<VerifiedKey, ApiKeyError> {
        verify(self.sourced_key(sourced, presented.id(), now), cache, presented)
    }

    /// Checks without bcrypt that a key still exists and has not expired, and that its client is enabled. Tokens
    /// issued for the key depend on this, wherever they are presented. Returns the client.
    ///
    /// # Errors
    /// [`ApiKeyError`], never [`ApiKeyError::OtherHash`] and [`ApiKeyError::Elsewhere`].
    pub(crate) fn check_key(&self, id: &KeyId, now: Timestamp) -> Result<&Client, ApiKeyError> {
        Ok(self.usable_key(id, now)?.0)
    }

    /// The same of a key that is not in the roster, by what the application knows of it.
    ///
    /// # Errors
    /// As [`Self::check_key`], and [`ApiKeyError::NameTaken`].
    pub(crate) fn check_sourced_key<'c>(
        &self,
        sourced: &'c SourcedClient,
        id: &KeyId,
        now: Timestamp,
    ) -> Result<&'c Client, ApiKeyError> {
        Ok(self.sourced_key(sourced, id, now)?.0)
    }

    /// A key that may be used, though it is not in the roster, whose keys and names come first.
    fn sourced_key<'c>(
        &self,
        SourcedClient { client, key }: &'c SourcedClient,
        id: &KeyId,
        now: Timestamp,
    ) -> Usable<'c> {
        if key.id != *id || self.key(id).is_some() {
            return Err(ApiKeyError::UnknownKey);
        }
        if self.client(&client.name).is_some() || self.user(&client.name).is_some() {
            return Err(ApiKeyError::NameTaken);
        }
        usable(client, key, now)
    }

    /// A key that may be used, and by this peer.
    fn key_from(&self, peer: Option<IpAddr>, id: &KeyId, now: Timestamp) -> Usable<'_> {
        let (client, key) = self.usable_key(id, now)?;
        match client.options.take_from(peer) {
            true => Ok((client, key)),
            false => Err(ApiKeyError::Elsewhere),
        }
    }

    fn usable_key(&self, id: &KeyId, now: Timestamp) -> Usable<'_> {
        let (client, key) = self.key(id).ok_or(ApiKeyError::UnknownKey)?;
        usable(client, key, now)
    }
}

/// What may be used of a client and its key.
type Usable<'k> = Result<(&'k Client, &'k KeyRecord), ApiKeyError>;

fn usable<'k>(client: &'k Client, key: &'k KeyRecord, now: Timestamp) -> Usable<'k> {
    if client.disabled {
        Err(ApiKeyError::Disabled)
    } else if key.has_expired(now) {
        Err(ApiKeyError::Expired)
    } else {
        Ok((client, key))
    }
}

fn recall(
    usable: Usable<'_>,
    cache: &SecretCache,
    presented: &ApiKey,
) -> Option<Result<VerifiedKey, ApiKeyError>> {
    match usable {
        Ok((client, key)) => cache
            .recalls(Some(&key.hash), presented.secret())
            .then(|| Ok(VerifiedKey::new(client, key))),
        Err(error) => Some(Err(error)),
    }
}

fn verify(
    usable: Usable<'_>,
    cache: &SecretCache,
    presented: &ApiKey,
) -> Result<VerifiedKey, ApiKeyError> {
    let (client, key) = usable?;
    match cache.matches(&key.hash, presented.secret()) {
        true => Ok(VerifiedKey::new(client, key)),
        false => Err(ApiKeyError::OtherHash),
    }
}
