//! The one type of this room that everything else asks.

use std::{net::IpAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    authority::{
        cache_usage::CacheUsage,
        issue_request::{IssueError, IssueRequest, RevokeError},
        key_usage::{KeyUsage, KeyUsageTable},
        recent_tokens::RecentTokens,
        roster_status::{BrokenRoster, RosterStatus},
        token_cache::{CachedToken, TokenCache},
        token_holder::TokenHolder,
    },
    diagnostics::Diagnostics,
    oauth::{Audience, KeyId, custom_claims::CustomClaims},
    principal::{Principal, Proof},
    roster::{
        api_key::ApiKey,
        client_record::SourcedClient,
        roster::{LoadedRoster, Roster},
        roster_entries::EntryOptions,
        secret_cache::SecretCache,
        verified_key::{ApiKeyError, VerifiedKey},
        verified_password::PasswordError,
    },
    store::{
        revocations::{Durability, Revocations},
        state_error::StateError,
    },
    tokens::{
        access_tokens::{IssuedToken, TokenSpec, Tokens},
        claims::{OwnToken, VerifiedToken},
        external::external_issuers::ExternalIssuers,
        keyring::Keyring,
        token_error::TokenError,
    },
};

/// The owner of roster, tokens and revocations.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(super) roster: ArcSwap<Roster>,
    roster_status: ArcSwap<RosterStatus>,
    pub(super) tokens: Tokens,
    revocations: Revocations,
    pub(super) token_cache: TokenCache,
    pub(super) recent_tokens: RecentTokens,
    pub(super) issuers: ExternalIssuers,
    api_keys: SecretCache,
    passwords: SecretCache,
    key_usage: KeyUsageTable,
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

    /// Authenticates an API key of this peer, with at most one bcrypt: call it where blocking is fine.
    ///
    /// # Errors
    /// Why it is refused; only the log may tell the reasons apart.
    pub(crate) fn authenticate_key(
        &self,
        key: &ApiKey,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Arc<Principal>, ApiKeyError> {
        let verified = self.roster.load().verify(&self.api_keys, key, peer, now)?;
        Ok(self.used(verified, now))
    }

    /// The same without bcrypt; none for a key that [`Self::authenticate_key`] has to verify first.
    pub(crate) fn authenticate_known_key(
        &self,
        key: &ApiKey,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, ApiKeyError>> {
        let verified = self.roster.load().recall(&self.api_keys, key, peer, now)?;
        Some(verified.map(|verified| self.used(verified, now)))
    }

    /// Authenticates an API key that is not in the roster, by what the application knows of it; else as
    /// [`Self::authenticate_key`].
    ///
    /// # Errors
    /// The same.
    pub(crate) fn authenticate_sourced_key(
        &self,
        key: &ApiKey,
        sourced: &SourcedClient,
        now: Timestamp,
    ) -> Result<Arc<Principal>, ApiKeyError> {
        let verified = self.roster.load().verify_sourced(&self.api_keys, key, sourced, now)?;
        Ok(Arc::new(verified.into()))
    }

    /// The same without bcrypt; none for a key that [`Self::authenticate_sourced_key`] has to verify first.
    pub(crate) fn authenticate_known_sourced_key(
        &self,
        key: &ApiKey,
        sourced: &SourcedClient,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, ApiKeyError>> {
        let verified = self.roster.load().recall_sourced(&self.api_keys, key, sourced, now)?;
        Some(verified.map(|verified| Arc::new(verified.into())))
    }

    fn used(&self, verified: VerifiedKey, now: Timestamp) -> Arc<Principal> {
        self.key_usage.record(verified.key_id(), now);
        Arc::new(verified.into())
    }

    /// Authenticates a user at this peer by password, with exactly one bcrypt: call it where blocking is fine.
    ///
    /// # Errors
    /// Why it is refused; only the log may tell the reasons apart.
    pub(crate) fn authenticate_password(
        &self,
        name: &str,
        password: &SecretString,
        peer: Option<IpAddr>,
    ) -> Result<Principal, PasswordError> {
        Ok(self.roster.load().verify_password(&self.passwords, name, password, peer)?.into())
    }

    /// Authenticates a user by a password that [`Self::authenticate_password`] verified before, without bcrypt; none
    /// if it has not.
    pub(crate) fn authenticate_known_password(
        &self,
        name: &str,
        password: &SecretString,
        peer: Option<IpAddr>,
    ) -> Option<Result<Principal, PasswordError>> {
        let verified = self.roster.load().recall_password(&self.passwords, name, password, peer)?;
        Some(verified.map(Principal::from))
    }

    /// Authenticates an access token of a client or user: first the token itself, then that its subject may still have
    /// one.
    ///
    /// # Errors
    /// Why it is refused.
    pub(crate) fn authenticate_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Arc<Principal>, TokenError> {
        match self.token_holder(token, now)? {
            TokenHolder::Known(principal) => Ok(principal),
            TokenHolder::Sourced(_) => Err(TokenError::Withdrawn),
            TokenHolder::Account(_) => Err(TokenError::Account),
        }
    }

    /// The same for every access token of ours; for some the application must be asked what the subject may do now.
    ///
    /// # Errors
    /// Why it is refused, whatever the application says.
    pub(crate) fn token_holder(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<TokenHolder, TokenError> {
        let verified = self.verify_token(token, now)?;
        match verified.is_for(&self.tokens.audience) {
            true => Ok(verified.holder.clone()),
            false => Err(TokenError::Audience),
        }
    }

    /// The same of a token for any service, with the audiences that its subject may still ask for.
    ///
    /// # Errors
    /// Why it is refused, whatever the application says.
    pub(crate) fn introspect(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(TokenHolder, Vec<String>), TokenError> {
        let verified = self.verify_token(token, now)?;
        match verified.audiences.is_empty() {
            true => Err(TokenError::Audience),
            false => Ok((verified.holder.clone(), verified.audiences.clone())),
        }
    }

    /// Verifies a token for whatever audience, or finds it among those that the same keys verified before; whatever else may have changed since
    /// is checked every time: the time, the revocations, the roster.
    fn verify_token(&self, token: &str, now: Timestamp) -> Result<Arc<CachedToken>, TokenError> {
        let (roster, keyring) = (self.roster.load(), self.tokens.keyring.load());
        let own = &self.tokens.audience;
        let known = self.token_cache.find(token).filter(|known| known.is_verified_by(&keyring));
        let cached = match known {
            Some(cached) => {
                self.tokens.check(&cached.token, now)?;
                match cached.is_limited_by(&roster) {
                    true => cached,
                    false => {
                        let verified = cached.token.clone();
                        self.token_cache.add(token, verified, own, &roster, &keyring)
                    }
                }
            }
            None => {
                let verified = self.tokens.verify_with(&keyring, token, now)?;
                self.token_cache.add(token, verified, own, &roster, &keyring)
            }
        };
        if cached.expires_at.is_some_and(|end| self.tokens.is_over(end, now)) {
            return Err(TokenError::Expired);
        }
        if cached.token.ids().any(|id| self.is_revoked(id)) {
            return Err(TokenError::Revoked);
        }
        match (&cached.holder, &cached.token) {
            (TokenHolder::Known(_), OwnToken::Subject(token))
                if !Self::is_still_granted(&roster, token, now) =>
            {
                Err(TokenError::Withdrawn)
            }
            _ => Ok(cached),
        }
    }

    /// Whether the token of this `jti` itself was revoked.
    pub(super) fn is_revoked(&self, id: &str) -> bool {
        self.revocations.contains(id)
    }

    /// The principal of a token for a client that is not in the roster, with the roles and scopes that it still has;
    /// `sourced` is what the application knows of its key.
    ///
    /// # Errors
    /// The key is gone or has expired, the client is disabled, has another name, or one that the roster has.
    pub(crate) fn admit_sourced(
        &self,
        token: &VerifiedToken,
        sourced: &SourcedClient,
        now: Timestamp,
    ) -> Result<Principal, TokenError> {
        let roster = self.roster.load();
        let id = token.key_id().ok_or(TokenError::Withdrawn)?;
        let client = roster.check_sourced_key(sourced, id, now).ok();
        let client = client.filter(|client| client.name == *token.subject());
        let client = client.ok_or(TokenError::Withdrawn)?;
        let limited = token.clone().limited_to(&client.roles, &client.scopes);
        Ok(limited.keeping(&CustomClaims::default()).into())
    }

    /// Whether the roster still has what the token was issued for.
    fn is_still_granted(roster: &Roster, token: &VerifiedToken, now: Timestamp) -> bool {
        match token.key_id() {
            Some(id) => {
                roster.check_key(id, now).is_ok_and(|client| client.name == *token.subject())
            }
            None => {
                let issued_at = token.issued_at();
                roster.check_user(token.subject(), token.client_id(), issued_at).is_ok()
            }
        }
    }

    /// Revokes a token that was issued to `client` (RFC 7009). One that is invalid or expired is no error. Returns the
    /// `jti` of the token that was revoked. It waits for the disk or the network, so call it where blocking is fine.
    ///
    /// # Errors
    /// The token was issued to another client, or the revocation is not durable.
    pub(crate) fn revoke_token(
        &self,
        client: &Principal,
        token: &SecretString,
        now: Timestamp,
    ) -> Result<Option<String>, RevokeError> {
        // Also one that is revoked already: it may not have reached the disk.
        let (token, keyring) = (token.expose_secret(), self.tokens.keyring.load());
        let Ok(token) = self.tokens.verify_with(&keyring, token, now) else { return Ok(None) };
        let OwnToken::Subject(token) = token else { return Err(RevokeError::NotYours) };
        if client.ours().is_none_or(|(_, client_id)| token.client_id() != client_id) {
            return Err(RevokeError::NotYours);
        }
        self.add_revocation(token.id(), token.expires_at(), now)?;
        Ok(Some(token.id().to_owned()))
    }

    fn add_revocation(
        &self,
        id: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), RevokeError> {
        let until = match self.revocations.are_shared() {
            true => self.tokens.refused_from(expires_at),
            false => self.tokens.revoked_until(expires_at),
        };
        Ok(self.revocations.add(id, until, now)?)
    }

    /// Whether the revocations are known that were made before the start: until then no token of ours can be judged.
    pub(crate) fn knows_revocations(&self) -> bool {
        self.revocations.are_known()
    }

    /// Forgets revocations that are not needed at `now`, and checks that a restart would find the rest; to be called
    /// regularly, where blocking is fine. `uptime` is the time since the start by a monotonic clock.
    ///
    /// # Errors
    /// Why a restart would forget revocations.
    pub(crate) fn tend_revocations(
        &self,
        now: Timestamp,
        uptime: Duration,
    ) -> Result<(), StateError> {
        self.revocations.tend(now, uptime)
    }

    /// Whether a restart would find the revocations, and other replicas.
    pub(crate) fn durability(&self) -> Durability {
        self.revocations.durability()
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

    /// Revokes the token that authenticated this principal. It waits for the disk or the network, so call it where
    /// blocking is fine.
    ///
    /// # Errors
    /// It was authenticated by something else, or the revocation is not durable.
    pub(crate) fn revoke(&self, principal: &Principal, now: Timestamp) -> Result<(), RevokeError> {
        match principal.proof() {
            Proof::Token { id, expires_at, .. } => self.add_revocation(id, *expires_at, now),
            Proof::ApiKey { .. } | Proof::Password | Proof::ExternalToken { .. } => {
                Err(RevokeError::NoToken)
            }
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
