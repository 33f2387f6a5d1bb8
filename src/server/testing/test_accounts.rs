//! Accounts in memory, for tests of applications that have none of their own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    authority::account::AccountStatus,
    oauth::{AccountId, Role, Roles, Scope, Scopes},
    server::credentials::lookups::{Accounts, BoxError},
};

/// Each account with the roles and scopes that tokens were made with.
#[derive(Debug, Clone, Default)]
pub(super) struct TestAccounts(Arc<Mutex<HashMap<String, (Roles, Scopes)>>>);

impl TestAccounts {
    /// Gives an account these roles and scopes beside those of before.
    pub(super) fn grant(&self, id: &str, roles: &Roles, scopes: &Scopes) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (granted_roles, granted_scopes) = all.entry(id.to_owned()).or_default();
        granted_roles.extend(roles.iter().cloned());
        *granted_scopes = granted_scopes.iter().chain(scopes.iter()).cloned().collect();
    }
}

impl Accounts for TestAccounts {
    async fn find(&self, account: &AccountId) -> Result<Option<AccountStatus>, BoxError> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((roles, scopes)) = all.get(account.as_str()) else { return Ok(None) };
        Ok(Some(status(roles, scopes)))
    }
}

/// What an account with these roles and scopes may do.
pub(super) fn status(roles: &Roles, scopes: &Scopes) -> AccountStatus {
    let status = AccountStatus::new().roles(roles.iter().map(Role::as_str));
    let status = status.and_then(|status| status.scopes(scopes.iter().map(Scope::as_str)));
    status.expect("they were read before")
}
