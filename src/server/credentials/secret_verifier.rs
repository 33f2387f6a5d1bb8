//! Verifies API keys and passwords: known keys at once, other secrets in the hash pool, for peers that have not failed
//! too often, here or at another replica.

use std::{
    collections::HashSet,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use actix_web::rt::spawn;
use secrecy::SecretString;
use tokio::time::timeout;

use crate::{
    authority::authority::Authority,
    config::rate_limit::RateLimit,
    oauth::KeyId,
    principal::Principal,
    roster::{
        api_key::{ApiKey, ApiKeySyntaxError},
        client_record::SourcedClient,
        verified_key::ApiKeyError,
        verified_password::PasswordError,
    },
    server::{
        clock::Clock,
        credentials::{
            hash_pool::{HashPool, Permit, SecretKind},
            keyed_semaphore::KeyedSemaphore,
            lookups::Lookups,
        },
        http::refusal::Refusal,
        limits::{
            COUNTED_KEYS_PER_ADDRESS, KEY_COUNT_TIME, LOOKUP_TIME, PASSWORD_COUNT_TIME,
            PASSWORDS_PER_ADDRESS,
        },
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
    authority: Arc<Authority>,
    lookups: Arc<Lookups>,
    clock: Clock,
    pool: Arc<HashPool>,
    attempts: Arc<Attempts>,
    /// Those of all replicas together, where they share their state.
    shared_attempts: Option<SharedAttempts>,
    /// One caller of each key that is not known yet.
    hashed_keys: Arc<KeyedSemaphore<KeyId>>,
    /// So many callers of each address, whose keys count until they are proven: where the application is asked for them,
    /// or where replicas count together.
    counted_keys: Arc<KeyedSemaphore<Option<IpAddr>>>,
    /// So many callers of each address.
    hashed_passwords: Arc<KeyedSemaphore<Option<IpAddr>>>,
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
    fn admit(&self, peer: Option<IpAddr>, name: Option<&str>) -> Result<(), SecretError> {
        self.attempts.admit(peer, name, Instant::now()).map_err(too_many)
    }

    fn begin(&self, peer: Option<IpAddr>, name: Option<&str>) -> Result<Attempt, SecretError> {
        self.attempts.begin(peer, name, Instant::now()).map_err(too_many)
    }

    /// Begins it at all replicas together; none where they share nothing, or cannot at the moment.
    async fn begin_shared(
        &self,
        peer: Option<IpAddr>,
        name: Option<&str>,
        time: Duration,
    ) -> Result<Option<SharedAttempt>, SecretError> {
        let Some(shared) = &self.shared_attempts else { return Ok(None) };
        let begun = shared.begin(peer, name, time).await;
        begun.or_else(|wait| self.attempts.count(Err(wait)).map(|()| None)).map_err(too_many)
    }

    /// Counts an API key that failed, if the peer could make the attempt at all.
    fn fail(&self, peer: Option<IpAddr>) -> Result<(), SecretError> {
        self.begin(peer, None).map(Attempt::fail)
    }

    async fn permit(&self, kind: SecretKind) -> Result<Permit, SecretError> {
        let permit = self.pool.acquire(kind).await;
        permit.map_err(|full| SecretError::Unavailable(Refusal::overloaded(full.retry_after)))
    }
}

fn not_looked_up(reason: impl fmt::Display) -> SecretError {
    SecretError::Unavailable(Refusal::not_looked_up(reason.to_string()))
}

fn too_many(wait: Duration) -> SecretError {
    SecretError::Unavailable(Refusal::too_many_requests(wait))
}

async fn run<T: Send + 'static>(
    permit: Permit,
    hash: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SecretError> {
    let hashed = permit.run(hash).await;
    hashed.map_err(|error| {
        SecretError::Unavailable(Refusal::internal(format!("cannot hash: {error}")))
    })
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
