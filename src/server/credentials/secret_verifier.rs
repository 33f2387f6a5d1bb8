//! Verifies API keys and passwords: known keys at once, other secrets in the hash pool, for peers that have not failed
//! too often, here or at another replica.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use secrecy::SecretString;

use crate::{
    authority::authority::Authority,
    config::rate_limit::RateLimit,
    oauth::KeyId,
    principal::Principal,
    roster::verified_password::PasswordError,
    server::{
        clock::Clock,
        credentials::{
            hash_pool::{HashPool, Permit, SecretKind},
            keyed_semaphore::KeyedSemaphore,
            lookups::Lookups,
        },
        http::refusal::Refusal,
        limits::{COUNTED_KEYS_PER_ADDRESS, PASSWORD_COUNT_TIME, PASSWORDS_PER_ADDRESS},
    },
    store::{
        attempts::{self, Attempt, Attempts},
        shared::{
            redis_log::RedisLog,
            shared_attempts::{SharedAttempt, SharedAttempts},
        },
    },
};

/// Verifies secrets, and counts the attempts that fail.
#[derive(Debug)]
pub(crate) struct SecretVerifier {
    pub(super) authority: Arc<Authority>,
    pub(super) lookups: Arc<Lookups>,
    pub(super) clock: Clock,
    pool: Arc<HashPool>,
    attempts: Arc<Attempts>,
    /// Those of all replicas together, where they share their state.
    pub(super) shared_attempts: Option<SharedAttempts>,
    /// One caller of each key that is not known yet.
    pub(super) hashed_keys: Arc<KeyedSemaphore<KeyId>>,
    /// So many callers of each address, whose keys count until they are proven: where the application is asked for them,
    /// or where replicas count together.
    pub(super) counted_keys: Arc<KeyedSemaphore<Option<IpAddr>>>,
    /// So many callers of each address.
    hashed_passwords: Arc<KeyedSemaphore<Option<IpAddr>>>,
    /// The key ids that were presented with a secret to which they do not belong.
    pub(super) old_keys: Mutex<HashSet<KeyId>>,
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
    /// Verifies through `authority`, with at most `limit` failures of each address and for each user name.
    pub(crate) fn new(
        authority: Arc<Authority>,
        lookups: Arc<Lookups>,
        clock: Clock,
        limit: Option<RateLimit>,
        redis: Option<RedisLog>,
    ) -> Self {
        let shared =
            |(redis, limit): (_, RateLimit)| SharedAttempts::new(redis, limit.failures, limit.per);
        let pool = Arc::new(HashPool::beside_workers());
        Self {
            authority,
            lookups,
            clock,
            pool,
            attempts: Arc::new(Attempts::new(limit.map(|limit| (limit.failures, limit.per)))),
            shared_attempts: redis.zip(limit).map(shared),
            hashed_keys: Arc::new(KeyedSemaphore::new(1)),
            counted_keys: Arc::new(KeyedSemaphore::new(COUNTED_KEYS_PER_ADDRESS)),
            hashed_passwords: Arc::new(KeyedSemaphore::new(PASSWORDS_PER_ADDRESS)),
            old_keys: Mutex::default(),
        }
    }

    pub(crate) fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    pub(crate) fn pool(&self) -> &HashPool {
        &self.pool
    }

    pub(crate) fn attempts(&self) -> &Attempts {
        &self.attempts
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
        let known = || self.authority.authenticate_known_password(name, &password, peer);
        let verified = match known() {
            Some(Err(error)) => {
                self.begin(peer, Some(name))?.fail();
                Err(error)
            }
            Some(Ok(user)) => Ok(user),
            None => self.hash_password(name, &password, peer).await?,
        };
        verified.map_err(|error| SecretError::invalid(error.to_string(), None))
    }

    /// Hashes a password, unless it is known by the time that its turn comes.
    async fn hash_password(
        &self,
        name: &str,
        password: &SecretString,
        peer: Option<IpAddr>,
    ) -> Result<Result<Principal, PasswordError>, SecretError> {
        let known = || self.authority.authenticate_known_password(name, password, peer);
        self.admit(peer, Some(name))?;
        let slot = self.hashed_passwords.acquire(attempts::network(peer)).await;
        if let Some(known) = known() {
            return Ok(known);
        }
        let attempt = self.begin(peer, Some(name))?;
        let shared_attempt = self.begin_shared(peer, Some(name), PASSWORD_COUNT_TIME).await?;
        let permit = self.permit(SecretKind::Password).await?;
        if let Some(known) = known() {
            return Ok(known);
        }
        let (authority, name, password) =
            (Arc::clone(&self.authority), name.to_owned(), password.clone());
        run(permit, move || {
            let _slot = slot;
            let verified = authority.authenticate_password(&name, &password, peer);
            // Here, because a peer that has hung up in the meantime has tried all the same.
            if verified.is_err() {
                attempt.fail();
                shared_attempt.into_iter().for_each(SharedAttempt::fail);
            }
            verified
        })
        .await
    }

    /// Whether the peer may make an attempt.
    pub(super) fn admit(
        &self,
        peer: Option<IpAddr>,
        name: Option<&str>,
    ) -> Result<(), SecretError> {
        self.attempts.admit(peer, name, Instant::now()).map_err(too_many)
    }

    pub(super) fn begin(
        &self,
        peer: Option<IpAddr>,
        name: Option<&str>,
    ) -> Result<Attempt, SecretError> {
        self.attempts.begin(peer, name, Instant::now()).map_err(too_many)
    }

    /// Begins it at all replicas together; none where they share nothing, or cannot at the moment.
    pub(super) async fn begin_shared(
        &self,
        peer: Option<IpAddr>,
        name: Option<&str>,
        time: Duration,
    ) -> Result<Option<SharedAttempt>, SecretError> {
        let Some(shared) = &self.shared_attempts else { return Ok(None) };
        let begun = shared.begin(peer, name, time).await;
        begun.or_else(|wait| self.attempts.count(Err(wait)).map(|()| None)).map_err(too_many)
    }

    pub(super) async fn permit(&self, kind: SecretKind) -> Result<Permit, SecretError> {
        let permit = self.pool.acquire(kind).await;
        permit.map_err(|full| SecretError::Unavailable(Refusal::overloaded(full.retry_after)))
    }
}

fn too_many(wait: Duration) -> SecretError {
    SecretError::Unavailable(Refusal::too_many_requests(wait))
}

pub(super) async fn run<T: Send + 'static>(
    permit: Permit,
    hash: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SecretError> {
    let hashed = permit.run(hash).await;
    hashed.map_err(|error| {
        SecretError::Unavailable(Refusal::internal(format!("cannot hash: {error}")))
    })
}

impl SecretError {
    pub(super) fn invalid(reason: impl Into<String>, key_id: Option<&KeyId>) -> Self {
        Self::Invalid { reason: reason.into(), key_id: key_id.map(ToString::to_string) }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        num::NonZero,
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use actix_web::rt::time::{sleep, timeout};
    use futures_util::{FutureExt, future::join_all};
    use secrecy::ExposeSecret;

    use super::*;
    use crate::{
        diagnostics::Diagnostics,
        oauth::{Roles, Scopes, Subject},
        roster::{
            api_key::ApiKey,
            client_record::ClientRecord,
            new_api_key::NewApiKey,
            roster::{LoadedRoster, Roster},
        },
        server::{
            credentials::lookups::{BoxError, Clients},
            http::code::Code,
            testing::TestGate,
        },
    };

    const PEER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    /// A verifier that hashes one secret at a time, slowly, and allows one failure an hour; and a valid API key.
    fn verifier() -> (SecretVerifier, ApiKey) {
        let (fleet, now) = (Subject::parse("fleet").unwrap(), Clock::default().now());
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
                ..SecretVerifier::new(
                    authority,
                    Arc::default(),
                    Clock::default(),
                    Some(limit),
                    None,
                )
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

    /// Knows one key, and answers after others had the time to ask.
    #[derive(Clone)]
    struct Slow(KeyId, String, Arc<AtomicUsize>);

    impl Clients for Slow {
        async fn find(&self, key_id: &KeyId) -> Result<Option<ClientRecord>, BoxError> {
            self.2.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(5)).await;
            let record = || ClientRecord::new("shop", &self.1);
            Ok((*key_id == self.0).then(record).transpose()?)
        }
    }

    #[actix_web::test]
    async fn keys_that_are_made_up_at_once_hardly_reach_the_application_and_do_not_lock_out_proven_ones()
     {
        let key = NewApiKey::generate().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let clients = Slow(key.id().clone(), key.hash().to_owned(), Arc::clone(&asked));
        let (verifier, _) = verifier();
        verifier.lookups.set_clients(clients);
        let good = || verifier.verify_key(key.expose(), None, PEER);
        assert!(good().await.is_ok());
        let made_up: Vec<_> = (0..50).map(|_| NewApiKey::generate().unwrap()).collect();
        let wrong = |key: &NewApiKey| {
            let key = key.expose().to_owned();
            let verifier = &verifier;
            async move { verifier.verify_key(&key, None, PEER).await }
        };
        // Those who hang up have tried as well.
        let hung_up = timeout(Duration::from_millis(1), wrong(&made_up[0])).await;
        assert!(hung_up.is_err());
        let refused = join_all(made_up.iter().skip(1).map(wrong)).await;
        assert!(refused.iter().all(Result::is_err));
        assert_eq!(asked.load(Ordering::Relaxed), 2, "the limit is one failure");
        verifier.lookups.age_clients();
        assert!(good().await.is_ok(), "it was proven before");
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
