//! What is asked of the application while a request waits: each question has its time, and a panic is an answer too.

use std::{
    error::Error,
    fmt,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use futures_util::FutureExt;
use quick_cache::sync::Cache;
use tokio::time::timeout;

use crate::{
    authority::account::AccountStatus,
    oauth::{AccountId, KeyId},
    roster::client_record::{ClientRecord, SourcedClient},
    server::limits::{CLIENT_REMEMBERED, CLIENTS_REMEMBERED, LOOKUP_TIME},
};

/// Whatever went wrong in the application; the log shows it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The people whom the application knows: what each of them may do now.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex};
///
/// use hallpass::{AccountId, AccountStatus, Accounts, BoxError};
///
/// /// The roles of each account.
/// struct People(Mutex<HashMap<String, Vec<String>>>);
///
/// impl Accounts for People {
///     async fn find(&self, account: &AccountId) -> Result<Option<AccountStatus>, BoxError> {
///         let roles = self.0.lock().unwrap().get(account.as_str()).cloned();
///         Ok(roles.map(|roles| AccountStatus::new().roles(roles)).transpose()?)
///     }
/// }
/// ```
pub trait Accounts: Send + Sync + 'static {
    /// What this account may do now; none if there is no such account.
    ///
    /// It is asked for every request with a token for an account. It may remember its answers, for as long as a role that
    /// was taken away may still count. It must not block the thread: a database without an async interface is asked in
    /// `web::block`. What takes longer than five seconds counts as failed.
    ///
    /// # Errors
    /// The request is answered with 503.
    fn find(
        &self,
        account: &AccountId,
    ) -> impl Future<Output = Result<Option<AccountStatus>, BoxError>> + Send;
}

/// Clients that the application keeps elsewhere than in the roster, for instance in a table of API keys.
///
/// The roster comes first: a key that is in it is not looked up, and a client that has the name of one of its clients or
/// users is refused.
pub trait Clients: Send + Sync + 'static {
    /// The key with this id and its client; none if there is no such key.
    ///
    /// It is asked for API keys that are not in the roster, and for the tokens that were issued for them. An answer is
    /// remembered for five seconds. It must not block the thread: a database without an async interface is asked in
    /// `web::block`. What takes longer than five seconds counts as failed.
    ///
    /// # Errors
    /// The request is answered with 503.
    fn find(
        &self,
        key_id: &KeyId,
    ) -> impl Future<Output = Result<Option<ClientRecord>, BoxError>> + Send;
}

/// [`Clients`] of any type.
trait AnyClients: Send + Sync {
    fn find<'a>(&'a self, key_id: &'a KeyId) -> Answer<'a, Option<ClientRecord>>;
}

impl<C: Clients> AnyClients for C {
    fn find<'a>(&'a self, key_id: &'a KeyId) -> Answer<'a, Option<ClientRecord>> {
        Box::pin(async move { Clients::find(self, key_id).await })
    }
}

/// Clients of the application, and those of them that were asked for a moment ago.
struct KnownClients {
    source: Box<dyn AnyClients>,
    recent: Cache<KeyId, (Arc<SourcedClient>, Instant)>,
}

/// [`Accounts`] of any type.
trait AnyAccounts: Send + Sync {
    fn find<'a>(&'a self, account: &'a AccountId) -> Answer<'a, Option<AccountStatus>>;
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send + 'a>>;

impl<A: Accounts> AnyAccounts for A {
    fn find<'a>(&'a self, account: &'a AccountId) -> Answer<'a, Option<AccountStatus>> {
        // Called when it is polled: what panics before its future is there is caught as well.
        Box::pin(async move { Accounts::find(self, account).await })
    }
}

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LookupError {
    /// Nobody can be asked.
    #[error("the application has nobody to ask")]
    Nobody,
    /// It failed, for the log.
    #[error("{0}")]
    Failed(String),
}

/// Whom the application lets us ask.
pub(crate) struct Lookups {
    accounts: ArcSwapOption<Box<dyn AnyAccounts>>,
    clients: ArcSwapOption<KnownClients>,
    /// How long an answer may take.
    time: Duration,
}

impl Default for Lookups {
    fn default() -> Self {
        Self {
            accounts: ArcSwapOption::empty(),
            clients: ArcSwapOption::empty(),
            time: LOOKUP_TIME,
        }
    }
}

impl Lookups {
    /// From now on accounts are looked up here.
    pub(crate) fn set_accounts(&self, accounts: impl Accounts) {
        self.accounts.store(Some(Arc::new(Box::new(accounts))));
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn has_accounts(&self) -> bool {
        self.accounts.load().is_some()
    }

    /// What an account may do now; none if there is none.
    ///
    /// # Errors
    /// Nobody can be asked, it failed, took too long, or panicked.
    pub(crate) async fn account(
        &self,
        account: &AccountId,
    ) -> Result<Option<AccountStatus>, LookupError> {
        let accounts = self.accounts.load_full().ok_or(LookupError::Nobody)?;
        self.ask("the account", accounts.find(account)).await
    }

    /// Whether API keys that are not in the roster can be looked up.
    pub(crate) fn has_clients(&self) -> bool {
        self.clients.load().is_some()
    }

    /// From now on API keys that are not in the roster are looked up here.
    pub(crate) fn set_clients(&self, clients: impl Clients) {
        let recent = Cache::new(CLIENTS_REMEMBERED);
        self.clients.store(Some(Arc::new(KnownClients { source: Box::new(clients), recent })));
    }

    /// The client that has this API key, if it was asked for a moment ago.
    pub(crate) fn recent_client(&self, key_id: &KeyId, now: Instant) -> Option<Arc<SourcedClient>> {
        let clients = self.clients.load();
        let (client, asked) = clients.as_ref()?.recent.get(key_id)?;
        (now.saturating_duration_since(asked) < CLIENT_REMEMBERED).then_some(client)
    }

    /// The client that had this API key when it was asked for last, however long ago that was.
    pub(crate) fn last_client(&self, key_id: &KeyId) -> Option<Arc<SourcedClient>> {
        let (client, _) = self.clients.load().as_ref()?.recent.get(key_id)?;
        Some(client)
    }

    /// Nothing counts as asked a moment ago.
    #[cfg(test)]
    pub(crate) fn age_clients(&self) {
        for (key_id, (client, asked)) in
            self.clients.load().iter().flat_map(|clients| clients.recent.iter())
        {
            let asked = asked.checked_sub(CLIENT_REMEMBERED).unwrap();
            let clients = self.clients.load();
            clients
                .iter()
                .for_each(|one| one.recent.insert(key_id.clone(), (client.clone(), asked)));
        }
    }

    /// The client that has this API key; none if there is none.
    ///
    /// # Errors
    /// Nobody can be asked, it failed, took too long, or panicked.
    pub(crate) async fn client(
        &self,
        key_id: &KeyId,
    ) -> Result<Option<Arc<SourcedClient>>, LookupError> {
        // The answer counts from the question on: it may be old when it arrives.
        let asked = Instant::now();
        if let Some(recent) = self.recent_client(key_id, asked) {
            return Ok(Some(recent));
        }
        let clients = self.clients.load_full().ok_or(LookupError::Nobody)?;
        let found = self.ask("the API key", clients.source.find(key_id)).await?;
        let found = found.map(|record| Arc::new(SourcedClient::new(key_id.clone(), record)));
        match &found {
            Some(client) => clients.recent.insert(key_id.clone(), (Arc::clone(client), asked)),
            None => drop(clients.recent.remove(key_id)),
        }
        Ok(found)
    }

    async fn ask<T>(&self, what: &str, answer: Answer<'_, T>) -> Result<T, LookupError> {
        let failed =
            |how: fmt::Arguments<'_>| LookupError::Failed(format!("the lookup of {what} {how}"));
        match timeout(self.time, AssertUnwindSafe(answer).catch_unwind()).await {
            Ok(Ok(Ok(found))) => Ok(found),
            Ok(Ok(Err(error))) => Err(failed(format_args!("failed: {error}"))),
            Ok(Err(_)) => Err(failed(format_args!("panicked"))),
            Err(_) => Err(failed(format_args!("took longer than {:?}", self.time))),
        }
    }
}

impl fmt::Debug for Lookups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accounts, clients) = (self.accounts.load().is_some(), self.clients.load().is_some());
        let mut shown = f.debug_struct("Lookups");
        shown.field("accounts", &accounts).field("clients", &clients).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// Answers by the name of the account.
    struct Odd;

    impl Accounts for Odd {
        async fn find(&self, account: &AccountId) -> Result<Option<AccountStatus>, BoxError> {
            match account.as_str() {
                "good" => Ok(Some(AccountStatus::new())),
                "gone" => Ok(None),
                "broken" => Err("the disk is full".into()),
                "hanging" => pending().await,
                _ => panic!("never heard of"),
            }
        }
    }

    /// Panics before there is a future.
    struct Early;

    impl Accounts for Early {
        fn find(
            &self,
            _: &AccountId,
        ) -> impl Future<Output = Result<Option<AccountStatus>, BoxError>> + Send {
            if true {
                panic!("too early");
            }
            async { Ok(None) }
        }
    }

    async fn ask(lookups: &Lookups, id: &str) -> Result<Option<AccountStatus>, String> {
        let found = lookups.account(&AccountId::parse(id).unwrap()).await;
        found.map_err(|error| error.to_string())
    }

    #[actix_web::test]
    async fn a_lookup_that_fails_hangs_or_panics_is_an_error() {
        let lookups = Lookups { time: Duration::from_millis(50), ..Lookups::default() };
        assert_eq!(ask(&lookups, "good").await, Err("the application has nobody to ask".into()));
        lookups.set_accounts(Odd);
        assert_eq!(ask(&lookups, "good").await, Ok(Some(AccountStatus::new())));
        assert_eq!(ask(&lookups, "gone").await, Ok(None));
        for (id, error) in [
            ("broken", "the lookup of the account failed: the disk is full"),
            ("hanging", "the lookup of the account took longer than 50ms"),
            ("odd", "the lookup of the account panicked"),
        ] {
            assert_eq!(ask(&lookups, id).await, Err(error.into()));
        }
        lookups.set_accounts(Early);
        assert_eq!(ask(&lookups, "good").await, Err("the lookup of the account panicked".into()));
    }

    /// Counts how often it is asked; every key is that of one client.
    #[derive(Clone, Default)]
    struct Keys(Arc<AtomicUsize>);

    impl Clients for Keys {
        async fn find(&self, key_id: &KeyId) -> Result<Option<ClientRecord>, BoxError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            match key_id.as_str() {
                "000000000000" => Ok(None),
                _ => Ok(Some(ClientRecord::new("shop", HASH)?)),
            }
        }
    }

    const HASH: &str = "$2b$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";

    #[actix_web::test]
    async fn only_found_clients_are_remembered_and_not_for_long() {
        let (lookups, keys) = (Lookups::default(), Keys::default());
        lookups.set_clients(keys.clone());
        let asked = || keys.0.load(Ordering::Relaxed);
        let (known, unknown) =
            (KeyId::parse("4fQz81LmXc0a").unwrap(), KeyId::parse("000000000000").unwrap());
        for (key_id, count) in [(&known, 1), (&known, 1), (&unknown, 2), (&unknown, 3), (&known, 3)]
        {
            let found = lookups.client(key_id).await.unwrap();
            assert_eq!((found.is_some(), asked()), (key_id == &known, count), "{key_id}");
        }
        let now = Instant::now();
        assert!(lookups.recent_client(&known, now).is_some());
        assert!(lookups.recent_client(&known, now + CLIENT_REMEMBERED).is_none());
        lookups.set_clients(keys.clone());
        assert!(lookups.recent_client(&known, now).is_none(), "another source knows others");
    }
}
