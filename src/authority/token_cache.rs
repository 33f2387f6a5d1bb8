//! Tokens whose signature and claims were proven before, with whom they speak for.

use std::{
    fmt,
    hash::{Hash, Hasher},
    ptr,
    sync::{Arc, Weak},
};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use jiff::Timestamp;
use quick_cache::{Equivalent, Weighter, sync::Cache};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    authority::{cache_usage::CacheUsage, token_holder::TokenHolder},
    oauth::{Roles, Scopes, custom_claims::CustomClaims},
    principal::Principal,
    roster::roster::Roster,
    tokens::{
        claims::{OwnToken, VerifiedToken},
        keyring::Keyring,
    },
};

/// The most memory that is spent on it: some 30,000 tokens. What is forgotten is verified again.
const BYTES: u64 = 64 * 1024 * 1024;

/// A token that was good when it was verified.
#[derive(Debug)]
pub(super) struct CachedToken {
    /// What the token says.
    pub(super) token: OwnToken,
    /// Whom it speaks for, with what of it the roster allows.
    pub(super) holder: TokenHolder,
    /// Whom it is for, as far as the roster allows.
    pub(super) audiences: Vec<String>,
    /// When it ends, as far as the roster allows; an account's token, when it says.
    pub(super) expires_at: Option<Timestamp>,
    /// Which roster. As long as it is remembered, no other one can have its address.
    roster: Weak<Roster>,
    /// Which keys verified it.
    keyring: Weak<Keyring>,
}

impl CachedToken {
    /// `own` is our own audience.
    fn new(token: OwnToken, own: &str, roster: &Arc<Roster>, keyring: &Arc<Keyring>) -> Self {
        let (holder, options) = match &token {
            OwnToken::Subject(token)
                if token.key_id().is_some_and(|id| roster.key(id).is_none()) =>
            {
                (TokenHolder::Sourced(Arc::clone(token)), None)
            }
            OwnToken::Subject(token) => {
                let options = roster.options(token.key_id(), token.subject());
                (TokenHolder::Known(Arc::new(limited(token, roster))), options)
            }
            OwnToken::Account(token) => (TokenHolder::Account(Arc::clone(token)), None),
        };
        let may_have = |audience: &&String| {
            options.map_or(**audience == own, |options| options.may_have(audience, own))
        };
        let expires_at = match &holder {
            TokenHolder::Known(principal) => principal.expires_at(),
            TokenHolder::Sourced(_) | TokenHolder::Account(_) => None,
        };
        Self {
            audiences: token.audiences().filter(may_have).cloned().collect(),
            expires_at,
            holder,
            roster: Arc::downgrade(roster),
            keyring: Arc::downgrade(keyring),
            token,
        }
    }

    /// Whether it is for us; `own` is our own audience.
    pub(super) fn is_for(&self, own: &str) -> bool {
        self.audiences.iter().any(|audience| audience == own)
    }

    /// Whether it was this roster that limited the principal.
    pub(super) fn is_limited_by(&self, roster: &Arc<Roster>) -> bool {
        ptr::eq(self.roster.as_ptr(), Arc::as_ptr(roster))
    }

    /// Whether it was one of these keys that verified the token, and no other key was among them or missing.
    pub(super) fn is_verified_by(&self, keyring: &Arc<Keyring>) -> bool {
        ptr::eq(self.keyring.as_ptr(), Arc::as_ptr(keyring))
    }
}

/// The principal of a token, with what of it this roster allows.
fn limited(token: &VerifiedToken, roster: &Roster) -> Principal {
    let allowed = match token.key_id() {
        Some(id) => roster.key(id).map(|(one, _)| (&one.roles, &one.scopes, &one.options)),
        None => roster.user(token.subject()).map(|one| (&one.roles, &one.scopes, &one.options)),
    };
    let Some((roles, scopes, options)) = allowed else {
        let nothing = token.clone().limited_to(&Roles::new(), &Scopes::default());
        return nothing.keeping(&CustomClaims::default()).into();
    };
    let limited = token.clone().limited_to(roles, scopes).keeping(&options.claims);
    match options.token_lifetime {
        Some(lifetime) => limited.living(lifetime),
        None => limited,
    }
    .into()
}

/// That a key signed these very bytes stays true as long as the key ring is the same, and so does what they say.
pub(super) struct TokenCache(Cache<Text, Arc<CachedToken>, Size>);

impl Default for TokenCache {
    fn default() -> Self {
        Self::of(BYTES)
    }
}

impl TokenCache {
    /// Room for so many bytes.
    pub(super) fn of(bytes: u64) -> Self {
        Self(Cache::with_weighter(1024, bytes, Size))
    }

    /// The token of exactly this text.
    pub(super) fn find(&self, text: &str) -> Option<Arc<CachedToken>> {
        self.0.get(&Presented(text))
    }

    /// Remembers a token that these keys verified, with what this roster allows of it; `own` is our own audience.
    pub(super) fn add(
        &self,
        text: &str,
        token: OwnToken,
        own: &str,
        roster: &Arc<Roster>,
        keyring: &Arc<Keyring>,
    ) -> Arc<CachedToken> {
        let proven = Arc::new(CachedToken::new(token, own, roster, keyring));
        self.0.insert(Text::of(text), Arc::clone(&proven));
        proven
    }

    pub(super) fn usage(&self) -> CacheUsage {
        CacheUsage { hits: self.0.hits(), misses: self.0.misses(), bytes: self.0.weight() }
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").finish_non_exhaustive()
    }
}

/// A whole token, wiped when it is forgotten.
struct Text {
    whole: SecretString,
    /// Where the signature begins.
    signature: usize,
}

impl Text {
    fn of(whole: &str) -> Self {
        let signature = whole.rfind('.').map_or(0, |dot| dot + 1);
        Self { whole: whole.into(), signature }
    }
}

/// A token that is looked for.
struct Presented<'t>(&'t str);

/// The end of a signature: it cannot be chosen for a token that is verified.
const END: usize = 16;

fn hash_end(text: &str, state: &mut impl Hasher) {
    let bytes = text.as_bytes();
    state.write(bytes.get(bytes.len().saturating_sub(END)..).unwrap_or_default());
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_end(self.whole.expose_secret(), state);
    }
}

impl Hash for Presented<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_end(self.0, state);
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        Presented(self.whole.expose_secret()).equivalent(other)
    }
}

impl Eq for Text {}

impl Equivalent<Text> for Presented<'_> {
    /// Every byte counts; the signature, which is what cannot be guessed, is compared in constant time.
    fn equivalent(&self, known: &Text) -> bool {
        let cut = |text| str::as_bytes(text).split_at_checked(known.signature);
        let halves = (cut(self.0), cut(known.whole.expose_secret()));
        let (Some((message, signature)), Some((known_message, known_signature))) = halves else {
            return false;
        };
        message == known_message && verify_slices_are_equal(signature, known_signature).is_ok()
    }
}

/// Bytes in memory, about: the text, what was read from it twice, and what holds it together.
#[derive(Clone)]
struct Size;

impl Weighter<Text, Arc<CachedToken>> for Size {
    fn weight(&self, text: &Text, proven: &Arc<CachedToken>) -> u64 {
        const WORD: usize = 64;
        const REST: usize = 256;
        let words = proven.token.roles().len() + proven.token.scopes().iter().count();
        let fixed =
            size_of::<CachedToken>() + size_of::<VerifiedToken>() + size_of::<Principal>() + REST;
        (3 * text.whole.expose_secret().len() + WORD * words + fixed) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_token_counts() {
        let good = "header.payload.signature-of-a-key";
        assert!(Presented(good).equivalent(&Text::of(good)));
        for at in 0..good.len() {
            let mut bad = good.as_bytes().to_vec();
            bad[at] ^= 1;
            let bad = String::from_utf8(bad).unwrap();
            assert!(!Presented(&bad).equivalent(&Text::of(good)), "{bad}");
        }
        for bad in [&good[1..], &good[..good.len() - 1], "", "signature-of-a-key", &good.repeat(2)]
        {
            assert!(!Presented(bad).equivalent(&Text::of(good)), "{bad}");
        }
    }
}
