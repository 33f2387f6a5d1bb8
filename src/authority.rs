//! Proves presented credentials, issues and revokes tokens.
//!
//! Must not know OpenAPI: what an operation demands is decided in `policy`.

mod external_tokens;
mod issue;
mod reload;
#[cfg(test)]
mod tests;
mod token_cache;
mod uses;

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

pub(crate) use self::{
    issue::{IssueError, IssueRequest, RevokeError},
    reload::RosterStatus,
};
use self::{
    token_cache::{CachedToken, TokenCache},
    uses::Uses,
};
use crate::{
    principal::{Principal, Proof},
    roster::{ApiKey, ApiKeyCache, ApiKeyError, PasswordError, Roster, VerifiedKey},
    tokens::{ExternalIssuers, IssuedToken, JwkSet, TokenError, TokenSpec, Tokens, VerifiedToken},
};

/// Proves, issues and revokes: the one owner of roster and tokens.
#[derive(Debug)]
pub(crate) struct Authority {
    roster: ArcSwap<Roster>,
    roster_status: ArcSwap<RosterStatus>,
    tokens: Tokens,
    token_cache: TokenCache,
    issuers: ExternalIssuers,
    api_key_cache: ApiKeyCache,
    uses: Uses,
}

/// What a cache is good for, since the start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CacheUsage {
    /// What was looked for and known.
    pub hits: u64,
    /// What was looked for and not known.
    pub misses: u64,
    /// The memory in use, about.
    pub bytes: u64,
}

impl Authority {
    /// An authority over this roster and these tokens.
    pub(crate) fn new(roster: Roster, tokens: Tokens) -> Self {
        Self {
            roster: ArcSwap::from_pointee(roster),
            roster_status: ArcSwap::default(),
            tokens,
            token_cache: TokenCache::default(),
            issuers: ExternalIssuers::default(),
            api_key_cache: ApiKeyCache::default(),
            uses: Uses::default(),
        }
    }

    /// The roster as it is now.
    pub(crate) fn roster(&self) -> Arc<Roster> {
        self.roster.load_full()
    }

    /// `iss` of the tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.tokens.issuer
    }

    /// `aud` of the tokens.
    pub(crate) fn audience(&self) -> &str {
        &self.tokens.audience
    }

    /// The algorithm that signs (RFC 7518 §3.1).
    pub(crate) fn signing_algorithm(&self) -> &'static str {
        self.tokens.keyring.algorithm()
    }

    /// The public keys that verify the tokens (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> &JwkSet {
        self.tokens.keyring.jwks()
    }

    /// Proves an API key with exactly one bcrypt: call it where blocking is fine.
    ///
    /// # Errors
    /// Why it is refused; only the log may tell the reasons apart.
    pub(crate) fn authenticate_key(
        &self,
        key: &ApiKey,
        now: Timestamp,
    ) -> Result<Arc<Principal>, ApiKeyError> {
        let verified = self.api_key_cache.verify(&self.roster.load(), key, now)?;
        Ok(self.used(verified, now))
    }

    /// Proves an API key that [`Self::authenticate_key`] has proven before, without bcrypt; `None` if it has not.
    pub(crate) fn recall(
        &self,
        key: &ApiKey,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, ApiKeyError>> {
        let verified = self.api_key_cache.recall(&self.roster.load(), key, now)?;
        Some(verified.map(|verified| self.used(verified, now)))
    }

    fn used(&self, verified: VerifiedKey, now: Timestamp) -> Arc<Principal> {
        self.uses.note(verified.key_id(), now);
        Arc::new(verified.into())
    }

    /// Proves a user's password with exactly one bcrypt: call it where blocking is fine.
    ///
    /// # Errors
    /// Why it is refused; only the log may tell the reasons apart.
    pub(crate) fn authenticate_password(
        &self,
        name: &str,
        password: &SecretString,
    ) -> Result<Principal, PasswordError> {
        Ok(self.roster.load().verify_password(name, password)?.into())
    }

    /// Proves an access token: first itself, then that whoever it was issued to may still come in.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn authenticate_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Principal>, TokenError> {
        Ok(Arc::clone(&self.verify_token(token, now)?.principal))
    }

    /// A token that was verified before is not verified again; all that may have changed since is asked anew.
    fn verify_token(&self, token: &str, now: Timestamp) -> Result<Arc<CachedToken>, TokenError> {
        let proven = match self.token_cache.find(token) {
            Some(proven) => {
                self.tokens.check(&proven.token, now)?;
                proven
            }
            None => self.token_cache.add(token, self.tokens.verify(token, now)?),
        };
        if self.is_welcome(&proven.token, now) { Ok(proven) } else { Err(TokenError::Withdrawn) }
    }

    fn is_welcome(&self, token: &VerifiedToken, now: Timestamp) -> bool {
        let roster = self.roster.load();
        match token.key_id() {
            Some(id) => {
                roster.check_key(id, now).is_ok_and(|client| client.name == *token.subject())
            }
            None => {
                let made = token.issued_at();
                roster.check_user(token.subject(), token.client_id(), made).is_ok()
            }
        }
    }

    /// What a token of ours is worth now: nothing, or its claims (RFC 7662).
    pub(crate) fn introspect(&self, token: &str, now: Timestamp) -> Option<VerifiedToken> {
        self.verify_token(token, now).ok().map(|proven| proven.token.clone())
    }

    /// Ends a token that was issued to `caller` (RFC 7009). One that is unknown or over is no error; returns the
    /// `jti` of the one that was ended.
    ///
    /// # Errors
    /// [`RevokeError`] for a token that was issued to somebody else.
    pub(crate) fn revoke_token(
        &self,
        caller: &Principal,
        token: &SecretString,
        now: Timestamp,
    ) -> Result<Option<String>, RevokeError> {
        // One that is revoked already may not have reached the disk: it is written again.
        let Ok(token) = self.tokens.examine(token.expose_secret(), now) else { return Ok(None) };
        if caller.ours().is_none_or(|(_, client_id)| token.client_id() != client_id) {
            return Err(RevokeError::NotYours);
        }
        self.tokens.revoke(token.id(), token.expires_at(), now)?;
        Ok(Some(token.id().to_owned()))
    }

    /// Issues a token to a proven principal. It never allows more, nor lives longer, than the proof.
    ///
    /// # Errors
    /// [`IssueError`] for a wish beyond what was granted.
    pub(crate) fn issue(
        &self,
        to: &Principal,
        wish: IssueRequest,
        now: Timestamp,
    ) -> Result<IssuedToken, IssueError> {
        let (subject, client_id) = to.ours().ok_or(IssueError::Foreign)?;
        let scopes = match wish.scopes {
            None => to.scopes().clone(),
            Some(wanted) if wanted.is_subset(to.scopes()) => wanted,
            Some(wanted) => {
                let beyond = wanted.iter().filter(|scope| !to.has_scope(scope)).cloned().collect();
                return Err(IssueError::Scope(beyond));
            }
        };
        let longest = self.tokens.lifetime;
        let lifetime = wish.lifetime.unwrap_or(longest);
        if lifetime > longest {
            return Err(IssueError::Lifetime(longest.as_secs()));
        }
        let end = now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        let spec = TokenSpec {
            subject: subject.clone(),
            client_id: client_id.clone(),
            roles: to.roles().clone(),
            scopes,
            key_id: to.key_id().cloned(),
            expires_at: to.expires_at().map_or(end, |proof_end| end.min(proof_end)),
        };
        Ok(self.tokens.issue(spec, now)?)
    }

    /// Ends the token that proved this principal, as [`Self::revoke_token`] does.
    ///
    /// # Errors
    /// [`RevokeError::NoToken`] when it was proven by something else, or as [`Self::revoke_token`].
    pub(crate) fn revoke(&self, presented: &Principal, now: Timestamp) -> Result<(), RevokeError> {
        match presented.proof() {
            Proof::Token { id, expires_at, .. } => Ok(self.tokens.revoke(id, *expires_at, now)?),
            Proof::ApiKey { .. } | Proof::Password | Proof::ExternalToken { .. } => {
                Err(RevokeError::NoToken)
            }
        }
    }

    /// What was gained by remembering tokens.
    pub(crate) fn token_cache(&self) -> CacheUsage {
        self.token_cache.usage()
    }

    /// What was gained by remembering API keys.
    pub(crate) fn key_cache(&self) -> CacheUsage {
        let (hits, misses, bytes) = self.api_key_cache.usage();
        CacheUsage { hits, misses, bytes }
    }

    /// How many revoked tokens are remembered.
    pub(crate) fn revocations(&self) -> usize {
        self.tokens.revocations.held()
    }
}
