//! One trusted issuer: its keys as they were fetched last, and when they may be fetched again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::tokens::{
    external::{
        external_claims::VerifiedExternalToken,
        external_issuer_settings::ExternalIssuerSettings,
        external_token_error::ExternalTokenError,
        fetch::{self, FetchError},
        fetched_jwk_set::Keys,
        verify_external_token::verify,
    },
    token_error::TokenError,
};

/// A fetch may take this long, discovery and keys together.
const FETCH_LIMIT: Duration = Duration::from_secs(5);

/// From one fetch to the next, whatever tokens say and however the first one ended.
const PAUSE: SignedDuration = SignedDuration::from_secs(10);

/// Older keys are fetched again when they are used.
const FRESH: SignedDuration = SignedDuration::from_mins(10);

/// How it stands with an issuer's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IssuerStatus {
    /// They were not needed yet.
    Unasked,
    /// The last fetch went well.
    Fetched,
    /// The last fetch failed; older keys may still serve.
    Failing(FetchError),
}

/// What became of a wish for fresh keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// They are here.
    Done,
    /// Another request fetches them now, or did so a moment ago.
    NotNow,
}

/// An issuer to trust, with its keys.
#[derive(Debug)]
pub(crate) struct ExternalIssuer {
    settings: ExternalIssuerSettings,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: Arc<Keys>,
    fetched: Option<Timestamp>,
    asked: Option<Timestamp>,
    is_fetching: bool,
    fault: Option<FetchError>,
}

impl State {
    fn may_fetch(&self, now: Timestamp) -> bool {
        // A clock that was put back must not lengthen the pause.
        let paused = |asked: Timestamp| asked <= now && now.duration_since(asked) < PAUSE;
        !self.is_fetching && !self.asked.is_some_and(paused)
    }
}

impl ExternalIssuer {
    /// An issuer whose keys were never fetched.
    pub(crate) fn new(settings: ExternalIssuerSettings) -> Self {
        Self { settings, state: Mutex::default() }
    }

    /// Whom it is and how to read its tokens.
    pub(crate) fn settings(&self) -> &ExternalIssuerSettings {
        &self.settings
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Proves a token with the keys at hand.
    ///
    /// # Errors
    /// `KeysNeeded` when its key is unknown and a fetch is allowed, or under way and worth waiting for; else why
    /// the token is refused. Only a token that says that this issuer made it needs keys.
    pub(crate) fn verify(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<VerifiedExternalToken, ExternalTokenError> {
        // Both at once: keys that arrive from here on do not turn `KeysNeeded` into a refusal.
        let (keys, may_change) = {
            let state = self.state();
            (Arc::clone(&state.keys), state.is_fetching || state.may_fetch(now))
        };
        match verify(token, &self.settings, &keys, now) {
            Err(TokenError::UnknownKey) if may_change => Err(ExternalTokenError::KeysNeeded),
            verified => Ok(verified?),
        }
    }

    /// Whether the keys are here, old or not fetched anew when they should have been, and may be fetched again.
    pub(crate) fn wants_refresh(&self, now: Timestamp) -> bool {
        let state = self.state();
        let is_old = |fetched| !(fetched <= now && now.duration_since(fetched) < FRESH);
        let is_wanted = |fetched| state.fault.is_some() || is_old(fetched);
        state.fetched.is_some_and(is_wanted) && state.may_fetch(now)
    }

    /// Fetches the keys, unless that happens just now or did so in the last 10 seconds: call it where blocking
    /// is fine. What was fetched before stays until a fetch succeeds.
    ///
    /// # Errors
    /// Why the keys cannot be had.
    pub(crate) fn refresh(&self, now: Timestamp) -> Result<Refresh, FetchError> {
        self.refresh_by(now, |settings| fetch::keys(&settings.url, FETCH_LIMIT))
    }

    pub(super) fn refresh_by(
        &self,
        now: Timestamp,
        fetch: impl FnOnce(&ExternalIssuerSettings) -> Result<Keys, FetchError>,
    ) -> Result<Refresh, FetchError> {
        {
            let mut state = self.state();
            if !state.may_fetch(now) {
                return Ok(Refresh::NotNow);
            }
            state.is_fetching = true;
            state.asked = Some(now);
        }
        let flight = Flight(self);
        let fetched = fetch(&self.settings);
        let mut state = self.state();
        let outcome = match fetched {
            Ok(keys) => {
                state.keys = Arc::new(keys);
                state.fetched = Some(now);
                state.fault = None;
                Ok(Refresh::Done)
            }
            Err(fault) => {
                state.fault = Some(fault.clone());
                Err(fault)
            }
        };
        drop(state);
        drop(flight);
        outcome
    }

    /// How it stands with the keys.
    pub(crate) fn status(&self) -> IssuerStatus {
        let state = self.state();
        match (&state.fault, state.fetched) {
            (Some(fault), _) => IssuerStatus::Failing(fault.clone()),
            (None, Some(_)) => IssuerStatus::Fetched,
            (None, None) => IssuerStatus::Unasked,
        }
    }
}

/// Ends with the fetch, even if that panics: otherwise they would never be fetched again.
struct Flight<'i>(&'i ExternalIssuer);

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.state().is_fetching = false;
    }
}
