//! The authority's part for accounts: the application says what they may do, at every single token.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    authority::{
        account::{Account, AccountError, AccountStatus},
        authority::Authority,
    },
    oauth::{Role, Scope},
    principal::Principal,
    tokens::{
        access_tokens::{IssuedToken, TokenSpec},
        claims::VerifiedAccountToken,
        token_error::TokenError,
    },
};

/// How far ahead the clock may be that `valid_since` was taken from.
const CLOCK_ERROR: Duration = Duration::from_secs(10);

impl Authority {
    /// Issues a token for an account whose status is this.
    ///
    /// # Errors
    /// The account is disabled, or more is asked for than it has, or the token cannot be signed or would be too long.
    pub(crate) fn issue_to_account(
        &self,
        account: &Account,
        status: &AccountStatus,
        now: Timestamp,
    ) -> Result<IssuedToken, AccountError> {
        if status.is_disabled {
            return Err(AccountError::Disabled(account.id().clone()));
        }
        let roles = account.roles.as_ref().unwrap_or(&status.roles);
        let scopes = account.scopes.as_ref().unwrap_or(&status.scopes);
        let new_roles = roles.difference(&status.roles).map(Role::as_str);
        let new_scopes = scopes.iter().filter(|scope| !status.scopes.contains(scope));
        let beyond: Vec<_> = new_roles.chain(new_scopes.map(Scope::as_str)).collect();
        if !beyond.is_empty() {
            return Err(AccountError::NotGranted(beyond.join(" ")));
        }
        let longest = self.tokens.lifetime;
        let lifetime = account.lifetime.unwrap_or(longest);
        if lifetime > longest {
            return Err(AccountError::Lifetime(longest));
        }
        let issued_at = issue_time(status, now);
        let issued_at = issued_at.ok_or_else(|| AccountError::Disabled(account.id().clone()))?;
        let spec = TokenSpec {
            subject: account.subject.clone(),
            // Not the account itself: others take a subject that is its own client for a machine.
            client_id: self.tokens.issuer.clone(),
            roles: roles.clone(),
            scopes: scopes.clone(),
            key_id: None,
            audience: None,
            parent: None,
            custom: account.claims.clone(),
            expires_at: now.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
        };
        Ok(self.tokens.issue(spec, issued_at)?)
    }

    /// The principal of a token for an account, with the roles and scopes that the account still has.
    ///
    /// # Errors
    /// The account is gone or disabled, or the token was issued too long ago.
    pub(crate) fn admit_account(
        &self,
        token: &VerifiedAccountToken,
        status: Option<&AccountStatus>,
    ) -> Result<Principal, TokenError> {
        let is_too_old = |since: &Timestamp| token.issued_at() < *since;
        match status {
            Some(status)
                if !status.is_disabled && !status.valid_since.as_ref().is_some_and(is_too_old) =>
            {
                Ok(token.clone().limited_to(&status.roles, &status.scopes).into())
            }
            Some(_) | None => Err(TokenError::Withdrawn),
        }
    }
}

/// `iat`, which has whole seconds: `now`, or the next second after `valid_since` where `now` is in the second of that. The
/// new token is younger, and one that was issued in that second before is not. None where that is in the future.
fn issue_time(status: &AccountStatus, now: Timestamp) -> Option<Timestamp> {
    let Some(since) = status.valid_since else { return Some(now) };
    let second = since.as_second() + i64::from(since.subsec_nanosecond() > 0);
    let second = Timestamp::from_second(second).ok()?;
    (since <= now.saturating_add(CLOCK_ERROR).ok()?).then_some(second.max(now))
}
