//! Proves API keys and passwords: known ones at once, others in the lane, for peers that have not failed too often.
//!
//! Must not know which scheme or form they came in.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::http::header::RETRY_AFTER;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::{authority::Authority, config::RateLimit, principal::Principal, roster::ApiKey};

use crate::server::{
    credentials::{attempts::Attempts, hash_pool::Lane},
    http::{code::Code, refusal::Refusal},
};

/// The longest time, in seconds, that `Retry-After` says.
pub(crate) const LONGEST_WAIT: u64 = 60 * 60;

/// Who proves secrets, where that is slow, and how often it may fail.
#[derive(Debug)]
pub(crate) struct Secrets {
    authority: Arc<Authority>,
    lane: Arc<Lane>,
    attempts: Arc<Attempts>,
}

/// Why an API key is bad, for the log.
pub(crate) struct KeyFault {
    pub(crate) reason: String,
    pub(crate) key_id: Option<String>,
}

impl Secrets {
    /// Proves through `authority`, with so many failures allowed to one peer.
    pub(crate) fn new(authority: Arc<Authority>, limit: Option<RateLimit>) -> Self {
        let (lane, attempts) = (Lane::beside_serving().into(), Attempts::new(limit).into());
        Self { authority, lane, attempts }
    }

    /// Where secrets are hashed.
    pub(crate) fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Who failed.
    pub(crate) fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// Proves an API key, and that it is `name`'s where one is given (RFC 6749 §2.3.1).
    ///
    /// # Errors
    /// Outside when nobody can tell now: `too_many_requests`, `overloaded`, or a fault of hallpass itself. Inside when
    /// the key is bad or another client's.
    pub(crate) async fn prove_key(
        &self,
        text: &str,
        name: Option<&str>,
        peer: Option<IpAddr>,
    ) -> Result<Result<Arc<Principal>, KeyFault>, Refusal> {
        let bad = |reason: String, key_id| Ok(Err(KeyFault { reason, key_id }));
        let Ok(key) = ApiKey::parse(text) else {
            self.admit(peer)?;
            self.attempts.failed(peer, Instant::now());
            return bad("the API key is malformed".to_owned(), None);
        };
        let recall = || self.authority.recall(&key, Timestamp::now());
        let proven = match recall() {
            Some(known) => known,
            None => {
                let (authority, own) = (Arc::clone(&self.authority), key.clone());
                let hash = move || authority.authenticate_key(&own, Timestamp::now());
                self.prove_slowly(peer, recall, hash).await.map_err(|it| it.about(key.id()))?
            }
        };
        let id = || Some(key.id().to_string());
        match proven {
            Ok(principal) if name.is_some_and(|name| name != principal.subject()) => {
                self.attempts.failed(peer, Instant::now());
                bad("the API key belongs to another client than the one named".to_owned(), id())
            }
            Ok(principal) => Ok(Ok(principal)),
            Err(refusal) => bad(refusal.to_string(), id()),
        }
    }

    /// Proves a user by name and password.
    ///
    /// # Errors
    /// Outside as [`Self::prove_key`]; inside why the password is bad, for the log.
    pub(crate) async fn prove_user(
        &self,
        name: &str,
        password: SecretString,
        peer: Option<IpAddr>,
    ) -> Result<Result<Principal, String>, Refusal> {
        let (authority, name) = (Arc::clone(&self.authority), name.to_owned());
        let hash = move || authority.authenticate_password(&name, &password);
        let proven = self.prove_slowly(peer, || None, hash).await?;
        Ok(proven.map_err(|refusal| refusal.to_string()))
    }

    /// What `hash` finds out in the lane, unless `recall` knows when its turn comes.
    async fn prove_slowly<T: Send + 'static, E: Send + 'static>(
        &self,
        peer: Option<IpAddr>,
        recall: impl Fn() -> Option<Result<T, E>>,
        hash: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, Refusal> {
        self.admit(peer)?;
        let turn = self.lane.turn().await.map_err(|full| {
            let detail = "More secrets wait to be checked than this service takes on.";
            not_now(Code::Overloaded, detail, full.retry_after)
        })?;
        // Meanwhile the same key may have been proven, or other attempts of the peer failed.
        if turn.has_waited {
            if let Some(known) = recall() {
                return Ok(known);
            }
            self.admit(peer)?;
        }
        let attempts = Arc::clone(&self.attempts);
        let counted = move || {
            let proven = hash();
            // Here, since whoever hangs up in the meantime has tried all the same.
            if proven.is_err() {
                attempts.failed(peer, Instant::now());
            }
            proven
        };
        turn.run(counted).await.map_err(|error| Refusal::internal(format!("no hashing: {error}")))
    }

    fn admit(&self, peer: Option<IpAddr>) -> Result<(), Refusal> {
        self.attempts.admit(peer, Instant::now()).map_err(|wait| {
            not_now(Code::TooManyRequests, "Too many attempts from this address failed.", wait)
        })
    }
}

/// A refusal that says when to come again (RFC 9110 §10.2.3).
fn not_now(code: Code, what: &str, wait: Duration) -> Refusal {
    let seconds = wait.as_millis().div_ceil(1000).clamp(1, LONGEST_WAIT.into());
    Refusal::new(code, format!("{what} Try again in {seconds} s."))
        .header(RETRY_AFTER, &seconds.to_string())
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use actix_web::rt::time::{sleep, timeout};
    use futures_util::{FutureExt, future::join_all};
    use secrecy::ExposeSecret;

    use super::*;
    use crate::server::testing::TestGate;
    use crate::{
        diagnostics::Diagnostics,
        oauth::{Roles, Scopes, Subject},
        roster::{LoadedRoster, Roster},
    };

    const PEER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    /// Secrets that are hashed one by one and slowly, of which one may be wrong in an hour; and a good one.
    fn secrets() -> (Secrets, ApiKey) {
        let (fleet, now) = (Subject::parse("fleet").unwrap(), Timestamp::now());
        let roster = Roster::default();
        let (roster, key) =
            roster.with_client(&fleet, Roles::new(), Scopes::default(), 10, now).unwrap();
        let authority = Arc::clone(TestGate::new().shared_authority());
        let checked = LoadedRoster { roster, warnings: Diagnostics::default() };
        authority.reload(Ok(checked), now).unwrap();
        let limit = RateLimit { failures: NonZero::<u32>::MIN, per: Duration::from_secs(3600) };
        (Secrets { lane: Lane::new(1).into(), ..Secrets::new(authority, Some(limit)) }, key)
    }

    fn text(key: &ApiKey) -> String {
        key.expose().expose_secret().to_owned()
    }

    #[actix_web::test]
    async fn many_that_come_at_once_with_one_key_are_one_bcrypt() {
        let (secrets, key) = secrets();
        let key = text(&key);
        let proven = join_all((0..50).map(|_| secrets.prove_key(&key, None, PEER))).await;
        assert!(proven.iter().all(|proven| matches!(proven, Ok(Ok(_)))));
        assert_eq!(secrets.lane().done().0, 1);
    }

    #[actix_web::test]
    async fn who_hangs_up_while_the_secret_is_hashed_has_tried() {
        let (secrets, _) = secrets();
        let unknown = text(&ApiKey::generate());
        let _ = Box::pin(secrets.prove_key(&unknown, None, PEER)).now_or_never();
        let hashed = async {
            while secrets.lane().done().0 == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(Duration::from_secs(20), hashed).await.expect("it is hashed to the end");
        let again = secrets.prove_key(&unknown, None, PEER).await;
        assert!(again.is_err_and(|refusal| refusal.code == Code::TooManyRequests));
        assert_eq!((secrets.lane().done().0, secrets.attempts().limited()), (1, 1));
    }
}
