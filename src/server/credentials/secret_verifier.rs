//! Verifies API keys and passwords: known keys at once, other secrets in the hash pool, for peers that have not failed
//! too often.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use jiff::Timestamp;
use secrecy::SecretString;

use crate::{
    authority::authority::Authority,
    config::rate_limit::RateLimit,
    oauth::KeyId,
    principal::Principal,
    roster::api_key::{ApiKey, ApiKeySyntaxError},
    server::{credentials::hash_pool::HashPool, http::refusal::Refusal},
    store::attempts::Attempts,
};

/// Verifies secrets, and counts the failed attempts of each peer.
#[derive(Debug)]
pub(crate) struct SecretVerifier {
    authority: Arc<Authority>,
    pool: Arc<HashPool>,
    attempts: Arc<Attempts>,
    /// The key ids that were presented with a secret to which they do not belong.
    old_keys: Mutex<HashSet<KeyId>>,
}

/// Why a secret was not accepted.
#[derive(Debug)]
pub(crate) enum SecretError {
    /// It is wrong, or not that of the client or user; for the log.
    Invalid {
        /// Why.
        reason: String,
        /// The key id, where the secret is an API key.
        key_id: Option<String>,
    },
    /// It could not be checked: `too_many_requests`, `overloaded`, or an error of hallpass itself.
    Unavailable(Refusal),
}

impl SecretVerifier {
    /// Verifies through `authority`, with at most `limit` failures per peer.
    pub(crate) fn new(authority: Arc<Authority>, limit: Option<RateLimit>) -> Self {
        let pool = Arc::new(HashPool::beside_workers());
        Self {
            authority,
            pool,
            attempts: Arc::new(Attempts::new(limit.map(|limit| (limit.failures, limit.per)))),
            old_keys: Mutex::default(),
        }
    }

    pub(crate) fn pool(&self) -> &HashPool {
        &self.pool
    }

    pub(crate) fn attempts(&self) -> &Attempts {
        &self.attempts
    }

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
                self.admit(peer)?;
                self.attempts.failed(peer, Instant::now());
                return Err(self.malformed(error));
            }
        };
        let known = || self.authority.authenticate_known_key(&key, Timestamp::now());
        let verified = match known() {
            Some(Ok(known)) => Ok(known),
            Some(Err(error)) => {
                self.admit(peer)?;
                self.attempts.failed(peer, Instant::now());
                Err(error)
            }
            None => {
                let (authority, own) = (Arc::clone(&self.authority), key.clone());
                let hash = move || authority.authenticate_key(&own, Timestamp::now());
                self.hash(peer, known, hash).await.map_err(|error| error.about(&key))?
            }
        };
        match verified {
            Ok(principal) if name.is_some_and(|name| name != principal.subject()) => {
                self.attempts.failed(peer, Instant::now());
                let reason = "the API key belongs to another client than the one named";
                Err(SecretError::invalid(reason, Some(key.id())))
            }
            Ok(principal) => Ok(principal),
            Err(error) => Err(SecretError::invalid(error.to_string(), Some(key.id()))),
        }
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

    /// Verifies a user's name and password.
    ///
    /// # Errors
    /// The password is wrong, or cannot be checked now.
    pub(crate) async fn verify_password(
        &self,
        name: &str,
        password: SecretString,
        peer: Option<IpAddr>,
    ) -> Result<Principal, SecretError> {
        let known = || self.authority.authenticate_known_password(name, &password);
        let verified = match known() {
            Some(known) => known,
            None => {
                let (authority, name, password) =
                    (Arc::clone(&self.authority), name.to_owned(), password.clone());
                let hash = move || authority.authenticate_password(&name, &password);
                self.hash(peer, known, hash).await?
            }
        };
        verified.map_err(|error| SecretError::invalid(error.to_string(), None))
    }

    /// Runs `hash` in the pool, unless `known` has the result by the time that a permit is free.
    async fn hash<T: Send + 'static, E: Send + 'static>(
        &self,
        peer: Option<IpAddr>,
        known: impl Fn() -> Option<Result<T, E>>,
        hash: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, SecretError> {
        self.admit(peer)?;
        let permit = self.pool.acquire().await;
        let permit = permit
            .map_err(|full| SecretError::Unavailable(Refusal::overloaded(full.retry_after)))?;
        // Meanwhile the same key may have been verified, or other attempts of the peer failed.
        if permit.has_waited {
            if let Some(known) = known() {
                return Ok(known);
            }
            self.admit(peer)?;
        }
        let attempts = Arc::clone(&self.attempts);
        let counted = move || {
            let verified = hash();
            // Counted here, because a peer that has hung up in the meantime has tried all the same.
            if verified.is_err() {
                attempts.failed(peer, Instant::now());
            }
            verified
        };
        permit.run(counted).await.map_err(|error| {
            SecretError::Unavailable(Refusal::internal(format!("cannot hash: {error}")))
        })
    }

    fn admit(&self, peer: Option<IpAddr>) -> Result<(), SecretError> {
        let admitted = self.attempts.admit(peer, Instant::now());
        admitted.map_err(|wait| SecretError::Unavailable(Refusal::too_many_requests(wait)))
    }
}

impl SecretError {
    fn invalid(reason: impl Into<String>, key_id: Option<&KeyId>) -> Self {
        Self::Invalid { reason: reason.into(), key_id: key_id.map(ToString::to_string) }
    }

    /// The same about this API key, for the log.
    fn about(self, key: &ApiKey) -> Self {
        match self {
            Self::Unavailable(refusal) => Self::Unavailable(refusal.about(key.id())),
            invalid @ Self::Invalid { .. } => invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZero, time::Duration};

    use actix_web::rt::time::{sleep, timeout};
    use futures_util::{FutureExt, future::join_all};
    use secrecy::ExposeSecret;

    use super::*;
    use crate::{
        diagnostics::Diagnostics,
        oauth::{Roles, Scopes, Subject},
        roster::roster::{LoadedRoster, Roster},
        server::{http::code::Code, testing::TestGate},
    };

    const PEER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    /// A verifier that hashes one secret at a time, slowly, and allows one failure an hour; and a valid API key.
    fn verifier() -> (SecretVerifier, ApiKey) {
        let (fleet, now) = (Subject::parse("fleet").unwrap(), Timestamp::now());
        let roster = Roster::default();
        let (roster, key) =
            roster.with_client(&fleet, Roles::new(), Scopes::default(), 10, now).unwrap();
        let authority = Arc::clone(&TestGate::new().context().authority);
        let checked = LoadedRoster { roster, warnings: Diagnostics::default() };
        authority.reload(Ok(checked), now).unwrap();
        let limit = RateLimit { failures: NonZero::<u32>::MIN, per: Duration::from_secs(3600) };
        (
            SecretVerifier {
                pool: HashPool::new(1).into(),
                ..SecretVerifier::new(authority, Some(limit))
            },
            key,
        )
    }

    fn text(key: &ApiKey) -> String {
        key.expose().expose_secret().to_owned()
    }

    #[actix_web::test]
    async fn many_requests_at_once_with_one_key_are_one_bcrypt() {
        let (verifier, key) = verifier();
        let key = text(&key);
        let proven = join_all((0..50).map(|_| verifier.verify_key(&key, None, PEER))).await;
        assert!(proven.iter().all(|proven| proven.is_ok()));
        assert_eq!(verifier.pool().done().0, 1);
    }

    #[actix_web::test]
    async fn a_peer_that_hangs_up_while_its_secret_is_hashed_has_made_an_attempt() {
        let (verifier, _) = verifier();
        let wrong = || verifier.verify_password("nobody", "guess".into(), PEER);
        let _ = Box::pin(wrong()).now_or_never();
        let hashed = async {
            while verifier.pool().done().0 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(20), hashed).await.expect("it is hashed to the end");
        let again = wrong().await;
        assert!(
            matches!(again, Err(SecretError::Unavailable(refusal)) if refusal.code == Code::TooManyRequests)
        );
        assert_eq!((verifier.pool().done().0, verifier.attempts().limited()), (1, 1));
    }
}
