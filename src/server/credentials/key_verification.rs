//! The part of the verifier of secrets for API keys: those of the roster, and those that the application knows.

use std::{
    fmt,
    net::IpAddr,
    sync::{Arc, PoisonError},
    time::Instant,
};

use actix_web::rt::spawn;
use tokio::time::timeout;

use crate::{
    oauth::KeyId,
    principal::Principal,
    roster::{
        api_key::{ApiKey, ApiKeySyntaxError},
        client_record::SourcedClient,
        verified_key::ApiKeyError,
    },
    server::{
        credentials::{
            hash_pool::SecretKind,
            secret_verifier::{SecretError, SecretVerifier, run},
        },
        http::refusal::Refusal,
        limits::{KEY_COUNT_TIME, LOOKUP_TIME},
    },
    store::{
        attempts::{self, Attempt},
        shared::shared_attempts::SharedAttempt,
    },
};

impl SecretVerifier {
    /// Verifies an API key, and that it is that of the client `name` where one is given (RFC 6749 §2.3.1).
    ///
    /// # Errors
    /// The key is wrong or another client's, or cannot be checked now.
    pub(crate) async fn verify_key(
        &self,
        text: &str,
        name: Option<&str>,
        peer: Option<IpAddr>,
    ) -> Result<Arc<Principal>, SecretError> {
        let key = match ApiKey::parse(text) {
            Ok(key) => key,
            Err(error) => {
                self.fail(peer)?;
                return Err(self.malformed(error));
            }
        };
        let verified = match self.known_key(&key, None, peer) {
            Some(Err(ApiKeyError::UnknownKey)) => self.look_up(&key, peer).await,
            Some(known) => Ok(known),
            None => self.hash_key(&key, None, peer).await,
        };
        let verified = verified.map_err(|error| error.about(&key))?;
        let reason = match verified {
            Ok(principal) if name.is_none_or(|name| name == principal.subject()) => {
                return Ok(principal);
            }
            Ok(_) => "the API key belongs to another client than the one named".to_owned(),
            Err(error) => error.to_string(),
        };
        self.fail(peer).map_err(|error| error.about(&key))?;
        Err(SecretError::invalid(reason, Some(key.id())))
    }

    /// Decides about a key without bcrypt, if that can be. `sourced` is what the application knows of one that is not in
    /// the roster.
    fn known_key(
        &self,
        key: &ApiKey,
        sourced: Option<&SourcedClient>,
        peer: Option<IpAddr>,
    ) -> Option<Result<Arc<Principal>, ApiKeyError>> {
        let now = self.clock.now();
        match sourced {
            None => self.authority.authenticate_known_key(key, peer, now),
            Some(sourced) => self.authority.authenticate_known_sourced_key(key, sourced, now),
        }
    }

    /// Verifies a key that is not in the roster, by what the application knows of it.
    async fn look_up(
        &self,
        key: &ApiKey,
        peer: Option<IpAddr>,
    ) -> Result<Result<Arc<Principal>, ApiKeyError>, SecretError> {
        let sourced = match self.lookups.recent_client(key.id(), Instant::now()) {
            Some(recent) => Some(recent),
            None => self.ask_for_client(key, peer).await?,
        };
        let Some(sourced) = sourced else { return Ok(Err(ApiKeyError::UnknownKey)) };
        match self.known_key(key, Some(&sourced), peer) {
            Some(known) => Ok(known),
            None => self.hash_key(key, Some(sourced), peer).await,
        }
    }

    /// Asks the application; for peers that have failed too often only about keys that were proven before.
    async fn ask_for_client(
        &self,
        key: &ApiKey,
        peer: Option<IpAddr>,
    ) -> Result<Option<Arc<SourcedClient>>, SecretError> {
        if !self.lookups.has_clients() {
            return Ok(None);
        }
        let last = self.lookups.last_client(key.id());
        if last.is_some_and(|last| matches!(self.known_key(key, Some(&last), peer), Some(Ok(_)))) {
            return self.lookups.client(key.id()).await.map_err(not_looked_up);
        }
        self.admit(peer, None)?;
        // However many keys an address makes up at once, few of them are looked up before the first has failed.
        let slot = timeout(LOOKUP_TIME, self.counted_keys.acquire(attempts::network(peer))).await;
        let slot = slot.map_err(|_| not_looked_up("too many lookups for this address wait"))?;
        let attempt = self.begin(peer, None)?;
        let (lookups, id) = (Arc::clone(&self.lookups), key.id().clone());
        // A task of its own, because a peer that has hung up in the meantime has tried all the same.
        let asked = spawn(async move {
            let _slot = slot;
            let found = lookups.client(&id).await;
            if let Ok(None) = found {
                attempt.fail();
            }
            found
        });
        match asked.await.map_err(not_looked_up)?.map_err(not_looked_up)? {
            Some(client) => Ok(Some(client)),
            // It is counted.
            None => Err(SecretError::invalid(ApiKeyError::UnknownKey.to_string(), Some(key.id()))),
        }
    }

    /// Hashes a key once, however many requests present it meanwhile. `sourced` is what the application knows of it.
    async fn hash_key(
        &self,
        key: &ApiKey,
        sourced: Option<Arc<SourcedClient>>,
        peer: Option<IpAddr>,
    ) -> Result<Result<Arc<Principal>, ApiKeyError>, SecretError> {
        self.admit(peer, None)?;
        let alone = self.hashed_keys.acquire(key.id().clone()).await;
        if let Some(known) = self.known_key(key, sourced.as_deref(), peer) {
            return Ok(known);
        }
        // However many new keys an address presents at once, few of them count meanwhile.
        let slot = match self.shared_attempts {
            Some(_) => Some(self.counted_keys.acquire(attempts::network(peer)).await),
            None => None,
        };
        // Before the permit: no thread of the pool waits for Redis.
        let attempt = self.begin_shared(peer, None, KEY_COUNT_TIME).await?;
        let permit = self.permit(SecretKind::ApiKey).await?;
        let (authority, clock, key) =
            (Arc::clone(&self.authority), self.clock.clone(), key.clone());
        run(permit, move || {
            let (_turn, now) = ((alone, slot), clock.now());
            let verified = match sourced {
                None => authority.authenticate_key(&key, peer, now),
                Some(sourced) => authority.authenticate_sourced_key(&key, &sourced, now),
            };
            if verified.is_err() {
                attempt.into_iter().for_each(SharedAttempt::fail);
            }
            verified
        })
        .await
    }

    fn malformed(&self, error: ApiKeySyntaxError) -> SecretError {
        let reason = format!("the API key is malformed: {error}");
        match error {
            ApiKeySyntaxError::Shape | ApiKeySyntaxError::Checksum => {
                SecretError::invalid(reason, None)
            }
            ApiKeySyntaxError::WrongSecret(id) => {
                self.warn_of_old_key(&id);
                SecretError::invalid(reason, Some(&id))
            }
        }
    }

    /// Logs once per key id of the roster that its key may be an old one.
    fn warn_of_old_key(&self, id: &KeyId) {
        let roster = self.authority.roster();
        let Some((client, _)) = roster.key(id) else { return };
        let mut reported = self.old_keys.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.insert(id.clone()) {
            let client = &client.name;
            log::warn!(
                "an API key of {client} with the id {id} is refused, because the id does not belong to the secret: if \
                 it was made by an older hallpass, rotate it with `hallpass key rotate {client}`"
            );
        }
    }

    /// Counts an API key that failed, if the peer could make the attempt at all.
    fn fail(&self, peer: Option<IpAddr>) -> Result<(), SecretError> {
        self.begin(peer, None).map(Attempt::fail)
    }
}

impl SecretError {
    /// The same about this API key, for the log.
    fn about(self, key: &ApiKey) -> Self {
        match self {
            Self::Unavailable(refusal) => Self::Unavailable(refusal.about(key.id())),
            invalid @ Self::Invalid { .. } => invalid,
        }
    }
}

fn not_looked_up(reason: impl fmt::Display) -> SecretError {
    SecretError::Unavailable(Refusal::not_looked_up(reason.to_string()))
}
