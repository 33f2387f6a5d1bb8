//! What the gates of a process take for the time.

use jiff::Timestamp;

#[cfg(any(test, feature = "testing"))]
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

#[cfg(any(test, feature = "testing"))]
use jiff::SignedDuration;

/// The time of the system. For tests each gate has a clock of its own, which can be ahead of it; clones are the same
/// clock.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock {
    /// In milliseconds.
    #[cfg(any(test, feature = "testing"))]
    ahead: Arc<AtomicI64>,
}

impl Clock {
    #[cfg(not(any(test, feature = "testing")))]
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[cfg(any(test, feature = "testing"))]
impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        let (now, ahead) = (Timestamp::now(), self.ahead.load(Ordering::Relaxed));
        now.saturating_add(SignedDuration::from_millis(ahead)).unwrap_or(Timestamp::MAX)
    }

    /// Moves it forward, in milliseconds.
    pub(crate) fn advance(&self, by: Duration) {
        let by = by.as_millis().try_into().unwrap_or(i64::MAX);
        let ahead = self.ahead.load(Ordering::Relaxed).saturating_add(by);
        self.ahead.store(ahead, Ordering::Relaxed);
    }
}
