//! The authority's part for backends behind a proxy: a token with which they can verify for themselves who sent a
//! request. It is remembered for a minute, so that it costs no signature each time.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    authority::{
        authority::{Authority, spec},
        cache_usage::CacheUsage,
        issue_request::IssueError,
    },
    oauth::account_id::AccountSubject,
    principal::Principal,
    tokens::access_tokens::{IssuedToken, TokenSpec},
};

/// How long these tokens live, unless all tokens live shorter.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// How long they are remembered, unless that is more than half of their life.
const REMEMBERED: Duration = Duration::from_secs(60);

impl Authority {
    /// The token that [`Self::issue_backend_token`] issued for just this principal, if it is remembered and still good.
    pub(crate) fn recent_backend_token(
        &self,
        of: &Principal,
        now: Timestamp,
    ) -> Option<Arc<IssuedToken>> {
        // The roster has the principal, who was authenticated just now. Only the token itself may have been revoked.
        let (roster, keyring) = (self.roster.load(), self.tokens.keyring.load());
        let recent = self.recent_tokens.find(of, &roster, &keyring, now);
        recent.filter(|token| !self.is_revoked(&token.id))
    }

    /// Issues a token for a backend, and remembers it. It never allows more, nor lives longer, than the credential of
    /// the principal. A token for a subject of another issuer is not accepted here.
    ///
    /// # Errors
    /// The token cannot be signed, or would be too long.
    pub(crate) fn issue_backend_token(
        &self,
        of: &Arc<Principal>,
        now: Timestamp,
    ) -> Result<Arc<IssuedToken>, IssueError> {
        let (roster, keyring) = (self.roster.load(), self.tokens.keyring.load());
        let options = of.ours().and_then(|(subject, _)| roster.options(of.key_id(), subject));
        let lifetime = self.longest(options).min(LIFETIME);
        // A client or user that may have no token of ours gets its default one.
        let own = &self.tokens.audience;
        let foreign = options.filter(|options| !options.may_have(own, own));
        let audience = foreign.and_then(|options| options.audiences.first()).cloned();
        let issued = match (of.ours(), of.qualified(), of.account()) {
            (Some((subject, client_id)), _, _) => {
                let names = (subject.clone(), client_id.clone());
                self.tokens.issue(TokenSpec { audience, ..spec(of, names, lifetime, now) }, now)
            }
            (None, Some(names), _) => self.tokens.issue(spec(of, names, lifetime, now), now),
            (None, None, Some(account)) => {
                let names = (AccountSubject::new(account.clone()), self.tokens.issuer.clone());
                self.tokens.issue(spec(of, names, lifetime, now), now)
            }
            (None, None, None) => return Err(IssueError::Foreign),
        };
        let token = Arc::new(issued?);
        let time = REMEMBERED.min(lifetime / 2);
        self.recent_tokens.add(of, &token, &roster, &keyring, now, time);
        Ok(token)
    }

    /// The usage of the cache of tokens for backends.
    pub(crate) fn backend_token_cache(&self) -> CacheUsage {
        self.recent_tokens.usage()
    }
}
