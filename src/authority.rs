//! Proves presented credentials, issues and revokes tokens.
//!
//! Must not know OpenAPI: what an operation demands is decided in `policy`.

mod issuers;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::{
    oauth::{KeyId, Scopes},
    principal::{Principal, Proof},
    roster::{ApiKey, KeyRefusal, Roster},
    tokens::{Grant, Issued, Issuers, TokenRefusal, Tokens},
};

/// What a caller may ask for beyond "a token, please".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// Only these scopes; all that were granted, where nothing is said.
    pub scopes: Option<Scopes>,
    /// A shorter life; whole seconds.
    pub lifetime: Option<Duration>,
}

/// Why no token is issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueRefusal {
    /// A scope was asked for that was not granted (RFC 6749 §5.2, `invalid_scope`).
    #[error("these scopes were not granted: {0}")]
    Scope(Scopes),
    /// A longer life than tokens have here was asked for.
    #[error("a token lives {0} seconds at most")]
    Lifetime(u64),
    /// Another issuer speaks for this principal: it issues its tokens.
    #[error("another issuer issues the tokens for this subject")]
    Foreign,
    /// The cryptographic library failed.
    #[error("the token could not be signed: {0}")]
    Signing(String),
}

/// Only a token of ours can be revoked, and another proof was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no token that was issued here was presented, so there is none to revoke")]
pub struct NoToken;

/// Proves, issues and revokes: the one owner of roster and tokens.
#[derive(Debug)]
pub struct Authority {
    roster: ArcSwap<Roster>,
    tokens: Tokens,
    issuers: Issuers,
    last_used: Mutex<HashMap<KeyId, Timestamp>>,
}

impl Authority {
    /// An authority over this roster and these tokens.
    pub fn new(roster: Roster, tokens: Tokens) -> Self {
        Self {
            roster: ArcSwap::from_pointee(roster),
            tokens,
            issuers: Issuers::default(),
            last_used: Mutex::default(),
        }
    }

    /// The roster as it is now.
    pub fn roster(&self) -> Arc<Roster> {
        self.roster.load_full()
    }

    /// `iss` of the tokens.
    pub fn issuer(&self) -> &str {
        &self.tokens.issuer
    }

    /// How long a token lives where nobody asks for less.
    pub fn lifetime(&self) -> Duration {
        self.tokens.lifetime
    }

    /// Proves an API key with exactly one bcrypt: call it where blocking is fine.
    ///
    /// # Errors
    /// Why it is refused; only the log may tell the reasons apart.
    pub fn authenticate_key(&self, key: &ApiKey, now: Timestamp) -> Result<Principal, KeyRefusal> {
        let verified = self.roster.load().verify(key, now)?;
        let mut last_used = self.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        last_used.insert(verified.key_id().clone(), whole_second(now));
        Ok(verified.into())
    }

    /// Proves an access token: first itself, then that whoever it was issued to may still come in.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn authenticate_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Principal, TokenRefusal> {
        let verified = self.tokens.verify(token, now)?;
        let roster = self.roster.load();
        let welcome = match verified.key_id() {
            Some(id) => {
                roster.check_key(id, now).is_ok_and(|client| client.name == *verified.subject())
            }
            None => roster.user(verified.subject()).is_some_and(|user| !user.disabled),
        };
        if welcome { Ok(verified.into()) } else { Err(TokenRefusal::Withdrawn) }
    }

    /// Issues a token to a proven principal. It never allows more, nor lives longer, than the proof.
    ///
    /// # Errors
    /// [`IssueRefusal`] for a wish beyond what was granted.
    pub fn issue(
        &self,
        to: &Principal,
        wish: Wish,
        now: Timestamp,
    ) -> Result<Granted, IssueRefusal> {
        let (subject, client_id) = to.ours().ok_or(IssueRefusal::Foreign)?;
        let scopes = match wish.scopes {
            None => to.scopes().clone(),
            Some(wanted) if wanted.is_subset(to.scopes()) => wanted,
            Some(wanted) => {
                let beyond = wanted.iter().filter(|scope| !to.has_scope(scope)).cloned().collect();
                return Err(IssueRefusal::Scope(beyond));
            }
        };
        let longest = self.tokens.lifetime;
        let lifetime = wish.lifetime.unwrap_or(longest);
        if lifetime > longest {
            return Err(IssueRefusal::Lifetime(longest.as_secs()));
        }
        let end = now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
        let grant = Grant {
            subject: subject.clone(),
            client_id: client_id.clone(),
            roles: to.roles().clone(),
            scopes: scopes.clone(),
            key_id: to.key_id().cloned(),
            expires_at: to.expires_at().map_or(end, |proof_end| end.min(proof_end)),
        };
        let issued = self
            .tokens
            .issue(grant, now)
            .map_err(|error| IssueRefusal::Signing(error.to_string()))?;
        Ok(Granted { issued, scopes })
    }

    /// Ends the token that proved this principal.
    ///
    /// # Errors
    /// [`NoToken`] when it was proven by something else.
    pub fn revoke(&self, presented: &Principal, now: Timestamp) -> Result<(), NoToken> {
        match presented.proof() {
            Proof::Token { id, expires_at, .. } => {
                self.tokens.revoke(id, *expires_at, now);
                Ok(())
            }
            Proof::ApiKey { .. } | Proof::ForeignToken { .. } => Err(NoToken),
        }
    }

    /// When an API key was last proven, since the start of the process.
    pub fn last_used(&self, key: &KeyId) -> Option<Timestamp> {
        self.last_used.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }
}

/// Fractions of a second say nothing to people who look for stale keys.
fn whole_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// An issued token with the scopes that it really allows.
#[derive(Debug)]
pub struct Granted {
    /// The token and when it ends.
    pub issued: Issued,
    /// What it allows.
    pub scopes: Scopes,
}
