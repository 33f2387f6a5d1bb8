//! What is asked of the application while a request waits: each question has its time, and a panic is an answer too.

use std::{
    error::Error, fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration,
};

use arc_swap::ArcSwapOption;
use futures_util::FutureExt;
use tokio::time::timeout;

use crate::{authority::account::AccountStatus, oauth::AccountId, server::limits::LOOKUP_TIME};

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
    /// How long an answer may take.
    time: Duration,
}

impl Default for Lookups {
    fn default() -> Self {
        Self { accounts: ArcSwapOption::empty(), time: LOOKUP_TIME }
    }
}

impl Lookups {
    /// From now on accounts are looked up here.
    pub(crate) fn set_accounts(&self, accounts: impl Accounts) {
        self.accounts.store(Some(Arc::new(Box::new(accounts))));
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
        let accounts = self.accounts.load().is_some();
        f.debug_struct("Lookups").field("accounts", &accounts).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

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
}
