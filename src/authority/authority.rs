//! The one type of this room that everything else asks.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::{
    authority::{
        cache_usage::CacheUsage,
        issue_request::{IssueError, IssueRequest},
        key_usage::{KeyUsage, KeyUsageTable},
        recent_tokens::RecentTokens,
        roster_status::{BrokenRoster, RosterStatus},
        token_cache::TokenCache,
    },
    diagnostics::Diagnostics,
    oauth::{Audience, KeyId},
    principal::{Principal, Proof},
    roster::{
        roster::{LoadedRoster, Roster},
        roster_entries::EntryOptions,
        secret_cache::SecretCache,
    },
    store::{revocations::Revocations, state_error::StateError},
    tokens::{
        access_tokens::{IssuedToken, TokenSpec, Tokens},
        external::external_issuers::ExternalIssuers,
        keyring::Keyring,
    },
};

/// The owner of roster, tokens and revocations.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(super) roster: ArcSwap<Roster>,
    roster_status: ArcSwap<RosterStatus>,
    pub(super) tokens: Tokens,
    pub(super) revocations: Revocations,
    pub(super) token_cache: TokenCache,
    pub(super) recent_tokens: RecentTokens,
    pub(super) issuers: ExternalIssuers,
    pub(super) api_keys: SecretCache,
    pub(super) passwords: SecretCache,
    pub(super) key_usage: KeyUsageTable,
}

impl Authority {
    pub(crate) fn new(roster: Roster, tokens: Tokens, revocations: Revocations) -> Self {
        Self {
            roster: ArcSwap::from_pointee(roster),
            roster_status: ArcSwap::default(),
            tokens,
            revocations,
            token_cache: TokenCache::default(),
            recent_tokens: RecentTokens::default(),
            issuers: ExternalIssuers::default(),
            api_keys: SecretCache::default(),
            passwords: SecretCache::default(),
            key_usage: KeyUsageTable::default(),
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

    /// Whether a signature takes longer than to hand it to another thread: RSA takes a millisecond and more.
    pub(crate) fn signs_slowly(&self) -> bool {
        self.tokens.keyring.load().algorithm() == "RS256"
    }

    /// The signing keys as they are now.
    pub(crate) fn keyring(&self) -> Arc<Keyring> {
        self.tokens.keyring.load_full()
    }

    /// Takes over other signing keys. A token whose key is not among them is refused from now on.
    pub(crate) fn replace_keyring(&self, keyring: Keyring) {
        // The same keys need not verify again what they have verified.
        if !keyring.has_same_keys(&self.tokens.keyring.load()) {
            self.tokens.keyring.store(Arc::new(keyring));
        }
    }

    /// Issues a token to a principal. It never allows more, nor lives longer, than the credential of the principal.
    ///
    /// # Errors
    /// The request asks for more than was granted, or the token cannot be signed.
    pub(crate) fn issue(
        &self,
        to: &Principal,
        request: IssueRequest,
        now: Timestamp,
    ) -> Result<IssuedToken, IssueError> {
        let (subject, client_id) = to.ours().ok_or(IssueError::Foreign)?;
        let scopes = match request.scopes {
            None => to.scopes().clone(),
            Some(wanted) if wanted.is_subset(to.scopes()) => wanted,
            Some(wanted) => {
                let beyond = wanted.iter().filter(|scope| !to.has_scope(scope)).cloned().collect();
                return Err(IssueError::Scope(beyond));
            }
        };
        let roster = self.roster.load();
        let options = roster.options(to.key_id(), subject);
        let longest = self.longest(options);
        let audience = self.audience_for(options, request.audience)?;
        let lifetime = request.lifetime.unwrap_or(longest);
        if lifetime > longest {
            return Err(IssueError::Lifetime(longest.as_secs()));
        }
        let names = (subject.clone(), client_id.clone());
        let spec = TokenSpec { scopes, audience, ..spec(to, names, lifetime, now) };
        Ok(self.tokens.issue(spec, now)?)
    }

    /// How long the tokens of a client or user live at most.
    pub(super) fn longest(&self, options: Option<&EntryOptions>) -> Duration {
        let own = options.and_then(|options| options.token_lifetime);
        own.map_or(self.tokens.lifetime, |own| own.min(self.tokens.lifetime))
    }

    /// The audience that was asked for, or the default; none is our own.
    fn audience_for(
        &self,
        options: Option<&EntryOptions>,
        asked: Option<String>,
    ) -> Result<Option<Audience>, IssueError> {
        let allowed = options.map_or(&[][..], |options| &options.audiences);
        let Some(asked) = asked else { return Ok(allowed.first().cloned()) };
        match allowed.iter().find(|one| one.as_str() == asked) {
            Some(one) => Ok(Some(one.clone())),
            None if allowed.is_empty() && asked == self.tokens.audience => Ok(None),
            None => Err(IssueError::Audience(asked)),
        }
    }

    /// The usage of the cache of verified tokens.
    pub(crate) fn token_cache(&self) -> CacheUsage {
        self.token_cache.usage()
    }

    /// The usage of the cache of verified API keys.
    pub(crate) fn key_cache(&self) -> CacheUsage {
        self.api_keys.usage().into()
    }

    /// The usage of the cache of verified passwords.
    pub(crate) fn password_cache(&self) -> CacheUsage {
        self.passwords.usage().into()
    }

    /// How many revoked tokens are remembered.
    pub(crate) fn revocations(&self) -> usize {
        self.revocations.len()
    }

    /// Takes over a roster that was read again, as a whole or not at all: with errors in it, they are noted, and the
    /// roster in use stays. Returns the warnings.
    ///
    /// # Errors
    /// The errors.
    pub(crate) fn reload(
        &self,
        read: Result<LoadedRoster, Diagnostics>,
        now: Timestamp,
    ) -> Result<Diagnostics, Diagnostics> {
        match read {
            Ok(LoadedRoster { roster, warnings }) => {
                self.key_usage.retain(|key| roster.key(key).is_some());
                self.roster.store(Arc::new(roster));
                self.roster_status.rcu(|before| RosterStatus {
                    generation: before.generation + 1,
                    reloaded: Some(now),
                    broken: None,
                });
                Ok(warnings)
            }
            Err(diagnostics) => {
                self.roster_status.rcu(|before| RosterStatus {
                    generation: before.generation,
                    reloaded: before.reloaded,
                    broken: Some(BrokenRoster {
                        since: before.broken.as_ref().map_or(now, |broken| broken.since),
                        diagnostics: diagnostics.clone(),
                    }),
                });
                Err(diagnostics)
            }
        }
    }

    /// How the roster in use relates to its file.
    pub(crate) fn roster_status(&self) -> Arc<RosterStatus> {
        self.roster_status.load_full()
    }

    /// How often and when last an API key authenticated a request, since the start of the process.
    pub(crate) fn key_usage(&self, key: &KeyId) -> Option<KeyUsage> {
        self.key_usage.find(key)
    }

    /// When an API key was last used, here or, to the minute, before the start or at another replica.
    pub(crate) fn last_used(&self, key: &KeyId) -> Option<Timestamp> {
        self.key_usage.last_used(key)
    }

    /// Has the state record when keys were last used, and learns what others have recorded; to be called regularly,
    /// where blocking is fine.
    ///
    /// # Errors
    /// Nothing is lost: the next call tries again.
    pub(crate) fn exchange_key_uses(&self) -> Result<(), StateError> {
        let Some(log) = self.revocations.log() else { return Ok(()) };
        let uses = self.key_usage.unrecorded();
        let recorded = log.exchange_key_uses(&uses)?;
        let roster = self.roster();
        let is_known = |key: &KeyId| roster.key(key).is_some();
        self.key_usage.take_over(uses, is_known);
        self.key_usage.take_over(recorded, is_known);
        Ok(())
    }
}

/// A token with everything that a principal has, for as long as its proof lives and for `lifetime` at most; `names` are
/// its subject and client.
pub(super) fn spec<N, C>(
    to: &Principal,
    names: (N, C),
    lifetime: Duration,
    now: Timestamp,
) -> TokenSpec<N, C> {
    let (subject, client_id) = names;
    let end = now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
    TokenSpec {
        subject,
        client_id,
        roles: to.roles().clone(),
        scopes: to.scopes().clone(),
        key_id: to.key_id().cloned(),
        audience: None,
        parent: match to.proof() {
            Proof::Token { id, .. } => Some(id.clone()),
            Proof::ApiKey { .. } | Proof::Password | Proof::ExternalToken { .. } => None,
        },
        custom: to.custom().clone(),
        expires_at: to.expires_at().map_or(end, |proof_end| end.min(proof_end)),
    }
}
